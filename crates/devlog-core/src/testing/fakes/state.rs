//! `FakeState`: a state store in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use chrono::{DateTime, Utc};

use super::lock;
use crate::commit;
use crate::conflict::Conflict;
use crate::path::RelPath;
use crate::ports::{
    Known, QueuedRequest, RemoteId, RunRecord, StatRecord, StatRecords, StateChange, StateError, StateStore,
};
use crate::report::Operation;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Memory {
    identities: BTreeMap<String, RemoteId>,
    known: BTreeMap<RemoteId, Known>,
    stats: BTreeMap<RelPath, StatRecord>,
    conflicts: BTreeMap<RemoteId, Vec<Conflict>>,
    queue: Vec<QueuedRequest>,
    queued: i64,
    runs: Vec<RunRecord>,
}

type Trip = Box<dyn FnMut(&[StateChange]) -> bool + Send>;

/// Remembers until it is dropped.
#[derive(Default)]
pub struct FakeState {
    memory: Mutex<Memory>,
    trip: Mutex<Option<Trip>>,
}

impl std::fmt::Debug for FakeState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        lock(&self.memory).fmt(f)
    }
}

impl FakeState {
    /// Everything it holds, as text: equal before and after means that nothing was remembered.
    pub fn dump(&self) -> String {
        format!("{:#?}", lock(&self.memory))
    }

    /// Loses everything, as a deleted `state.db` does.
    pub fn lose(&self) {
        *lock(&self.memory) = Memory::default();
    }

    /// From the first transaction for which `trip` says so, every one fails, as if the process had been killed before
    /// it. Until [`Self::revive`].
    pub fn die_when(&self, trip: impl FnMut(&[StateChange]) -> bool + Send + 'static) {
        *lock(&self.trip) = Some(Box::new(trip));
    }

    /// Works again.
    pub fn revive(&self) {
        *lock(&self.trip) = None;
    }

    /// What is remembered of the remote at this URL.
    pub fn known(&self, url: &str) -> Known {
        let memory = lock(&self.memory);
        let id = memory.identities.get(url);
        id.and_then(|id| memory.known.get(id)).cloned().unwrap_or_default()
    }
}

impl StateStore for FakeState {
    fn identity(&self, url: &str) -> Result<Option<RemoteId>, StateError> {
        Ok(lock(&self.memory).identities.get(url).cloned())
    }

    fn bind(&self, url: &str, id: &RemoteId) -> Result<(), StateError> {
        lock(&self.memory).identities.insert(url.to_owned(), id.clone());
        Ok(())
    }

    fn load(&self, id: &RemoteId) -> Result<Known, StateError> {
        Ok(lock(&self.memory).known.get(id).cloned().unwrap_or_default())
    }

    fn apply(&self, id: &RemoteId, changes: &[StateChange]) -> Result<(), StateError> {
        let mut trip = lock(&self.trip);
        if trip.as_mut().is_some_and(|trip| trip(changes)) {
            *trip = Some(Box::new(|_| true));
            return Err(StateError::Io("the process was killed here".into()));
        }
        let mut memory = lock(&self.memory);
        let known = memory.known.entry(id.clone()).or_default();
        commit::apply(known, changes.to_vec());
        Ok(())
    }

    fn stats(&self) -> Result<StatRecords, StateError> {
        Ok(lock(&self.memory).stats.clone().into_iter().collect())
    }

    fn learn(&self, learned: &[(RelPath, StatRecord)], gone: &[RelPath]) -> Result<(), StateError> {
        let mut memory = lock(&self.memory);
        memory.stats.extend(learned.iter().cloned());
        memory.stats.retain(|path, _| !gone.contains(path));
        Ok(())
    }

    fn conflicts(&self, id: &RemoteId) -> Result<Vec<Conflict>, StateError> {
        Ok(lock(&self.memory).conflicts.get(id).cloned().unwrap_or_default())
    }

    fn set_conflicts(&self, id: &RemoteId, conflicts: &[Conflict]) -> Result<(), StateError> {
        let mut memory = lock(&self.memory);
        let before = memory.conflicts.remove(id).unwrap_or_default();
        let dated = conflicts.iter().map(|conflict| {
            let known = before.iter().find(|old| old.id() == conflict.id());
            let detected_at = known.and_then(|old| old.detected_at).or(conflict.detected_at);
            Conflict { detected_at, ..conflict.clone() }
        });
        let dated: Vec<Conflict> = dated.collect();
        if !dated.is_empty() {
            memory.conflicts.insert(id.clone(), dated);
        }
        Ok(())
    }

    fn queue(&self) -> Result<Vec<QueuedRequest>, StateError> {
        Ok(lock(&self.memory).queue.clone())
    }

    fn enqueue(
        &self,
        operation: Operation,
        paths: &[RelPath],
        now: DateTime<Utc>,
        error: Option<&str>,
    ) -> Result<(), StateError> {
        let mut memory = lock(&self.memory);
        let same = |queued: &&mut QueuedRequest| queued.operation == operation && queued.paths == paths;
        if let Some(queued) = memory.queue.iter_mut().find(same) {
            queued.attempts += 1;
            queued.last_error = error.map(str::to_owned);
            return Ok(());
        }
        memory.queued += 1;
        let queued = QueuedRequest {
            id: memory.queued,
            operation,
            paths: paths.to_vec(),
            since: now,
            attempts: u32::from(error.is_some()),
            last_error: error.map(str::to_owned),
        };
        memory.queue.push(queued);
        Ok(())
    }

    fn dequeue(&self, ids: &[i64]) -> Result<(), StateError> {
        lock(&self.memory).queue.retain(|queued| !ids.contains(&queued.id));
        Ok(())
    }

    fn record_run(&self, run: &RunRecord) -> Result<(), StateError> {
        let mut memory = lock(&self.memory);
        memory.runs.insert(0, run.clone());
        memory.runs.truncate(1000);
        Ok(())
    }

    fn runs(&self, limit: usize) -> Result<Vec<RunRecord>, StateError> {
        Ok(lock(&self.memory).runs.iter().take(limit).cloned().collect())
    }
}
