//! What the system tells of a file without reading it, and when that is enough.

use std::fs::Metadata;
use std::hash::Hasher;
use std::os::unix::fs::MetadataExt;
use std::time::{SystemTime, UNIX_EPOCH};

use devlog_core::files::FileTime;
use devlog_core::ports::{FileStat, StatRecord};
use xxhash_rust::xxh3::Xxh3;

/// Two edits closer than this may leave one stat: file systems count time in ticks of up to two seconds.
const RACY_NS: i64 = 2_000_000_000;

/// The stat of a plain file.
pub(crate) fn of(file: &Metadata) -> FileStat {
    FileStat {
        size: file.size(),
        mtime: FileTime(nanoseconds(file.mtime(), file.mtime_nsec())),
        ctime: nanoseconds(file.ctime(), file.ctime_nsec()),
        inode: file.ino(),
    }
}

/// The stat of an SQLite database and of its `-wal`, where it has one, folded into one value.
///
/// `inode` is a digest of all that is known of both files, so that any change of either shows. `size` is the size
/// of the *snapshot*, which only a record can tell: see [`is_as_recorded`].
pub(crate) fn of_database(file: &FileStat, wal: Option<&FileStat>, snapshot_size: u64) -> FileStat {
    let mut digest = Xxh3::new();
    for stat in std::iter::once(file).chain(wal) {
        digest.write_u64(stat.size);
        digest.write_i64(stat.mtime.0);
        digest.write_i64(stat.ctime);
        digest.write_u64(stat.inode);
    }
    FileStat {
        size: snapshot_size,
        mtime: wal.map_or(file.mtime, |wal| wal.mtime.max(file.mtime)),
        ctime: wal.map_or(file.ctime, |wal| wal.ctime.max(file.ctime)),
        inode: digest.finish(),
    }
}

/// Whether the content need not be read again: the stat is as recorded, and the record is not racy.
///
/// `wal` is asked only where the file is not a plain one that is as recorded.
pub(crate) fn is_as_recorded(
    record: &StatRecord,
    now: &FileStat,
    wal: impl FnOnce() -> Option<FileStat>,
) -> bool {
    is_settled(record)
        && (record.stat == *now || record.stat == of_database(now, wal().as_ref(), record.stat.size))
}

/// Whether the record was made long enough after the last change for its stat to stand for the content.
pub(crate) fn is_settled(record: &StatRecord) -> bool {
    let changed = record.stat.mtime.0.max(record.stat.ctime);
    record.recorded > changed.saturating_add(RACY_NS)
}

/// Now, in nanoseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

fn nanoseconds(seconds: i64, rest: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

#[cfg(test)]
mod tests {
    use devlog_core::files::ContentHash;

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn stat(mtime: i64, ctime: i64) -> FileStat {
        FileStat { size: 5, mtime: FileTime(mtime), ctime, inode: 7 }
    }

    fn check(stat: FileStat, recorded: i64, now: FileStat, expected: bool) {
        let record = StatRecord { stat, hash: ContentHash::of(b"x"), recorded };
        assert_eq!(is_as_recorded(&record, &now, || None), expected, "{record:?} {now:?}");
    }

    #[test]
    fn only_a_settled_record_of_an_equal_stat_counts() {
        let old = stat(10 * SECOND, 10 * SECOND);
        check(old, 13 * SECOND, old, true);
        check(old, 12 * SECOND, old, false);
        check(stat(0, 10 * SECOND), 12 * SECOND, stat(0, 10 * SECOND), false);
        check(stat(1000 * SECOND, 10 * SECOND), 13 * SECOND, stat(1000 * SECOND, 10 * SECOND), false);
        check(old, 13 * SECOND, FileStat { size: 6, ..old }, false);
        check(old, 13 * SECOND, FileStat { mtime: FileTime(9), ..old }, false);
        check(old, 13 * SECOND, FileStat { ctime: 9, ..old }, false);
        check(old, 13 * SECOND, FileStat { inode: 9, ..old }, false);
    }

    #[test]
    fn a_databases_record_covers_its_wal() {
        let (file, wal) = (stat(1, 1), stat(2 * SECOND, 2 * SECOND));
        let record = StatRecord {
            stat: of_database(&file, Some(&wal), 4096),
            hash: ContentHash::of(b"x"),
            recorded: 9 * SECOND,
        };
        assert!(is_as_recorded(&record, &file, || Some(wal)));
        assert!(!is_as_recorded(&record, &file, || None));
        assert!(!is_as_recorded(&record, &file, || Some(FileStat { size: 6, ..wal })));
        assert!(!is_as_recorded(&record, &FileStat { ctime: 2, ..file }, || Some(wal)));
    }
}
