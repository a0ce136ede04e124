//! A consistent copy of an SQLite database that somebody may be writing to at this moment.

use std::ffi::OsString;
use std::fs::File;
use std::hash::Hasher;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use devlog_core::files::FileTime;
use devlog_core::ports::{FileStat, LocalError};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tempfile::TempDir;
use xxhash_rust::xxh3::Xxh3;

use crate::ignore_rules::SQLITE_HEADER;
use crate::root::{Access, Root};
use crate::stat;

/// How long to wait for a writer before the database counts as busy.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// The byte of the header that says "write-ahead log" with a 2.
const READ_VERSION_AT: u64 = 19;

/// Why no snapshot could be made.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A writer held it for too long.
    #[error("the database is busy")]
    Busy,
    /// What came out is no sound database.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// Its program died half-way through a change; that program alone can put it right.
    #[error("the database needs recovery: open it once with the program that writes it")]
    NeedsRecovery,
    /// Anything else that SQLite said.
    #[error("cannot take a snapshot of the database: {0}")]
    Failed(#[source] rusqlite::Error),
}

/// A copy in a staging folder that goes away with this value.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The copy, open for reading.
    pub(crate) file: File,
    /// Of the copy, in bytes.
    pub(crate) size: u64,
    /// The later one of the database and its `-wal`.
    pub(crate) mtime: FileTime,
    /// What a scan may record, where nothing changed while the copy was made.
    pub(crate) stat: Option<FileStat>,
    /// Keeps the copy's folder.
    pub(crate) staging: TempDir,
}

/// Whether the open file begins as every SQLite database does.
pub(crate) fn is_database(file: &File) -> io::Result<bool> {
    let mut header = [0; SQLITE_HEADER.len()];
    match file.read_exact_at(&mut header, 0) {
        Ok(()) => Ok(header == *SQLITE_HEADER),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The stat of the `-wal` beside a database; an empty one says as much as none.
///
/// Without its change time: an SQLite that root runs sets the owner of every log it opens, ours included. What is
/// written to a log always shows in its modification time.
pub(crate) fn wal_stat(database: &Path) -> Option<FileStat> {
    let found = beside(database, "-wal").symlink_metadata().ok()?;
    (found.is_file() && found.len() > 0).then(|| {
        let stat = stat::of(&found);
        FileStat { ctime: stat.mtime.0, ..stat }
    })
}

/// Copies the database at `relative`. The caller holds no other open handle to it: closing one would drop the locks
/// that SQLite holds in this process (POSIX locks belong to the process, not to the handle).
pub(crate) fn take(root: &Root, relative: &Path, access: Access) -> Result<Snapshot, LocalError> {
    let source = root.path().canonicalize()?.join(relative);
    let look = || -> Result<(FileStat, Option<FileStat>), LocalError> {
        Ok((stat::of(&root.open_file(relative)?.metadata()?), wal_stat(&source)))
    };
    let before = look()?;
    let staging = root.staging(access)?;
    let copy = staging.path().join("snapshot");
    if !copy_at_rest(&source, &copy)? {
        copy_shared(&source, &copy)?;
    }
    check(&copy)?;
    let after = look()?;

    let file = File::open(&copy)?;
    let size = file.metadata()?.len();
    let (database, wal) = before;
    let seen = stat::of_database(&database, wal.as_ref(), size);
    Ok(Snapshot { file, size, mtime: seen.mtime, stat: (before == after).then_some(seen), staging })
}

/// Copies a write-ahead database that has no log, without any lock. Any other is left to [`copy_shared`].
///
/// Opening such a database in the ordinary way would leave a `-wal` and a `-shm` beside it. Nobody is at work in it
/// unless a log appears; should somebody begin meanwhile, the log or the content shows it and the copy is dropped.
fn copy_at_rest(source: &Path, copy: &Path) -> Result<bool, LocalError> {
    let at_rest = || wal_stat(source).is_none() && !beside(source, "-journal").exists();
    let Some(before) = checksum(source)?.filter(|_| at_rest()) else {
        return Ok(false);
    };
    copy_from(&immutable_uri(source), OpenFlags::SQLITE_OPEN_URI, copy)?;
    if at_rest() && checksum(source)? == Some(before) {
        return Ok(true);
    }
    std::fs::remove_file(copy)?;
    Ok(false)
}

/// A checksum of a write-ahead database's main file; `None` for a database of another kind.
fn checksum(database: &Path) -> Result<Option<u64>, LocalError> {
    let mut file = File::open(database)?;
    let mut version = [0];
    file.read_exact_at(&mut version, READ_VERSION_AT)?;
    if version != [2] {
        return Ok(None);
    }
    let mut digest = Xxh3::new();
    let mut piece = vec![0; 256 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(Some(digest.finish())),
            read => digest.write(&piece[..read]),
        }
    }
}

/// Copies beside other users of the database, with SQLite's own locks.
fn copy_shared(source: &Path, copy: &Path) -> Result<(), LocalError> {
    copy_from(source, OpenFlags::empty(), copy)
}

fn copy_from(source: &Path, extra: OpenFlags, copy: &Path) -> Result<(), LocalError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let database = Connection::open_with_flags(source, flags | extra).map_err(failed)?;
    database.busy_timeout(BUSY_WAIT).map_err(failed)?;
    let target = copy.as_os_str().as_bytes();
    let target = std::str::from_utf8(target)
        .map_err(|_| io::Error::other("the staging folder's name is not UTF-8"))?;
    match database.execute("VACUUM INTO ?1", [target]) {
        Ok(_) => Ok(()),
        // Such as a collation or function that only the database's own program has. Pages can be copied without.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => {
            std::fs::remove_file(copy).or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })?;
            copy_pages(&database, copy)
        }
        Err(error) => Err(failed(error)),
    }
}

fn copy_pages(database: &Connection, copy: &Path) -> Result<(), LocalError> {
    let mut target = Connection::open(copy).map_err(failed)?;
    let backup = Backup::new(database, &mut target).map_err(failed)?;
    let start = Instant::now();
    // In one step: in small ones a busy writer restarts the copy for ever.
    while backup.step(-1).map_err(failed)? != StepResult::Done {
        if start.elapsed() > BUSY_WAIT {
            return Err(wrapped(SnapshotError::Busy));
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    drop(backup);
    // The copy must open without a write-ahead log.
    target.query_row("PRAGMA journal_mode=DELETE", [], |_| Ok(())).map_err(failed)
}

fn check(copy: &Path) -> Result<(), LocalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let copy = Connection::open_with_flags(copy, flags).map_err(failed)?;
    match copy.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)) {
        Ok(verdict) if verdict == "ok" => Ok(()),
        Ok(verdict) => {
            Err(wrapped(SnapshotError::Damaged(verdict.lines().next().unwrap_or_default().to_owned())))
        }
        // The check needs the missing collation or function as well; the copy is page by page what the source is.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

fn failed(error: rusqlite::Error) -> LocalError {
    let extended = error.sqlite_error().map(|error| error.extended_code);
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => LocalError::Full,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => wrapped(SnapshotError::Busy),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            wrapped(SnapshotError::Damaged(error.to_string()))
        }
        Some(ErrorCode::ReadOnly) if extended == Some(rusqlite::ffi::SQLITE_READONLY_ROLLBACK) => {
            wrapped(SnapshotError::NeedsRecovery)
        }
        _ => wrapped(SnapshotError::Failed(error)),
    }
}

fn wrapped(error: SnapshotError) -> LocalError {
    LocalError::Io(io::Error::other(error))
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(suffix);
    name.into()
}

/// The database as one that cannot change: SQLite then neither locks it nor looks for a log.
fn immutable_uri(database: &Path) -> PathBuf {
    let mut uri = String::from("file:");
    for byte in database.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                uri.push(char::from(*byte));
            }
            other => uri.extend(['%', hex_digit(other >> 4), hex_digit(other & 15)]),
        }
    }
    uri.push_str("?immutable=1");
    uri.into()
}

fn hex_digit(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).unwrap_or('0')
}
