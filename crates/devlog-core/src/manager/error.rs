//! `SyncError`: a run that did not end well, with what it was and where.

use crate::commit::CommitError;
use crate::ports::{LocalError, RemoteError, StateError};
use crate::probe::ProbeError;
use crate::report::{Operation, Stop, SyncReport};

/// A run that did not end well. What it did before is in the report.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {preposition} {remote}", preposition = match .operation { Operation::Push => "to", Operation::Pull => "from", Operation::Sync => "with" })]
pub struct SyncError {
    /// What was asked for.
    pub operation: Operation,
    /// The remote's URL without secrets.
    pub remote: String,
    /// What the run did before it stopped.
    pub report: Box<SyncReport>,
    /// Why.
    #[source]
    pub failure: SyncFailure,
}

/// Why a run stopped.
#[derive(Debug, thiserror::Error)]
pub enum SyncFailure {
    /// The remote failed.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The disk failed.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// What is remembered cannot be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// An object below `.devlog/` is not what it must be.
    #[error("the remote's `{object}` cannot be used")]
    Chain {
        /// Which object.
        object: String,
        /// What is wrong with it.
        #[source]
        source: CommitError,
    },
    /// The remote cannot keep two devices apart.
    #[error("the remote cannot be used safely")]
    Unsafe(#[source] ProbeError),
    /// A person asked it to stop.
    #[error("interrupted; what was sent is committed")]
    Interrupted,
    /// Other devices were faster every time.
    #[error("other devices kept changing the remote; try again")]
    Contended,
}

impl SyncFailure {
    /// Whether the chain that was found does not continue the one that is known.
    pub(super) const fn is_broken_chain(&self) -> bool {
        matches!(self, Self::Chain { source: CommitError::Broken(_), .. })
    }

    /// How the report sums it up.
    pub(super) fn stop(&self) -> Stop {
        match self {
            Self::Remote(error) | Self::Unsafe(ProbeError::Remote(error)) => match error {
                RemoteError::Offline(_) | RemoteError::Throttled { .. } => Stop::Unreachable,
                RemoteError::Denied(_) => Stop::Denied,
                RemoteError::Corrupt(_) => Stop::Corrupt,
                RemoteError::NotFound
                | RemoteError::PreconditionFailed
                | RemoteError::Unusable(_)
                | RemoteError::Body(_)
                | RemoteError::Other { .. } => Stop::Failed,
            },
            Self::Chain { source, .. } => match source {
                CommitError::TooNew(_) | CommitError::Encrypted(_) => Stop::Failed,
                CommitError::Malformed(_)
                | CommitError::Broken(_)
                | CommitError::TooLarge(_)
                | CommitError::Packed(_) => Stop::Corrupt,
            },
            Self::Interrupted => Stop::Interrupted,
            Self::Local(_) | Self::State(_) | Self::Unsafe(_) | Self::Contended => Stop::Failed,
        }
    }
}
