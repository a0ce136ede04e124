//! The tables `urls`, `remotes`, `base`, `ahead` and `intents`: what is known of each remote.

use std::collections::BTreeMap;

use devlog_core::files::{BaseFile, BaseFiles, CommitNumber, FileTime, RemoteFile, Version};
use devlog_core::path::RelPath;
use devlog_core::ports::{Head, Intent, Known, RemoteId, StateChange, StateError};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{hash_of, path_of, state_error};

pub(super) fn identity(tx: &Connection, url: &str) -> Result<Option<RemoteId>, StateError> {
    let found = tx.query_row("SELECT remote FROM urls WHERE url = ?1", [url], |row| row.get(0)).optional();
    Ok(found.map_err(state_error)?.map(RemoteId))
}

pub(super) fn bind(tx: &Connection, url: &str, id: &RemoteId) -> Result<(), StateError> {
    tx.execute("INSERT OR REPLACE INTO urls (url, remote) VALUES (?1, ?2)", [url, &id.0])
        .map(drop)
        .map_err(state_error)
}

/// The short number of a remote; `None` for one never written to.
pub(super) fn number(tx: &Connection, id: &RemoteId) -> Result<Option<i64>, StateError> {
    tx.prepare_cached("SELECT id FROM remotes WHERE identity = ?1")
        .and_then(|mut find| find.query_row([&id.0], |row| row.get(0)).optional())
        .map_err(state_error)
}

/// The short number of a remote, given now where it had none.
pub(super) fn numbered(tx: &Connection, id: &RemoteId) -> Result<i64, StateError> {
    if let Some(number) = number(tx, id)? {
        return Ok(number);
    }
    tx.execute("INSERT INTO remotes (identity) VALUES (?1)", [&id.0]).map_err(state_error)?;
    Ok(tx.last_insert_rowid())
}

pub(super) fn load(tx: &Connection, id: &RemoteId) -> Result<Known, StateError> {
    let Some(remote) = number(tx, id)? else {
        return Ok(Known::default());
    };
    Ok(Known {
        base: load_base(tx, remote)?,
        ahead: load_ahead(tx, remote)?,
        head: load_head(tx, remote)?,
        intent: load_intent(tx, remote)?,
    })
}

fn load_base(tx: &Connection, remote: i64) -> Result<BaseFiles, StateError> {
    let mut rows = tx
        .prepare_cached(
            "SELECT path, hash, size, mtime, version, \"commit\", deleted_here FROM base WHERE remote = ?1 ORDER BY path",
        )
        .map_err(state_error)?;
    let mut rows = rows.query([remote]).map_err(state_error)?;
    let mut base = Vec::new();
    while let Some(row) = rows.next().map_err(state_error)? {
        let file =
            remote_file(row, 1)?.ok_or_else(|| StateError::Damaged("a base row has no hash".into()))?;
        base.push((path(row, 0)?, base_file(&file, row, 6)?));
    }
    // In order already, which makes building the map cheap.
    Ok(BTreeMap::from_iter(base))
}

fn load_ahead(tx: &Connection, remote: i64) -> Result<BTreeMap<RelPath, Option<RemoteFile>>, StateError> {
    let mut rows = tx
        .prepare_cached(
            "SELECT path, hash, size, mtime, version, \"commit\" FROM ahead WHERE remote = ?1 ORDER BY path",
        )
        .map_err(state_error)?;
    let mut rows = rows.query([remote]).map_err(state_error)?;
    let mut ahead = Vec::new();
    while let Some(row) = rows.next().map_err(state_error)? {
        ahead.push((path(row, 0)?, remote_file(row, 1)?));
    }
    Ok(BTreeMap::from_iter(ahead))
}

fn load_head(tx: &Connection, remote: i64) -> Result<Option<Head>, StateError> {
    let find = "SELECT head_number, head_hash FROM remotes WHERE id = ?1 AND head_number IS NOT NULL";
    let found: Option<(i64, Vec<u8>)> =
        tx.query_row(find, [remote], |row| Ok((row.get(0)?, row.get(1)?))).optional().map_err(state_error)?;
    let head = |(number, hash): (i64, Vec<u8>)| {
        Ok(Head { number: CommitNumber(number.cast_unsigned()), hash: hash_of(&hash)? })
    };
    found.map(head).transpose()
}

fn load_intent(tx: &Connection, remote: i64) -> Result<Option<Intent>, StateError> {
    let find = "SELECT commit_id, number FROM intents WHERE remote = ?1";
    let found: Option<(String, i64)> =
        tx.query_row(find, [remote], |row| Ok((row.get(0)?, row.get(1)?))).optional().map_err(state_error)?;
    let Some((commit_id, number)) = found else {
        return Ok(None);
    };
    let mut rows = tx
        .prepare_cached(
            "SELECT path, hash, size, mtime, version, \"commit\", deleted_here FROM intent_rows
             WHERE remote = ?1 ORDER BY position",
        )
        .map_err(state_error)?;
    let mut rows = rows.query([remote]).map_err(state_error)?;
    let mut justified = Vec::new();
    while let Some(row) = rows.next().map_err(state_error)? {
        let file = remote_file(row, 1)?.map(|file| base_file(&file, row, 6)).transpose()?;
        justified.push((path(row, 0)?, file));
    }
    Ok(Some(Intent { commit_id, number: CommitNumber(number.cast_unsigned()), rows: justified }))
}

pub(super) fn apply(tx: &Connection, id: &RemoteId, changes: &[StateChange]) -> Result<(), StateError> {
    let remote = numbered(tx, id)?;
    changes.iter().try_for_each(|change| apply_one(tx, remote, change)).map_err(state_error)
}

fn apply_one(tx: &Connection, remote: i64, change: &StateChange) -> rusqlite::Result<()> {
    let settle = "DELETE FROM ahead WHERE remote = ?1 AND path = ?2";
    match change {
        StateChange::Head(head) => {
            tx.prepare_cached("UPDATE remotes SET head_number = ?2, head_hash = ?3 WHERE id = ?1")?
                .execute(params![remote, head.number.0.cast_signed(), head.hash.as_bytes()])?;
        }
        StateChange::Agree(path, file) => {
            tx.prepare_cached(
                "INSERT OR REPLACE INTO base (remote, path, hash, size, mtime, version, \"commit\", deleted_here)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                remote,
                path.as_str(),
                file.hash.as_bytes(),
                file.size.cast_signed(),
                file.mtime.0,
                file.version.as_str(),
                file.commit.0.cast_signed(),
                file.deleted_here,
            ])?;
            tx.prepare_cached(settle)?.execute(params![remote, path.as_str()])?;
        }
        StateChange::Forget(path) => {
            tx.prepare_cached("DELETE FROM base WHERE remote = ?1 AND path = ?2")?
                .execute(params![remote, path.as_str()])?;
            tx.prepare_cached(settle)?.execute(params![remote, path.as_str()])?;
        }
        StateChange::MarkDeleted(path) => {
            tx.prepare_cached("UPDATE base SET deleted_here = 1 WHERE remote = ?1 AND path = ?2")?
                .execute(params![remote, path.as_str()])?;
        }
        StateChange::Ahead(path, file) => {
            let file = file.as_ref();
            tx.prepare_cached(
                "INSERT OR REPLACE INTO ahead (remote, path, hash, size, mtime, version, \"commit\")
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                remote,
                path.as_str(),
                file.map(|file| file.hash.as_bytes()),
                file.map(|file| file.size.cast_signed()),
                file.map(|file| file.mtime.0),
                file.map(|file| file.version.as_str()),
                file.and_then(|file| file.commit).map(|commit| commit.0.cast_signed()),
            ])?;
        }
        StateChange::Intend(intent) => intend(tx, remote, intent)?,
        StateChange::ClearIntent => clear_intent(tx, remote)?,
    }
    Ok(())
}

fn intend(tx: &Connection, remote: i64, intent: &Intent) -> rusqlite::Result<()> {
    clear_intent(tx, remote)?;
    tx.prepare_cached("INSERT INTO intents (remote, commit_id, number) VALUES (?1, ?2, ?3)")?
        .execute(params![remote, intent.commit_id, intent.number.0.cast_signed()])?;
    let mut insert = tx.prepare_cached(
        "INSERT INTO intent_rows (remote, position, path, hash, size, mtime, version, \"commit\", deleted_here)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for (position, (path, file)) in (0i64..).zip(&intent.rows) {
        let file = file.as_ref();
        insert.execute(params![
            remote,
            position,
            path.as_str(),
            file.map(|file| file.hash.as_bytes()),
            file.map(|file| file.size.cast_signed()),
            file.map(|file| file.mtime.0),
            file.map(|file| file.version.as_str()),
            file.map(|file| file.commit.0.cast_signed()),
            file.map(|file| file.deleted_here),
        ])?;
    }
    Ok(())
}

fn clear_intent(tx: &Connection, remote: i64) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM intents WHERE remote = ?1")?.execute([remote]).map(drop)
}

fn path(row: &Row<'_>, column: usize) -> Result<RelPath, StateError> {
    let text = row.get_ref(column).map_err(state_error)?;
    path_of(text.as_str().map_err(|error| super::damaged(&error))?)
}

/// The columns hash, size, mtime, version and commit, from `first` on; `None` where there is no hash.
fn remote_file(row: &Row<'_>, first: usize) -> Result<Option<RemoteFile>, StateError> {
    let hash = row.get_ref(first).map_err(state_error)?;
    let Some(hash) = hash.as_blob_or_null().map_err(|error| super::damaged(&error))? else {
        return Ok(None);
    };
    let version = row.get_ref(first + 3).map_err(state_error)?;
    Ok(Some(RemoteFile {
        hash: hash_of(hash)?,
        size: row.get::<_, i64>(first + 1).map_err(state_error)?.cast_unsigned(),
        mtime: FileTime(row.get(first + 2).map_err(state_error)?),
        version: Version::new(version.as_str().map_err(|error| super::damaged(&error))?),
        commit: row
            .get::<_, Option<i64>>(first + 4)
            .map_err(state_error)?
            .map(|number| CommitNumber(number.cast_unsigned())),
    }))
}

fn base_file(file: &RemoteFile, row: &Row<'_>, deleted_here: usize) -> Result<BaseFile, StateError> {
    let commit = file.commit.ok_or_else(|| StateError::Damaged("a base row has no commit".into()))?;
    let deleted_here = row.get(deleted_here).map_err(state_error)?;
    Ok(BaseFile { deleted_here, ..BaseFile::agreed(file, commit) })
}
