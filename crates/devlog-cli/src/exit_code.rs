//! The exit codes of `CLI.md`: what scripts may rely on.

use devlog_core::report::{Ending, Stop};

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitCode {
    /// Done, nothing to do, or queued as was asked.
    Done,
    /// Failed.
    Failed,
    /// Wrong usage, date or configuration.
    Usage,
    /// Partly done: some files failed, each named.
    Partial,
    /// Conflicts wait for a decision.
    Conflicts,
    /// The remote cannot be reached; the request is queued.
    Unreachable,
    /// The remote refuses us.
    Denied,
    /// Stopped by a guard.
    Guarded,
    /// Another devlog holds the lock.
    Locked,
    /// Content does not match its hash.
    Integrity,
    /// No such entry, conflict or checkpoint, or an ambiguous id.
    NotFound,
    /// Interrupted, in a consistent state.
    Interrupted,
}

impl ExitCode {
    /// The number that the shell sees.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Partial => 3,
            Self::Conflicts => 4,
            Self::Unreachable => 5,
            Self::Denied => 6,
            Self::Guarded => 7,
            Self::Locked => 8,
            Self::Integrity => 9,
            Self::NotFound => 10,
            Self::Interrupted => 130,
        }
    }
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Done => Self::Done,
            Ending::Partial => Self::Partial,
            Ending::Conflicts => Self::Conflicts,
            Ending::Guarded => Self::Guarded,
            Ending::Corrupt | Ending::Stopped(Stop::Corrupt) => Self::Integrity,
            Ending::Stopped(Stop::Unreachable) => Self::Unreachable,
            Ending::Stopped(Stop::Denied) => Self::Denied,
            Ending::Stopped(Stop::Interrupted) => Self::Interrupted,
            Ending::Stopped(Stop::Failed) => Self::Failed,
        }
    }
}
