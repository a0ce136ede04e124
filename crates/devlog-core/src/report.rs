//! `SyncReport`: what a run did, in figures.

use std::fmt;

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
    /// Content that does not match its hash was met.
    pub corrupt: bool,
}

/// How a finished run ended, worst first. The command line's exit code follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// A guard stopped it; nothing was done.
    Guarded,
    /// Content did not match its hash.
    Corrupt,
    /// Some files failed or could not be judged.
    Partial,
    /// Conflicts wait; everything else is done.
    Conflicts,
    /// Everything is done.
    Done,
}

impl SyncReport {
    /// How the run ended.
    pub fn ending(&self) -> Ending {
        if self.guard.is_some() {
            Ending::Guarded
        } else if self.corrupt {
            Ending::Corrupt
        } else if !self.errors.is_empty() || self.notes.iter().any(Note::is_partial) {
            Ending::Partial
        } else if self.conflicts > 0 {
            Ending::Conflicts
        } else {
            Ending::Done
        }
    }

    /// Counts a step that was carried out.
    pub fn count(&mut self, step: &Step) {
        match step {
            Step::Upload { size, .. } => {
                self.files_uploaded += 1;
                self.bytes_uploaded += size;
            }
            Step::Download { file, .. } => {
                self.files_downloaded += 1;
                self.bytes_downloaded += file.size;
            }
            Step::KeepBoth { .. } | Step::SetAsideRemote { .. } | Step::Merge { .. } => self.files_downloaded += 1,
            Step::DeleteRemote { .. } | Step::DeleteLocal { .. } => self.files_deleted += 1,
            Step::Adopt { .. } | Step::Record { .. } | Step::Forget | Step::MarkDeleted => {}
        }
    }
}
