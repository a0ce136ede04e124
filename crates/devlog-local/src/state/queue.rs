//! The table `queue`: requests that wait for the network.

use chrono::{DateTime, Utc};
use devlog_core::path::RelPath;
use devlog_core::ports::{QueuedRequest, StateError};
use devlog_core::report::Operation;
use rusqlite::{Connection, params};

use super::{damaged, nanoseconds, state_error, time_of};

pub(super) fn load(tx: &rusqlite::Transaction<'_>) -> Result<Vec<QueuedRequest>, StateError> {
    let mut rows = tx
        .prepare_cached(
            "SELECT id, operation, paths, since, attempts, last_error FROM queue ORDER BY since, id",
        )
        .map_err(state_error)?;
    let mut rows = rows.query([]).map_err(state_error)?;
    let mut requests = Vec::new();
    while let Some(row) = rows.next().map_err(state_error)? {
        let operation: String = row.get(1).map_err(state_error)?;
        let paths: String = row.get(2).map_err(state_error)?;
        requests.push(QueuedRequest {
            id: row.get(0).map_err(state_error)?,
            operation: operation_of(&operation)?,
            paths: serde_json::from_str(&paths).map_err(|error| damaged(&error))?,
            since: time_of(row.get(3).map_err(state_error)?),
            attempts: row.get(4).map_err(state_error)?,
            last_error: row.get(5).map_err(state_error)?,
        });
    }
    Ok(requests)
}

/// Adds a request, or counts another try of the one that asks for the same. Only a try that failed is a try.
pub(super) fn add(
    tx: &Connection,
    operation: Operation,
    paths: &[RelPath],
    now: DateTime<Utc>,
    error: Option<&str>,
) -> Result<(), StateError> {
    let mut paths = paths.to_vec();
    paths.sort();
    paths.dedup();
    let paths = serde_json::to_string(&paths).map_err(|error| StateError::Io(error.into()))?;
    tx.execute(
        "INSERT INTO queue (operation, paths, since, attempts, last_error) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (operation, paths) DO UPDATE SET
             attempts = attempts + excluded.attempts,
             last_error = coalesce(excluded.last_error, last_error)",
        params![operation.name(), paths, nanoseconds(now), i64::from(error.is_some()), error],
    )
    .map(drop)
    .map_err(state_error)
}

pub(super) fn remove(tx: &Connection, ids: &[i64]) -> Result<(), StateError> {
    let mut delete = tx.prepare_cached("DELETE FROM queue WHERE id = ?1").map_err(state_error)?;
    ids.iter().try_for_each(|id| delete.execute([id]).map(drop)).map_err(state_error)
}

pub(super) fn operation_of(name: &str) -> Result<Operation, StateError> {
    name.parse().map_err(|()| StateError::Damaged(format!("`{name}` is no operation")))
}
