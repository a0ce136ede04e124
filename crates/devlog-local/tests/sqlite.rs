//! Databases are scanned and read as consistent snapshots, and never disturbed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use devlog_core::files::{ContentHash, Unknown};
use devlog_core::path::RelPath;
use devlog_core::ports::{LocalTree, Scan, ScanDepth, StatRecords};
use devlog_local::root::{Access, Root};
use devlog_local::tree::DiskTree;
use rusqlite::Connection;
use tempfile::TempDir;

struct Disk {
    folder: TempDir,
    tree: DiskTree,
}

impl Disk {
    fn new(access: Access) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tree = DiskTree::open(Root::at(folder.path()).unwrap(), access).unwrap();
        Self { folder, tree }
    }

    fn db(&self) -> PathBuf {
        self.folder.path().join("palace one.sqlite")
    }

    fn path() -> RelPath {
        RelPath::new("palace one.sqlite").unwrap()
    }

    fn connect(&self, journal: &str) -> Connection {
        let connection = Connection::open(self.db()).unwrap();
        connection.query_row(&format!("PRAGMA journal_mode={journal}"), [], |_| Ok(())).unwrap();
        connection
            .execute_batch("CREATE TABLE IF NOT EXISTS log (id INTEGER PRIMARY KEY, text TEXT)")
            .unwrap();
        connection
    }

    async fn scan(&self, known: StatRecords) -> Scan {
        self.tree.scan(known, ScanDepth::TrustStats).await.unwrap()
    }

    async fn hash(&self) -> ContentHash {
        self.scan(StatRecords::new()).await.local.files[&Self::path()].hash
    }

    /// Reads the database for sending, as a file of its own.
    async fn fetch(&self, inline_limit: u64) -> (TempDir, PathBuf, ContentHash) {
        let content = self.tree.read(&Self::path(), inline_limit).await.unwrap();
        let bytes = content.body.collect(u64::MAX).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("copy.sqlite");
        fs::write(&file, &bytes).unwrap();
        (folder, file, ContentHash::of(&bytes))
    }

    fn bytes(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = self.folder.path().read_dir().unwrap().map(Result::unwrap);
        let file = |entry: fs::DirEntry| {
            (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap_or_default())
        };
        entries.map(file).collect()
    }
}

fn insert(connection: &Connection, text: &str) {
    connection.execute("INSERT INTO log (text) VALUES (?1)", [text]).unwrap();
}

fn rows(database: &Path) -> Vec<i64> {
    let copy = Connection::open(database).unwrap();
    let sound: String = copy.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    let mut ids = copy.prepare("SELECT id FROM log ORDER BY id").unwrap();
    ids.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_beside_a_busy_writer_a_snapshot_is_a_prefix_of_its_commits() {
    for journal in ["WAL", "DELETE"] {
        let disk = Disk::new(Access::ReadWrite);
        let connection = disk.connect(journal);
        connection.execute_batch("PRAGMA wal_autocheckpoint=50; PRAGMA synchronous=OFF").unwrap();
        insert(&connection, "first");
        let stop = Arc::new(AtomicBool::new(false));
        let writer = {
            let stop = stop.clone();
            connection.busy_timeout(Duration::from_secs(10)).unwrap();
            thread::spawn(move || {
                let text = "x".repeat(600);
                let mut count = 1;
                while !stop.load(Ordering::Relaxed) {
                    insert(&connection, &text);
                    count += 1;
                    thread::sleep(Duration::from_millis(1));
                }
                count
            })
        };
        let start = Instant::now();
        let mut lengths = Vec::new();
        while start.elapsed() < Duration::from_millis(1500) || lengths.len() < 5 {
            let limit = if lengths.len() % 2 == 0 { u64::MAX } else { 100 };
            let (_folder, copy, _) = disk.fetch(limit).await;
            let ids = rows(&copy);
            assert_eq!(ids, (1..).take(ids.len()).collect::<Vec<i64>>(), "{journal}");
            lengths.push(ids.len());
        }
        let scan = disk.scan(StatRecords::new()).await;
        stop.store(true, Ordering::Relaxed);
        let written = writer.join().unwrap();
        assert_eq!(scan.local.files.len(), 1, "{journal}: no side file, no error: {:?}", scan.local.unknown);
        assert!(lengths.is_sorted() && lengths[0] < lengths[lengths.len() - 1], "{lengths:?}");
        assert!(lengths[lengths.len() - 1] <= written);
    }
}

#[tokio::test]
async fn s5_an_unchanged_database_has_one_hash() {
    for journal in ["WAL", "DELETE"] {
        let disk = Disk::new(Access::ReadOnly);
        let connection = disk.connect(journal);
        insert(&connection, "one");
        let first = disk.hash().await;
        assert_eq!(disk.hash().await, first);
        let (_folder, copy, sent) = disk.fetch(u64::MAX).await;
        assert_eq!(sent, first, "what is sent is what was scanned");
        assert_eq!(rows(&copy), [1]);
        assert_eq!(disk.fetch(10).await.2, first);
        // Its program ends and writes the log back: other bytes on disk, the same content.
        drop(connection);
        assert_eq!(disk.hash().await, first, "{journal}");
        insert(&disk.connect(journal), "two");
        assert_ne!(disk.hash().await, first);
    }
}

#[tokio::test]
async fn a_database_at_rest_is_left_exactly_as_it_is() {
    for journal in ["WAL", "DELETE"] {
        let disk = Disk::new(Access::ReadOnly);
        let connection = disk.connect(journal);
        insert(&connection, "one");
        drop(connection);
        let before = disk.bytes();
        assert_eq!(before.len(), 1, "no side files: {:?}", before.keys());
        disk.hash().await;
        disk.fetch(u64::MAX).await;
        assert!(disk.bytes() == before, "{journal}: {:?}", disk.bytes().keys());
    }
}

#[tokio::test]
async fn staging_leaves_nothing_behind() {
    let disk = Disk::new(Access::ReadWrite);
    insert(&disk.connect("WAL"), "one");
    disk.hash().await;
    let (_folder, _, _) = disk.fetch(10).await;
    // The thread that read the stream may still be about to remove its folder.
    let tmp = disk.folder.path().join(".devlog/tmp");
    let start = Instant::now();
    while tmp.read_dir().unwrap().count() > 0 {
        assert!(start.elapsed() < Duration::from_secs(5), "something is left in {}", tmp.display());
        thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test]
async fn a_change_that_is_only_in_the_log_is_seen() {
    let disk = Disk::new(Access::ReadOnly);
    let connection = disk.connect("WAL");
    connection.execute_batch("PRAGMA wal_autocheckpoint=0; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    insert(&connection, "one");
    // A record counts only when it is more than two seconds younger than the change.
    thread::sleep(Duration::from_millis(2100));
    let first = disk.scan(StatRecords::new()).await;
    assert_eq!(first.learned.len(), 1);
    let known: StatRecords = first.learned.iter().cloned().collect();

    let second = disk.scan(known.clone()).await;
    assert_eq!(second.bytes_hashed, 0);
    assert_eq!(second.local, first.local, "size and time are the snapshot's, recorded or read");

    let main = fs::read(disk.db()).unwrap();
    insert(&connection, "two");
    assert!(fs::read(disk.db()).unwrap() == main, "the change is in the log alone");
    let third = disk.scan(known).await;
    assert_ne!(third.local.files[&Disk::path()].hash, first.local.files[&Disk::path()].hash);
}

#[tokio::test]
async fn a_log_whose_program_died_is_part_of_the_database() {
    let alive = Disk::new(Access::ReadOnly);
    let connection = alive.connect("WAL");
    insert(&connection, "one");
    insert(&connection, "two");
    let disk = Disk::new(Access::ReadOnly);
    for suffix in ["", "-wal"] {
        let name = |disk: &Disk| format!("{}{suffix}", disk.db().display());
        fs::copy(name(&alive), name(&disk)).unwrap();
    }
    let (_folder, copy, _) = disk.fetch(u64::MAX).await;
    assert_eq!(rows(&copy), [1, 2]);
}

#[tokio::test]
async fn a_collation_that_only_its_program_knows_is_no_obstacle() {
    let disk = Disk::new(Access::ReadOnly);
    let connection = disk.connect("WAL");
    connection.create_collation("palace", |a: &str, b: &str| b.cmp(a)).unwrap();
    connection.execute_batch("CREATE TABLE rooms (name TEXT COLLATE palace PRIMARY KEY)").unwrap();
    connection.execute_batch("INSERT INTO rooms VALUES ('hall'), ('attic')").unwrap();
    insert(&connection, "one");
    let first = disk.hash().await;
    assert_eq!(disk.hash().await, first);
    let (_folder, copy, sent) = disk.fetch(u64::MAX).await;
    assert_eq!(sent, first);
    let copy = Connection::open(copy).unwrap();
    copy.create_collation("palace", |a: &str, b: &str| b.cmp(a)).unwrap();
    let rooms: i64 =
        copy.query_row("SELECT count(*) FROM rooms WHERE name = 'attic'", [], |r| r.get(0)).unwrap();
    assert_eq!(rooms, 1);
}

#[tokio::test]
async fn a_damaged_database_is_unknown_with_its_reason() {
    let disk = Disk::new(Access::ReadOnly);
    let mut bytes = b"SQLite format 3\0".to_vec();
    bytes.extend([0x5a; 5000]);
    fs::write(disk.db(), &bytes).unwrap();
    fs::write(disk.folder.path().join("note.md"), "x").unwrap();
    let scan = disk.scan(StatRecords::new()).await;
    assert_eq!(scan.local.files.len(), 1);
    match scan.local.unknown.get(&Disk::path()) {
        Some(Unknown::Unreadable(reason)) => assert!(reason.contains("database"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert!(disk.tree.read(&Disk::path(), 100_000).await.is_err());
}
