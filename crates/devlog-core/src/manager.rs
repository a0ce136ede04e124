//! `SyncManager`: the one door to the engine.

mod chain;
mod error;
mod options;
mod publish;
mod record;
mod run;
mod status;
mod survey;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use error::{SyncError, SyncFailure};
pub use options::{PullOptions, PushMode, PushOptions, SyncOptions};
pub use status::{Pending, Status};

use crate::config::SyncConfig;
use crate::plan::Plan;
use crate::ports::{Clock, LocalTree, RemoteStorage, StateStore};
use crate::progress::ProgressReporter;
use crate::report::{Operation, SyncReport};
use run::Request;

/// Everything that the engine reaches the world through.
#[derive(Clone)]
pub struct Ports {
    /// The person's folder. The caller holds its lock for as long as a run lasts.
    pub local: Arc<dyn LocalTree>,
    /// The bucket.
    pub remote: Arc<dyn RemoteStorage>,
    /// What is remembered between runs.
    pub state: Arc<dyn StateStore>,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
    /// Who watches.
    pub reporter: Arc<dyn ProgressReporter>,
}

/// Pushes, plans and tells the state of one root and one remote.
pub struct SyncManager {
    ports: Ports,
    config: SyncConfig,
    device: String,
    interrupted: Arc<AtomicBool>,
}

impl SyncManager {
    /// A manager for one root and one remote. `device` is this machine's name in the log.
    pub fn new(ports: Ports, config: SyncConfig, device: impl Into<String>) -> Self {
        Self { ports, config, device: device.into(), interrupted: Arc::default() }
    }

    /// Setting it to true ends a run soon: what is under way is finished and committed, nothing new is begun.
    pub fn interrupt(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.interrupted)
    }

    /// Sends this disk's changes to the remote. Never changes a local file.
    ///
    /// The report tells of files that failed and of guards; an error means that the run as a whole did not end well.
    /// An unreachable remote queues the request.
    pub async fn push(&self, options: &PushOptions) -> Result<SyncReport, SyncError> {
        self.run(&Request::push(options, &self.config)).await
    }

    /// What a run would do, without doing it or remembering anything.
    pub async fn plan(&self, operation: Operation, options: &SyncOptions) -> Result<Plan, SyncError> {
        self.plan_only(&Request::planned(operation, options, &self.config)).await
    }

    /// What is known without asking the remote; with `fetch`, one look at the remote's newest commits.
    pub async fn status(&self, fetch: bool) -> Result<Status, SyncError> {
        self.look(fetch).await
    }
}
