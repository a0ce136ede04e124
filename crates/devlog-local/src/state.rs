//! `SqliteState`: what devlog remembers between runs, in `.devlog/state.db`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use devlog_core::conflict::Conflict;
use devlog_core::files::ContentHash;
use devlog_core::path::RelPath;
use devlog_core::ports::{
    Known, QueuedRequest, RemoteId, RunRecord, StatRecord, StatRecords, StateChange, StateError, StateStore,
};
use devlog_core::report::Operation;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use tempfile::TempDir;

use crate::root::{Access, Root};

mod base;
mod conflicts;
mod queue;
mod runs;
mod schema;
mod stats;

/// How long another devlog's short transaction is waited for.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// How often a dry run tries to copy a state that is being written to.
const COPY_ATTEMPTS: usize = 20;

/// The state of one root.
#[derive(Debug)]
pub struct SqliteState {
    connection: Mutex<Connection>,
    /// Holds the copy that a dry run works on.
    _copy: Option<TempDir>,
}

impl SqliteState {
    /// Opens the state of `root`.
    ///
    /// A dry run works on a copy outside the root, which is forgotten at the end: the state's files stay as they
    /// are, byte by byte, and where there are none, none are made.
    pub fn open(root: &Root, access: Access) -> Result<Self, StateError> {
        match access {
            Access::ReadWrite => {
                root.ensure_state_dir().map_err(|error| StateError::Io(error.into()))?;
                Self::over(open_file(&root.state_db())?, None)
            }
            Access::ReadOnly if root.state_db().exists() => {
                let copy = copy_state(&root.state_db()).map_err(|error| StateError::Io(error.into()))?;
                Self::over(open_file(&copy_db(&copy))?, Some(copy))
            }
            Access::ReadOnly => Self::in_memory(),
        }
    }

    /// An empty state that is forgotten at the end.
    pub fn in_memory() -> Result<Self, StateError> {
        Self::over(Connection::open_in_memory().map_err(state_error)?, None)
    }

    /// Sets a damaged state aside as `state.db.damaged-<n>` and begins an empty one. Says what the old one is called.
    pub fn reset(root: &Root) -> Result<(Self, Option<PathBuf>), StateError> {
        let aside = set_aside(&root.state_db()).map_err(|error| StateError::Io(error.into()))?;
        Ok((Self::open(root, Access::ReadWrite)?, aside))
    }

    fn over(mut connection: Connection, copy: Option<TempDir>) -> Result<Self, StateError> {
        schema::migrate(&mut connection)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self { connection: Mutex::new(connection), _copy: copy })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic cannot leave half a transaction behind: dropping one rolls it back.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, StateError>) -> Result<T, StateError> {
        let mut connection = self.connection();
        work(&connection.transaction().map_err(state_error)?)
    }

    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        let mut connection = self.connection();
        // Takes the write lock at once: a reader that became a writer could not wait for another writer.
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(state_error)?;
        let outcome = work(&transaction)?;
        transaction.commit().map_err(state_error)?;
        Ok(outcome)
    }
}

impl StateStore for SqliteState {
    fn identity(&self, url: &str) -> Result<Option<RemoteId>, StateError> {
        self.read(|tx| base::identity(tx, url))
    }

    fn bind(&self, url: &str, id: &RemoteId) -> Result<(), StateError> {
        self.write(|tx| base::bind(tx, url, id))
    }

    fn load(&self, id: &RemoteId) -> Result<Known, StateError> {
        self.read(|tx| base::load(tx, id))
    }

    fn apply(&self, id: &RemoteId, changes: &[StateChange]) -> Result<(), StateError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.write(|tx| base::apply(tx, id, changes))
    }

    fn stats(&self) -> Result<StatRecords, StateError> {
        self.read(stats::load)
    }

    fn learn(&self, learned: &[(RelPath, StatRecord)], gone: &[RelPath]) -> Result<(), StateError> {
        if learned.is_empty() && gone.is_empty() {
            return Ok(());
        }
        self.write(|tx| stats::learn(tx, learned, gone))
    }

    fn conflicts(&self, id: &RemoteId) -> Result<Vec<Conflict>, StateError> {
        self.read(|tx| conflicts::load(tx, id))
    }

    fn set_conflicts(&self, id: &RemoteId, conflicts: &[Conflict]) -> Result<(), StateError> {
        self.write(|tx| conflicts::replace(tx, id, conflicts))
    }

    fn queue(&self) -> Result<Vec<QueuedRequest>, StateError> {
        self.read(queue::load)
    }

    fn enqueue(
        &self,
        operation: Operation,
        paths: &[RelPath],
        now: DateTime<Utc>,
        error: Option<&str>,
    ) -> Result<(), StateError> {
        self.write(|tx| queue::add(tx, operation, paths, now, error))
    }

    fn dequeue(&self, ids: &[i64]) -> Result<(), StateError> {
        self.write(|tx| queue::remove(tx, ids))
    }

    fn record_run(&self, run: &RunRecord) -> Result<(), StateError> {
        self.write(|tx| runs::add(tx, run))
    }

    fn runs(&self, limit: usize) -> Result<Vec<RunRecord>, StateError> {
        self.read(|tx| runs::newest(tx, limit))
    }
}

fn open_file(path: &Path) -> Result<Connection, StateError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(state_error)?;
    connection.busy_timeout(BUSY_WAIT).map_err(state_error)?;
    connection.query_row("PRAGMA journal_mode=WAL", [], |_| Ok(())).map_err(state_error)?;
    // In WAL mode anything less may lose the last commits to a power cut, and with them an intent.
    connection.pragma_update(None, "synchronous", "FULL").map_err(state_error)?;
    Ok(connection)
}

fn copy_db(folder: &TempDir) -> PathBuf {
    folder.path().join("state.db")
}

fn with_suffix(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Copies the database and its log into a folder outside the root, at an instant at which neither changed.
fn copy_state(database: &Path) -> io::Result<TempDir> {
    let wal = with_suffix(database, "-wal");
    let look = || {
        let stat = |path: &Path| path.metadata().ok().map(|found| crate::stat::of(&found));
        (stat(database), stat(&wal))
    };
    for _ in 0..COPY_ATTEMPTS {
        let before = look();
        let folder = tempfile::Builder::new().prefix("devlog-state-").tempdir()?;
        std::fs::copy(database, copy_db(&folder))?;
        if before.1.is_some() {
            std::fs::copy(&wal, with_suffix(&copy_db(&folder), "-wal"))?;
        }
        if look() == before {
            return Ok(folder);
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "another devlog keeps writing to the state"))
}

fn set_aside(database: &Path) -> io::Result<Option<PathBuf>> {
    if !database.exists() {
        return Ok(None);
    }
    let free = |name: &PathBuf| !name.exists();
    let names = (1..).map(|n: u32| with_suffix(database, &format!(".damaged-{n}")));
    let aside = { names }.find(free).unwrap_or_else(|| with_suffix(database, ".damaged"));
    std::fs::rename(database, &aside)?;
    for suffix in ["-wal", "-shm"] {
        // A log left behind would be applied to the new database.
        match std::fs::rename(with_suffix(database, suffix), with_suffix(&aside, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(Some(aside))
}

/// Sorts SQLite's errors by the caller's next move.
fn state_error(error: rusqlite::Error) -> StateError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StateError::Damaged(error.to_string()),
        _ if matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
        ) =>
        {
            StateError::Damaged(error.to_string())
        }
        _ => StateError::Io(error.into()),
    }
}

fn damaged(error: &dyn std::fmt::Display) -> StateError {
    StateError::Damaged(error.to_string())
}

fn path_of(text: &str) -> Result<RelPath, StateError> {
    RelPath::new(text).map_err(|error| StateError::Damaged(format!("{text:?}: {error}")))
}

fn hash_of(bytes: &[u8]) -> Result<ContentHash, StateError> {
    let bytes = bytes.try_into().map_err(|_| StateError::Damaged("a hash is not 32 bytes long".into()))?;
    Ok(ContentHash::from_bytes(bytes))
}

/// Times are kept in nanoseconds since 1970.
fn time_of(nanoseconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(nanoseconds)
}

fn nanoseconds(time: DateTime<Utc>) -> i64 {
    time.timestamp_nanos_opt().unwrap_or(if time.timestamp() < 0 { i64::MIN } else { i64::MAX })
}
