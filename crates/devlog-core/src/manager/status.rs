//! `Status`: is it syncing? What waits, what failed, when it last worked.

use chrono::{DateTime, Utc};

use super::chain::Chain;
use super::error::{SyncError, SyncFailure};
use super::{Ports, SyncManager};
use crate::conflict::Conflict;
use crate::path::RelPath;
use crate::plan::{self, Change};
use crate::ports::{Known, QueuedRequest, ScanDepth};
use crate::report::Operation;

/// What waits on either side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pending {
    /// Paths that differ here from what both sides agreed on.
    pub push: Vec<(RelPath, Change)>,
    /// Paths of which the remote has news, as far as its chain was read.
    pub pull: Vec<RelPath>,
}

/// The state of one root and one remote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// The remote's URL without secrets.
    pub remote: String,
    /// When a run last did everything it was asked for.
    pub last_success: Option<DateTime<Utc>>,
    /// When a push last did everything it was asked for.
    pub last_push: Option<DateTime<Utc>>,
    /// What the newest run failed with, where it did.
    pub last_error: Option<String>,
    /// What waits.
    pub pending: Pending,
    /// Conflicts that wait for a decision.
    pub conflicts: Vec<Conflict>,
    /// Requests that wait for the network.
    pub queue: Vec<QueuedRequest>,
}

/// How many runs are looked through for the newest success.
const RUNS: usize = 1000;

impl SyncManager {
    pub(super) async fn look(&self, fetch: bool) -> Result<Status, SyncError> {
        let remote = self.ports.remote.to_string();
        self.gather(fetch, &remote).await.map_err(|failure| SyncError {
            operation: Operation::Sync,
            remote,
            report: Box::default(),
            failure,
        })
    }

    async fn gather(&self, fetch: bool, url: &str) -> Result<Status, SyncFailure> {
        let Ports { local, remote, state, .. } = &self.ports;
        let scan = local.scan(state.stats()?, ScanDepth::TrustStats).await?;
        let (id, known) = if fetch {
            let chain = Chain::read(remote.as_ref(), state.as_ref()).await?;
            (chain.id, chain.known)
        } else {
            match state.identity(url)? {
                Some(id) => {
                    let known = state.load(&id)?;
                    (Some(id), known)
                }
                None => (None, Known::default()),
            }
        };
        let mut files = scan.local;
        for path in known.base.keys() {
            if !files.files.contains_key(path) && local.is_excluded(path) {
                files.unknown.insert(path.clone(), crate::files::Unknown::Excluded);
            }
        }
        let runs = state.runs(RUNS)?;
        let succeeded = |push_only: bool| {
            let fits = |operation: Operation| !push_only || operation != Operation::Pull;
            runs.iter().find(|run| run.succeeded && fits(run.operation)).map(|run| run.started)
        };
        Ok(Status {
            remote: url.to_owned(),
            last_success: succeeded(false),
            last_push: succeeded(true),
            last_error: runs.first().and_then(|run| run.error.clone()),
            pending: Pending {
                push: plan::detect_changes(&files, &known.base),
                pull: known.ahead.keys().cloned().collect(),
            },
            conflicts: match &id {
                Some(id) => state.conflicts(id)?,
                None => Vec::new(),
            },
            queue: state.queue()?,
        })
    }
}
