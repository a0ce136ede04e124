//! The table `runs`: what the last runs did.

use devlog_core::ports::{RunRecord, StateError};
use rusqlite::{Connection, params};

use super::queue::operation_of;
use super::{nanoseconds, state_error, time_of};

/// How many runs are kept.
const KEPT: i64 = 1000;

pub(super) fn add(tx: &Connection, run: &RunRecord) -> Result<(), StateError> {
    tx.execute(
        "INSERT INTO runs (operation, started, duration_ms, succeeded, error, files, bytes, requests)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            run.operation.name(),
            nanoseconds(run.started),
            run.duration_ms.cast_signed(),
            run.succeeded,
            run.error,
            run.files.cast_signed(),
            run.bytes.cast_signed(),
            run.requests.cast_signed(),
        ],
    )
    .map_err(state_error)?;
    let newest = tx.last_insert_rowid();
    tx.execute("DELETE FROM runs WHERE id <= ?1", [newest - KEPT]).map(drop).map_err(state_error)
}

pub(super) fn newest(tx: &Connection, limit: usize) -> Result<Vec<RunRecord>, StateError> {
    let mut rows = tx
        .prepare_cached(
            "SELECT operation, started, duration_ms, succeeded, error, files, bytes, requests FROM runs
             ORDER BY id DESC LIMIT ?1",
        )
        .map_err(state_error)?;
    let mut rows = rows.query([i64::try_from(limit).unwrap_or(i64::MAX)]).map_err(state_error)?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next().map_err(state_error)? {
        let count = |column: usize| row.get::<_, i64>(column).map(i64::cast_unsigned).map_err(state_error);
        runs.push(RunRecord {
            operation: operation_of(&row.get::<_, String>(0).map_err(state_error)?)?,
            started: time_of(row.get(1).map_err(state_error)?),
            duration_ms: count(2)?,
            succeeded: row.get(3).map_err(state_error)?,
            error: row.get(4).map_err(state_error)?,
            files: count(5)?,
            bytes: count(6)?,
            requests: count(7)?,
        });
    }
    Ok(runs)
}
