//! Entries as JSON: the documents `devlog.list/1` and `devlog.show/1`, which scripts rely on.

use chrono::SecondsFormat;
use devlog_core::journal::{Entry, Event};
use serde::Serialize;

/// `list`, `show` and `new` print one of these.
#[derive(Debug, Serialize)]
pub(crate) struct ListDocument {
    schema: &'static str,
    entries: Vec<EntryDocument>,
}

/// One entry.
#[derive(Debug, Serialize)]
pub(crate) struct EntryDocument {
    id: String,
    at: String,
    ts: String,
    body: String,
    tags: Vec<String>,
    people: Vec<String>,
    projects: Vec<String>,
    device: String,
    deleted: bool,
    /// Devices changed it without knowing of each other.
    contested: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Vec<EventDocument>>,
}

#[derive(Debug, Serialize)]
struct EventDocument {
    id: String,
    op: String,
    ts: String,
    device: String,
    parents: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

impl ListDocument {
    pub(crate) fn new(schema: &'static str, entries: Vec<EntryDocument>) -> Self {
        Self { schema, entries }
    }
}

impl From<&Entry> for EntryDocument {
    fn from(entry: &Entry) -> Self {
        let found = entry.annotations();
        Self {
            id: entry.id.to_string(),
            at: entry.at.to_rfc3339_opts(SecondsFormat::AutoSi, false),
            ts: entry.ts.to_rfc3339_opts(SecondsFormat::Millis, true),
            body: entry.body.clone(),
            tags: found.tags,
            people: found.people,
            projects: found.projects,
            device: entry.device.clone(),
            deleted: entry.deleted,
            contested: entry.is_contested(),
            history: None,
        }
    }
}

impl EntryDocument {
    /// The entry with all that happened to it.
    pub(crate) fn with_history(entry: &Entry) -> Self {
        Self { history: Some(entry.history().iter().map(EventDocument::from).collect()), ..entry.into() }
    }
}

impl From<&Event> for EventDocument {
    fn from(event: &Event) -> Self {
        Self {
            id: event.id.to_string(),
            op: event.op.name().to_owned(),
            ts: event.ts.to_rfc3339_opts(SecondsFormat::Millis, true),
            device: event.device.clone(),
            parents: event.parents.iter().map(ToString::to_string).collect(),
            body: event.body.clone(),
        }
    }
}
