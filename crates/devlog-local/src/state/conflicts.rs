//! The table `conflicts`: what waits for a decision.

use std::collections::HashMap;

use chrono::Utc;
use devlog_core::conflict::{Clash, Conflict, ConflictSide};
use devlog_core::ports::{RemoteId, StateError};
use rusqlite::{Connection, params};

use super::{base, damaged, nanoseconds, path_of, state_error, time_of};

pub(super) fn load(tx: &Connection, id: &RemoteId) -> Result<Vec<Conflict>, StateError> {
    let Some(remote) = base::number(tx, id)? else {
        return Ok(Vec::new());
    };
    let mut rows = tx
        .prepare_cached(
            "SELECT path, clash, local_side, remote_side, detected_at FROM conflicts WHERE remote = ?1 ORDER BY path",
        )
        .map_err(state_error)?;
    let mut rows = rows.query([remote]).map_err(state_error)?;
    let mut conflicts = Vec::new();
    while let Some(row) = rows.next().map_err(state_error)? {
        let text = |column: usize| row.get::<_, Option<String>>(column).map_err(state_error);
        conflicts.push(Conflict {
            path: path_of(&text(0)?.unwrap_or_default())?,
            clash: clash_of(&text(1)?.unwrap_or_default())?,
            local: side_of(text(2)?)?,
            remote: side_of(text(3)?)?,
            detected_at: Some(time_of(row.get(4).map_err(state_error)?)),
        });
    }
    Ok(conflicts)
}

pub(super) fn replace(tx: &Connection, id: &RemoteId, conflicts: &[Conflict]) -> Result<(), StateError> {
    let remote = base::numbered(tx, id)?;
    let earlier: HashMap<_, _> =
        load(tx, id)?.into_iter().map(|conflict| (conflict.path, conflict.detected_at)).collect();
    tx.execute("DELETE FROM conflicts WHERE remote = ?1", [remote]).map_err(state_error)?;
    let mut insert = tx
        .prepare_cached(
            "INSERT INTO conflicts (remote, path, clash, local_side, remote_side, detected_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .map_err(state_error)?;
    for conflict in conflicts {
        let before = earlier.get(&conflict.path).copied().flatten();
        let detected_at = before.or(conflict.detected_at).unwrap_or_else(Utc::now);
        insert
            .execute(params![
                remote,
                conflict.path.as_str(),
                conflict.clash.name(),
                text_of(conflict.local.as_ref())?,
                text_of(conflict.remote.as_ref())?,
                nanoseconds(detected_at),
            ])
            .map_err(state_error)?;
    }
    Ok(())
}

fn clash_of(name: &str) -> Result<Clash, StateError> {
    [Clash::BothAdded, Clash::BothModified, Clash::FileAndFolder]
        .into_iter()
        .find(|clash| clash.name() == name)
        .ok_or_else(|| StateError::Damaged(format!("`{name}` is no kind of conflict")))
}

fn side_of(text: Option<String>) -> Result<Option<ConflictSide>, StateError> {
    text.map(|text| serde_json::from_str(&text)).transpose().map_err(|error| damaged(&error))
}

fn text_of(side: Option<&ConflictSide>) -> Result<Option<String>, StateError> {
    side.map(serde_json::to_string).transpose().map_err(|error| StateError::Io(error.into()))
}
