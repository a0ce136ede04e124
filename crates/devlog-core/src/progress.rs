//! `SyncEvent` and `ProgressReporter`: one stream of events, whatever the output looks like.

use std::sync::Arc;
use std::time::Duration;

use crate::files::CommitNumber;
use crate::path::RelPath;
use crate::plan::{Plan, Step};
use crate::report::{Operation, SyncReport};

/// Files up to this size, in bytes, are read into memory whole, the only ones of which many travel at once. Of larger
/// ones every piece is reported as [`SyncEvent::Transferred`].
pub const SMALL_BYTES: u64 = 512 << 10;

/// How one action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// Carried out.
    Done,
    /// The file or object changed under us: it is planned again.
    Stale,
    /// It failed; the others go on.
    Failed(&'a str),
}

/// What happens during a run, in order.
#[derive(Debug, Clone, Copy)]
pub enum SyncEvent<'a> {
    /// The run begins.
    Started {
        /// What was asked for.
        operation: Operation,
        /// `incremental` or `all`.
        mode: &'static str,
        /// Whether it stops after the plan.
        dry_run: bool,
        /// The remote's URL without secrets.
        remote: &'a str,
        /// The root as the person names it.
        root: &'a str,
    },
    /// The disk has been read.
    Scanned {
        /// Regular files.
        files: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// It is decided what to do. Comes again if the remote moved meanwhile.
    Planned {
        /// The plan.
        plan: &'a Plan,
        /// Files that need nothing.
        skipped: u64,
    },
    /// One action begins.
    ActionStarted {
        /// Which file.
        path: &'a RelPath,
        /// What is done.
        step: &'a Step,
    },
    /// Bytes moved.
    Transferred {
        /// Which file.
        path: &'a RelPath,
        /// How many more.
        bytes: u64,
    },
    /// One action ended.
    ActionFinished {
        /// Which file.
        path: &'a RelPath,
        /// What was done.
        step: &'a Step,
        /// With what result.
        outcome: Outcome<'a>,
    },
    /// A commit is in the chain: what it names is safe.
    Committed {
        /// Its number.
        number: CommitNumber,
        /// How many paths it changed.
        paths: usize,
    },
    /// The run waits before it tries again.
    Waiting {
        /// How long.
        pause: Duration,
        /// Why.
        reason: &'a str,
    },
    /// The run is over.
    Finished {
        /// What it did.
        report: &'a SyncReport,
    },
}

/// Shows a run to somebody. Must not block for long.
pub trait ProgressReporter: Send + Sync {
    /// Takes one event.
    fn report(&self, event: &SyncEvent<'_>);
}

/// Hands every event to several reporters.
#[derive(Default)]
pub struct Fanout(pub Vec<Arc<dyn ProgressReporter>>);

impl ProgressReporter for Fanout {
    fn report(&self, event: &SyncEvent<'_>) {
        for reporter in &self.0 {
            reporter.report(event);
        }
    }
}

/// Shows nothing.
pub struct Silent;

impl ProgressReporter for Silent {
    fn report(&self, _: &SyncEvent<'_>) {}
}
