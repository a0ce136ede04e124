//! Keeps the record of a run, and of a request that has to wait for the network.

use chrono::{DateTime, Utc};

use super::SyncManager;
use super::error::SyncFailure;
use super::run::Request;
use crate::execute::chain_of;
use crate::path::RelPath;
use crate::ports::RunRecord;
use crate::report::{Ending, Stop, SyncReport};

impl SyncManager {
    /// Keeps the record of the run, and of the request where it has to wait.
    pub(super) fn remember(
        &self,
        request: &Request,
        report: &SyncReport,
        started: DateTime<Utc>,
        failure: Option<&SyncFailure>,
    ) -> Result<(), SyncFailure> {
        let state = &self.ports.state;
        let ending = report.ending();
        let error = failure.map(|failure| chain_of(failure)).or_else(|| {
            let guard = report.guard.as_ref().map(ToString::to_string);
            guard.or_else(|| report.errors.first().map(|error| format!("{}: {}", error.path, error.message)))
        });
        let (operation, paths) = (request.operation, request.scope.paths());
        match ending {
            _ if report.queued => return Ok(state.enqueue(operation, paths, started, None)?),
            Ending::Stopped(Stop::Unreachable) => {
                state.enqueue(operation, paths, started, error.as_deref())?;
            }
            Ending::Done | Ending::Conflicts | Ending::Partial => {
                let scope = &request.scope;
                let done = |wanted: &[RelPath]| {
                    scope.paths().is_empty()
                        || (!wanted.is_empty() && wanted.iter().all(|path| scope.includes(path)))
                };
                let queued = state.queue()?;
                let ids: Vec<i64> = queued
                    .into_iter()
                    .filter(|queued| queued.operation == operation && done(&queued.paths))
                    .map(|queued| queued.id)
                    .collect();
                if !ids.is_empty() {
                    state.dequeue(&ids)?;
                }
            }
            Ending::Stopped(_) | Ending::Guarded | Ending::Corrupt => {}
        }
        Ok(state.record_run(&RunRecord {
            operation,
            started,
            duration_ms: report.duration_ms,
            succeeded: ending == Ending::Done,
            error,
            files: report.files_uploaded + report.files_downloaded + report.files_deleted,
            bytes: report.bytes_uploaded + report.bytes_downloaded,
            requests: report.requests,
        })?)
    }
}
