//! The table `stats`: what scans learned, so that unchanged files need not be read again.

use devlog_core::files::FileTime;
use devlog_core::path::RelPath;
use devlog_core::ports::{FileStat, StatRecord, StatRecords, StateError};
use rusqlite::{Connection, params};

use super::{damaged, hash_of, path_of, state_error};

pub(super) fn load(tx: &rusqlite::Transaction<'_>) -> Result<StatRecords, StateError> {
    let count: i64 = tx.query_row("SELECT count(*) FROM stats", [], |row| row.get(0)).map_err(state_error)?;
    let mut records = StatRecords::with_capacity(usize::try_from(count).unwrap_or(0));
    let mut rows = tx
        .prepare_cached("SELECT path, size, mtime, ctime, inode, hash, recorded FROM stats")
        .map_err(state_error)?;
    let mut rows = rows.query([]).map_err(state_error)?;
    while let Some(row) = rows.next().map_err(state_error)? {
        let number = |column: usize| row.get::<_, i64>(column).map_err(state_error);
        let path = row.get_ref(0).map_err(state_error)?;
        let hash = row.get_ref(5).map_err(state_error)?;
        let stat = FileStat {
            size: number(1)?.cast_unsigned(),
            mtime: FileTime(number(2)?),
            ctime: number(3)?,
            inode: number(4)?.cast_unsigned(),
        };
        let hash = hash_of(hash.as_blob().map_err(|error| damaged(&error))?)?;
        let record = StatRecord { stat, hash, recorded: number(6)? };
        records.insert(path_of(path.as_str().map_err(|error| damaged(&error))?)?, record);
    }
    Ok(records)
}

pub(super) fn learn(
    tx: &Connection,
    learned: &[(RelPath, StatRecord)],
    gone: &[RelPath],
) -> Result<(), StateError> {
    let mut insert = tx
        .prepare_cached(
            "INSERT OR REPLACE INTO stats (path, size, mtime, ctime, inode, hash, recorded)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .map_err(state_error)?;
    for (path, StatRecord { stat, hash, recorded }) in learned {
        insert
            .execute(params![
                path.as_str(),
                stat.size.cast_signed(),
                stat.mtime.0,
                stat.ctime,
                stat.inode.cast_signed(),
                hash.as_bytes(),
                recorded,
            ])
            .map_err(state_error)?;
    }
    let mut delete = tx.prepare_cached("DELETE FROM stats WHERE path = ?1").map_err(state_error)?;
    gone.iter().try_for_each(|path| delete.execute([path.as_str()]).map(drop)).map_err(state_error)
}
