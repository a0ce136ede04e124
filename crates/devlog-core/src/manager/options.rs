//! `PushOptions`, `PushMode` and their kin: what a caller may ask of a run.

use crate::conflict::Strategy;
use crate::path::RelPath;

/// How much a push takes on trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PushMode {
    /// Trusts the stat cache, the base and the chain.
    #[default]
    Incremental,
    /// Hashes every file again and checks every object by listing; heals what drifted.
    All,
}

impl PushMode {
    /// The name on the command line and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Incremental => "incremental",
            Self::All => "all",
        }
    }
}

/// What a push may be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushOptions {
    /// How much is taken on trust.
    pub mode: PushMode,
    /// Where both sides changed, this device wins. Overrides conflicts, never a guard.
    pub force: bool,
    /// Stop after the plan; nothing is written anywhere.
    pub dry_run: bool,
    /// Queue the request and send nothing.
    pub offline: bool,
    /// Pass deletions on.
    pub delete: bool,
    /// The number of deletions that the person agreed to.
    pub confirm_delete: Option<usize>,
    /// Instead of the configured strategy.
    pub conflict: Option<Strategy>,
    /// Only these files, and what is below these folders; empty is everything.
    pub paths: Vec<RelPath>,
}

/// What a plan for any direction may be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncOptions {
    /// How much is taken on trust.
    pub mode: PushMode,
    /// Pass deletions on.
    pub delete: bool,
    /// Instead of the configured strategy.
    pub conflict: Option<Strategy>,
    /// Only these; empty is everything.
    pub paths: Vec<RelPath>,
}

/// What a pull may be asked: the same as a plan.
pub type PullOptions = SyncOptions;
