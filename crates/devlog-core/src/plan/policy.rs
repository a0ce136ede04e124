//! `SyncPolicy`: which way files may go, and what is asked before.

use crate::conflict::Strategy;
use crate::path::RelPath;
use crate::report::Operation;

/// Which sides a run may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The remote alone.
    Push,
    /// This disk alone.
    Pull,
    /// Both.
    Sync,
}

impl Direction {
    /// Whether the remote may change.
    pub const fn writes_remote(self) -> bool {
        matches!(self, Self::Push | Self::Sync)
    }

    /// Whether this disk may change.
    pub const fn writes_local(self) -> bool {
        matches!(self, Self::Pull | Self::Sync)
    }
}

impl From<Operation> for Direction {
    fn from(operation: Operation) -> Self {
        match operation {
            Operation::Push => Self::Push,
            Operation::Pull => Self::Pull,
            Operation::Sync => Self::Sync,
        }
    }
}

/// Whether a deletion on one side is carried out on the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletions {
    /// It is.
    Propagate,
    /// It is remembered and not passed on.
    Keep,
}

/// The paths a run is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope(Vec<RelPath>);

impl Scope {
    /// Everything.
    pub fn everything() -> Self {
        Self::default()
    }

    /// These files, and everything below these folders. Without any, everything.
    pub fn of(paths: Vec<RelPath>) -> Self {
        Self(paths)
    }

    /// Whether the run is about `path`.
    pub fn includes(&self, path: &RelPath) -> bool {
        self.0.is_empty() || self.0.iter().any(|scope| path.is_within(scope))
    }

    /// The paths as given; empty is everything.
    pub fn paths(&self) -> &[RelPath] {
        &self.0
    }
}

/// The rules of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncPolicy {
    /// Which sides may change.
    pub direction: Direction,
    /// What becomes of deletions.
    pub deletions: Deletions,
    /// What settles conflicts.
    pub strategy: Strategy,
    /// This device's name, for conflict copies.
    pub device: String,
    /// What the run is about.
    pub scope: Scope,
}
