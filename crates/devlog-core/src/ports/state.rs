//! `StateStore`: what devlog remembers between runs. It can be deleted at any time and costs only work, never content.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::conflict::Conflict;
use crate::files::{BaseFile, BaseFiles, CommitNumber, ContentHash, RemoteFile};
use crate::path::RelPath;
use crate::ports::local::{StatRecord, StatRecords};
use crate::report::Operation;

/// A remote's random identity, as `remote.json` states it. State belongs to an identity, not to a URL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RemoteId(pub String);

/// The newest commit that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its number.
    pub number: CommitNumber,
    /// SHA-256 of its bytes, which the next commit names as its parent.
    pub hash: ContentHash,
}

/// A commit that was about to be written: if the chain turns out to hold it, these rows are true.
///
/// While files are still on their way there is no commit yet and its id is empty: the rows then say what is being sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The commit's random id.
    pub commit_id: String,
    /// The number it was to take.
    pub number: CommitNumber,
    /// The base rows it justifies; `None` where it deletes the path.
    pub rows: Vec<(RelPath, Option<BaseFile>)>,
}

impl Intent {
    /// What it puts at each path that it does not delete.
    pub fn contents(&self) -> impl Iterator<Item = (RelPath, ContentHash)> {
        self.rows.iter().filter_map(|(path, row)| Some((path.clone(), row.as_ref()?.hash)))
    }
}

/// Everything remembered of one remote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The tree B.
    pub base: BaseFiles,
    /// Where R, as of `head`, differs from B: a file, or `None` for a deletion. R is B with these laid over it.
    pub ahead: BTreeMap<RelPath, Option<RemoteFile>>,
    /// The newest commit that was read; `None` before the first.
    pub head: Option<Head>,
    /// A commit whose outcome is not known.
    pub intent: Option<Intent>,
}

/// One thing to remember.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateChange {
    /// The chain was read up to here.
    Head(Head),
    /// Both sides agree on the path; what was `ahead` of it is settled.
    Agree(RelPath, BaseFile),
    /// The path is gone on both sides: neither a base row nor an ahead row is left.
    Forget(RelPath),
    /// The path was deleted on this disk and the deletion is not passed on.
    MarkDeleted(RelPath),
    /// The remote is ahead at the path: a file, or a deletion.
    Ahead(RelPath, Option<RemoteFile>),
    /// A commit is about to be written.
    Intend(Intent),
    /// The commit's outcome is known.
    ClearIntent,
}

/// A request that waits for the network. Never a computed operation: the plan is made anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedRequest {
    /// Stable id.
    pub id: i64,
    /// What was asked for.
    pub operation: Operation,
    /// The paths it was limited to; empty is everything.
    pub paths: Vec<RelPath>,
    /// When it was asked for first.
    pub since: DateTime<Utc>,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last try failed.
    pub last_error: Option<String>,
}

/// What is kept of a finished run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    /// What was asked for.
    pub operation: Operation,
    /// When it began.
    pub started: DateTime<Utc>,
    /// How long it took.
    pub duration_ms: u64,
    /// Whether everything was done.
    pub succeeded: bool,
    /// The first error, if any.
    pub error: Option<String>,
    /// Files sent, fetched and deleted.
    pub files: u64,
    /// Bytes sent and fetched.
    pub bytes: u64,
    /// Requests sent.
    pub requests: u64,
}

/// The state store failed.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It was written by a newer devlog.
    #[error("the state was written by a newer devlog (format {found}, this one knows {known})")]
    TooNew {
        /// The format it has.
        found: u32,
        /// The newest that this program reads.
        known: u32,
    },
    /// It is damaged. It can be deleted: the next run rebuilds it and deletes nothing.
    #[error("the state is damaged: {0}")]
    Damaged(String),
    /// The disk failed.
    #[error("the state cannot be read or written")]
    Io(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Remembers between runs. Calls block briefly; each is one durable transaction.
pub trait StateStore: fmt::Debug + Send + Sync {
    /// The identity last seen at this URL.
    fn identity(&self, url: &str) -> Result<Option<RemoteId>, StateError>;

    /// Remembers which remote is found at this URL.
    fn bind(&self, url: &str, id: &RemoteId) -> Result<(), StateError>;

    /// Everything known of a remote; empty for one never seen.
    fn load(&self, id: &RemoteId) -> Result<Known, StateError>;

    /// Applies the changes in order, all or none.
    fn apply(&self, id: &RemoteId, changes: &[StateChange]) -> Result<(), StateError>;

    /// What earlier scans learned.
    fn stats(&self) -> Result<StatRecords, StateError>;

    /// Adds what a scan learned, and drops records of paths that `gone` names.
    fn learn(&self, learned: &[(RelPath, StatRecord)], gone: &[RelPath]) -> Result<(), StateError>;

    /// The conflicts that wait for a decision.
    fn conflicts(&self, id: &RemoteId) -> Result<Vec<Conflict>, StateError>;

    /// Replaces the waiting conflicts. One that was there before keeps the time of its detection.
    fn set_conflicts(&self, id: &RemoteId, conflicts: &[Conflict]) -> Result<(), StateError>;

    /// The requests that wait, oldest first.
    fn queue(&self) -> Result<Vec<QueuedRequest>, StateError>;

    /// Queues a request; one that asks for the same is counted as another try of it.
    fn enqueue(
        &self,
        operation: Operation,
        paths: &[RelPath],
        now: DateTime<Utc>,
        error: Option<&str>,
    ) -> Result<(), StateError>;

    /// Drops requests by id.
    fn dequeue(&self, ids: &[i64]) -> Result<(), StateError>;

    /// Keeps the record of a run; the store keeps the newest 1,000.
    fn record_run(&self, run: &RunRecord) -> Result<(), StateError>;

    /// The newest runs, newest first, at most `limit`.
    fn runs(&self, limit: usize) -> Result<Vec<RunRecord>, StateError>;
}
