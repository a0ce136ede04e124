//! The tables of the state, as numbered steps that are never changed once released.

use devlog_core::ports::StateError;
use rusqlite::{Connection, TransactionBehavior};

use super::state_error;

/// Step n brings a database of format n to format n + 1.
const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE urls (
        url TEXT PRIMARY KEY,
        remote TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- Remotes by their random identity. Other tables name them by the short number.
    CREATE TABLE remotes (
        id INTEGER PRIMARY KEY,
        identity TEXT NOT NULL UNIQUE,
        head_number INTEGER,
        head_hash BLOB
    ) STRICT;

    CREATE TABLE base (
        remote INTEGER NOT NULL REFERENCES remotes,
        path TEXT NOT NULL,
        hash BLOB NOT NULL,
        size INTEGER NOT NULL,
        mtime INTEGER NOT NULL,
        version TEXT NOT NULL,
        \"commit\" INTEGER NOT NULL,
        deleted_here INTEGER NOT NULL,
        PRIMARY KEY (remote, path)
    ) STRICT, WITHOUT ROWID;

    -- Without a hash: deleted there.
    CREATE TABLE ahead (
        remote INTEGER NOT NULL REFERENCES remotes,
        path TEXT NOT NULL,
        hash BLOB,
        size INTEGER,
        mtime INTEGER,
        version TEXT,
        \"commit\" INTEGER,
        PRIMARY KEY (remote, path)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE intents (
        remote INTEGER PRIMARY KEY REFERENCES remotes,
        commit_id TEXT NOT NULL,
        number INTEGER NOT NULL
    ) STRICT;

    -- Without a hash: the commit deletes the path.
    CREATE TABLE intent_rows (
        remote INTEGER NOT NULL REFERENCES intents ON DELETE CASCADE,
        position INTEGER NOT NULL,
        path TEXT NOT NULL,
        hash BLOB,
        size INTEGER,
        mtime INTEGER,
        version TEXT,
        \"commit\" INTEGER,
        deleted_here INTEGER,
        PRIMARY KEY (remote, position)
    ) STRICT, WITHOUT ROWID;

    -- `inode` is an unsigned number, kept bit by bit.
    CREATE TABLE stats (
        path TEXT PRIMARY KEY,
        size INTEGER NOT NULL,
        mtime INTEGER NOT NULL,
        ctime INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        hash BLOB NOT NULL,
        recorded INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE conflicts (
        remote INTEGER NOT NULL REFERENCES remotes,
        path TEXT NOT NULL,
        clash TEXT NOT NULL,
        local_side TEXT,
        remote_side TEXT,
        detected_at INTEGER NOT NULL,
        PRIMARY KEY (remote, path)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE queue (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        operation TEXT NOT NULL,
        paths TEXT NOT NULL,
        since INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        last_error TEXT,
        UNIQUE (operation, paths)
    ) STRICT;

    CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        operation TEXT NOT NULL,
        started INTEGER NOT NULL,
        duration_ms INTEGER NOT NULL,
        succeeded INTEGER NOT NULL,
        error TEXT,
        files INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        requests INTEGER NOT NULL
    ) STRICT;
"];

/// The format that this program reads and writes.
const FORMAT: u32 = 1;
const _: () = assert!(MIGRATIONS.len() == FORMAT as usize, "every format has the step that leads to it");

/// Brings the database to [`FORMAT`].
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StateError> {
    connection.pragma_update(None, "foreign_keys", true).map_err(state_error)?;
    if format(connection)? == FORMAT {
        return Ok(());
    }
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(state_error)?;
    // Read again: another devlog may have migrated it while the lock was waited for.
    let found = format(&transaction)?;
    if found > FORMAT {
        return Err(StateError::TooNew { found, known: FORMAT });
    }
    for step in MIGRATIONS.iter().skip(found as usize) {
        transaction.execute_batch(step).map_err(state_error)?;
    }
    transaction.pragma_update(None, "user_version", FORMAT).map_err(state_error)?;
    transaction.commit().map_err(state_error)
}

fn format(connection: &Connection) -> Result<u32, StateError> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(state_error)
}
