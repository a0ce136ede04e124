//! `SyncReport`: what a run did, in figures.

use std::fmt;

use crate::execute::Published;
use crate::guard::Guard;
use crate::path::RelPath;
use crate::plan::{Note, Step};

/// Which of the three runs it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Local changes to the remote.
    Push,
    /// Remote changes to this disk.
    Pull,
    /// Both in one plan.
    Sync,
}

impl Operation {
    /// The name in JSON, in the state and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Pull => "pull",
            Self::Sync => "sync",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Operation {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Push, Self::Pull, Self::Sync].into_iter().find(|operation| operation.name() == text).ok_or(())
    }
}

/// A file that could not be dealt with; the others were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    /// Which file.
    pub path: RelPath,
    /// Why, as one line.
    pub message: String,
}

/// What a run did.
#[derive(Debug, Clone, Default)]
pub struct SyncReport {
    /// Files on this disk.
    pub files_scanned: u64,
    /// Their bytes.
    pub bytes_scanned: u64,
    /// Files sent.
    pub files_uploaded: u64,
    /// Files fetched.
    pub files_downloaded: u64,
    /// Files deleted, on either side.
    pub files_deleted: u64,
    /// Files that needed nothing.
    pub files_skipped: u64,
    /// Bytes sent.
    pub bytes_uploaded: u64,
    /// Bytes fetched.
    pub bytes_downloaded: u64,
    /// Requests sent to the remote, retries included.
    pub requests: u64,
    /// How long the run took.
    pub duration_ms: u64,
    /// Conflicts that wait for a decision.
    pub conflicts: u64,
    /// Conflicts that the strategy settled.
    pub conflicts_settled: u64,
    /// Files that failed, each named.
    pub errors: Vec<FileError>,
    /// What was left out, and why.
    pub notes: Vec<Note>,
    /// The guard that stopped the run before anything was done.
    pub guard: Option<Guard>,
    /// What ended the run before its time.
    pub stopped: Option<Stop>,
    /// The request waits for the network; nothing was sent.
    pub queued: bool,
}

/// What ends a run before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The remote cannot be reached; the request is queued.
    Unreachable,
    /// The remote refuses us.
    Denied,
    /// Content did not match its hash.
    Corrupt,
    /// A person asked for it.
    Interrupted,
    /// Anything else.
    Failed,
}

/// How a run ended. The command line's exit code follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was stopped before its time.
    Stopped(Stop),
    /// A guard stopped it; nothing was done.
    Guarded,
    /// An object was missing or damaged.
    Corrupt,
    /// Some files failed or could not be judged.
    Partial,
    /// Conflicts wait; everything else is done.
    Conflicts,
    /// Everything is done, or queued as was asked.
    Done,
}

impl SyncReport {
    /// How the run ended.
    pub fn ending(&self) -> Ending {
        if let Some(stop) = self.stopped {
            Ending::Stopped(stop)
        } else if self.guard.is_some() {
            Ending::Guarded
        } else if self.notes.iter().any(Note::is_corrupt) {
            Ending::Corrupt
        } else if !self.errors.is_empty() || self.notes.iter().any(Note::is_partial) {
            Ending::Partial
        } else if self.conflicts > 0 {
            Ending::Conflicts
        } else {
            Ending::Done
        }
    }

    /// Counts a remote step whose commit is in the chain.
    pub(crate) fn count_published(&mut self, published: &Published) {
        match (&published.step, &published.file) {
            (Step::Upload { .. }, Some(file)) => {
                self.files_uploaded += 1;
                self.bytes_uploaded += file.size;
            }
            (Step::DeleteRemote { .. }, _) => self.files_deleted += 1,
            _ => {}
        }
    }
}
