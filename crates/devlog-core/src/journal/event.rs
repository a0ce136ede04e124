//! `Event`: one line of the journal, read leniently and written in one form.

use std::borrow::Cow;

use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// The version of the format that is written, and the highest that is read.
const VERSION: u32 = 1;

/// What an event does to its entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// The entry begins.
    Created,
    /// Its text is another.
    Edited,
    /// It is not shown any more.
    Deleted,
    /// It is shown again.
    Restored,
    /// Two versions became one.
    Merged,
    /// A person settled a conflict.
    Resolved,
    /// An op that a newer devlog may know. It is kept and changes nothing.
    Unknown(String),
}

impl Op {
    /// The name in the file.
    pub fn name(&self) -> &str {
        match self {
            Self::Created => "created",
            Self::Edited => "edited",
            Self::Deleted => "deleted",
            Self::Restored => "restored",
            Self::Merged => "merged",
            Self::Resolved => "resolved",
            Self::Unknown(name) => name,
        }
    }

    fn named(name: &str) -> Self {
        match name {
            "created" => Self::Created,
            "edited" => Self::Edited,
            "deleted" => Self::Deleted,
            "restored" => Self::Restored,
            "merged" => Self::Merged,
            "resolved" => Self::Resolved,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

/// What happened to an entry, when, and on which device. Immutable once written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// This event's own id.
    pub id: Ulid,
    /// The entry that it is about.
    pub entry: Ulid,
    /// What it does.
    pub op: Op,
    /// When it was written.
    pub ts: DateTime<Utc>,
    /// The time that the entry is about, with the writer's offset.
    pub at: Option<DateTime<FixedOffset>>,
    /// Who wrote it.
    pub device: String,
    /// The events that the writer had seen last.
    pub parents: Vec<Ulid>,
    /// The text, where the op brings one.
    pub body: Option<String>,
}

/// A line that is no event.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Not JSON, or not of our form: a torn line, or another program's.
    #[error("not an event: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Written by a newer devlog, in a form that this one does not know.
    #[error("written in format {0} by a newer devlog")]
    TooNew(u32),
}

/// The wire format. Unknown fields are passed over here and survive in the file, whose lines are never rewritten.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    v: u32,
    id: Ulid,
    entry: Ulid,
    #[serde(borrow)]
    op: Cow<'a, str>,
    ts: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    device: Cow<'a, str>,
    #[serde(default)]
    parents: Vec<Ulid>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    body: Option<Cow<'a, str>>,
}

/// Read first, so that a newer format is told from a torn line.
#[derive(Deserialize)]
struct Version {
    v: u32,
}

impl Event {
    /// Reads one line.
    pub fn parse(line: &str) -> Result<Self, EventError> {
        let line: Line<'_> = match serde_json::from_str(line) {
            Ok(line) => line,
            Err(error) => {
                return Err(match serde_json::from_str(line) {
                    Ok(Version { v }) if v > VERSION => EventError::TooNew(v),
                    Ok(_) | Err(_) => EventError::Malformed(error),
                });
            }
        };
        if line.v > VERSION {
            return Err(EventError::TooNew(line.v));
        }
        let at = line.at.as_deref().map(DateTime::parse_from_rfc3339).transpose();
        Ok(Self {
            id: line.id,
            entry: line.entry,
            op: Op::named(&line.op),
            ts: line.ts,
            at: at.map_err(<serde_json::Error as serde::de::Error>::custom)?,
            device: line.device.into_owned(),
            parents: line.parents,
            body: line.body.map(Cow::into_owned),
        })
    }

    /// The line to append, without its line break.
    pub fn to_line(&self) -> String {
        let line = Line {
            v: VERSION,
            id: self.id,
            entry: self.entry,
            op: self.op.name().into(),
            ts: self.ts,
            at: self.at.map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, false).into()),
            device: self.device.as_str().into(),
            parents: self.parents.clone(),
            body: self.body.as_deref().map(Cow::from),
        };
        serde_json::to_string(&line).expect("text, numbers and lists are always JSON")
    }

    /// A time as events keep it: to the millisecond.
    pub fn timestamp(now: DateTime<Utc>) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(now.timestamp_millis()).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"v":1,"id":"01K4XCA7JQ0000000000000001","entry":"01K4XCA7JQ0000000000000001","op":"created","ts":"2025-09-11T14:03:22.118Z","at":"2025-09-10T15:00:00-07:00","device":"xps","parents":[],"body":"Fixed the flaky test"}"#;

    #[test]
    fn a_line_survives_being_read_and_written() {
        let event = Event::parse(LINE).unwrap();
        assert_eq!(event.op, Op::Created);
        assert_eq!(event.at.unwrap().date_naive().to_string(), "2025-09-10");
        assert_eq!(event.to_line(), LINE);
    }

    #[test]
    fn what_is_not_known_is_passed_over() {
        let line =
            LINE.replace("\"created\"", "\"pinned\"").replace("\"v\":1", "\"v\":1,\"mood\":{\"x\":[1]}");
        let event = Event::parse(&line).unwrap();
        assert_eq!(event.op, Op::Unknown("pinned".to_owned()));
        assert_eq!(event.body.as_deref(), Some("Fixed the flaky test"));
    }

    #[test]
    fn escapes_in_every_field_are_read() {
        let line = LINE
            .replace("Fixed", "Fi\\u0078ed\\n\\\"")
            .replace("xps", "x\\u0070s")
            .replace("15:00", "15\\u003a00");
        let event = Event::parse(&line).unwrap();
        assert_eq!(event.body.as_deref(), Some("Fixed\n\" the flaky test"));
        assert_eq!(event.device, "xps");
        assert!(event.at.is_some());
    }

    #[test]
    fn lines_that_are_no_events_say_why() {
        for torn in [
            &LINE[..60],
            "",
            "null",
            "[]",
            "\u{0}\u{0}\u{0}",
            &LINE.replace("2025-09-10T15", "2025-13-10T15"),
        ] {
            assert!(matches!(Event::parse(torn), Err(EventError::Malformed(_))), "{torn}");
        }
        for newer in [LINE.replace("\"v\":1", "\"v\":2"), "{\"v\":7,\"stuff\":1}".to_owned()] {
            assert!(matches!(Event::parse(&newer), Err(EventError::TooNew(2 | 7))), "{newer}");
        }
    }
}
