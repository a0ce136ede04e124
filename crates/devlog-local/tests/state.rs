//! The state in SQLite: the suite of every store, and what a file on disk adds to it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use devlog_core::files::{BaseFile, CommitNumber, ContentHash, FileTime, RemoteFile, Version};
use devlog_core::path::RelPath;
use devlog_core::ports::{
    FileStat, Intent, Known, RemoteId, StatRecord, StateChange, StateError, StateStore,
};
use devlog_core::testing::state_suite;
use devlog_local::root::{Access, Root};
use devlog_local::state::SqliteState;
use rusqlite::Connection;
use tempfile::TempDir;

fn root() -> (TempDir, Root) {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::at(folder.path()).unwrap();
    (folder, root)
}

fn remote_id() -> RemoteId {
    RemoteId("r".into())
}

fn base(number: u64) -> BaseFile {
    let file = RemoteFile {
        hash: ContentHash::of(&number.to_le_bytes()),
        size: number,
        mtime: FileTime(7),
        version: Version::new(format!("\"{number:032x}\"")),
        commit: None,
    };
    BaseFile::agreed(&file, CommitNumber(number))
}

fn agree(name: &str) -> StateChange {
    StateChange::Agree(RelPath::new(name).unwrap(), base(1))
}

/// Every file below a folder with its bytes.
fn bytes_below(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in ignore::WalkBuilder::new(folder).standard_filters(false).build() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            all.insert(entry.path().display().to_string(), std::fs::read(entry.path()).unwrap());
        } else {
            all.insert(entry.path().display().to_string(), Vec::new());
        }
    }
    all
}

#[test]
fn a_file_passes_the_suite() {
    let folders = Mutex::new(Vec::new());
    state_suite::run(&|| {
        let (folder, root) = root();
        folders.lock().unwrap().push(folder);
        Box::new(SqliteState::open(&root, Access::ReadWrite).unwrap())
    });
}

#[test]
fn memory_passes_the_suite() {
    state_suite::run(&|| Box::new(SqliteState::in_memory().unwrap()));
}

#[test]
fn what_is_written_survives() {
    let (_folder, root) = root();
    let state = SqliteState::open(&root, Access::ReadWrite).unwrap();
    state.apply(&remote_id(), &[agree("a")]).unwrap();
    drop(state);
    let state = SqliteState::open(&root, Access::ReadWrite).unwrap();
    assert_eq!(state.load(&remote_id()).unwrap().base.len(), 1);
}

#[test]
fn a_failed_apply_leaves_nothing() {
    let (_folder, root) = root();
    let state = SqliteState::open(&root, Access::ReadWrite).unwrap();
    state.apply(&remote_id(), &[agree("before")]).unwrap();
    let known = state.load(&remote_id()).unwrap();
    // The disk's part is played by a rule that refuses one of the rows.
    Connection::open(root.state_db())
        .unwrap()
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON base WHEN NEW.path = 'c' BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
        .unwrap();
    let intent = Intent { commit_id: "c".into(), number: CommitNumber(2), rows: Vec::new() };
    let changes = [StateChange::Intend(intent), agree("b"), agree("c"), agree("d")];
    assert!(matches!(state.apply(&remote_id(), &changes), Err(StateError::Io(_))));
    assert_eq!(state.load(&remote_id()).unwrap(), known);
}

#[test]
fn a_dry_run_creates_nothing() {
    let (folder, root) = root();
    let state = SqliteState::open(&root, Access::ReadOnly).unwrap();
    assert_eq!(state.load(&remote_id()).unwrap(), Known::default());
    state.apply(&remote_id(), &[agree("a")]).unwrap();
    drop(state);
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_dry_run_changes_no_byte() {
    let (folder, root) = root();
    let writer = SqliteState::open(&root, Access::ReadWrite).unwrap();
    writer.apply(&remote_id(), &[agree("a")]).unwrap();
    // While another run is at work, with its changes still in the log; and once it has ended.
    let look = || {
        let before = bytes_below(folder.path());
        let state = SqliteState::open(&root, Access::ReadOnly).unwrap();
        assert_eq!(state.load(&remote_id()).unwrap().base.len(), 1);
        state.apply(&remote_id(), &[agree("b")]).unwrap();
        drop(state);
        assert!(bytes_below(folder.path()) == before);
        before.keys().filter(|name| name.ends_with("-wal")).count()
    };
    assert_eq!(look(), 1, "the case with a log is tried");
    drop(writer);
    assert_eq!(look(), 0);
}

#[test]
fn a_newer_state_is_refused_and_kept() {
    let (_folder, root) = root();
    SqliteState::open(&root, Access::ReadWrite).unwrap();
    Connection::open(root.state_db()).unwrap().pragma_update(None, "user_version", 99).unwrap();
    for access in [Access::ReadWrite, Access::ReadOnly] {
        let error = SqliteState::open(&root, access).unwrap_err();
        assert!(matches!(error, StateError::TooNew { found: 99, known: 1 }), "{error:?}");
    }
}

#[test]
fn a_damaged_state_is_set_aside_when_asked() {
    let (_folder, root) = root();
    root.ensure_state_dir().unwrap();
    for n in 1..=2 {
        std::fs::write(root.state_db(), "this was never a database, whatever its name may say").unwrap();
        let error = SqliteState::open(&root, Access::ReadWrite).unwrap_err();
        assert!(matches!(error, StateError::Damaged(_)), "{error:?}");
        let (state, aside) = SqliteState::reset(&root).unwrap();
        assert_eq!(state.load(&remote_id()).unwrap(), Known::default());
        let aside = aside.unwrap();
        assert!(aside.ends_with(format!("state.db.damaged-{n}")), "{aside:?}");
        assert!(std::fs::read(aside).unwrap().starts_with(b"this was never"));
    }
}

#[test]
fn a_row_that_cannot_be_is_damage() {
    let (_folder, root) = root();
    let state = SqliteState::open(&root, Access::ReadWrite).unwrap();
    state.apply(&remote_id(), &[agree("a")]).unwrap();
    let other = Connection::open(root.state_db()).unwrap();
    for change in ["UPDATE base SET path = '../a'", "UPDATE base SET path = 'a', hash = x'00'"] {
        other.execute(change, []).unwrap();
        assert!(matches!(state.load(&remote_id()), Err(StateError::Damaged(_))), "{change}");
    }
}

#[test]
fn a_conflict_is_stamped_when_it_is_recorded() {
    use devlog_core::conflict::{Clash, Conflict};
    let state = SqliteState::in_memory().unwrap();
    let path = RelPath::new("a").unwrap();
    let conflict = Conflict { path, clash: Clash::BothAdded, local: None, remote: None, detected_at: None };
    state.set_conflicts(&remote_id(), std::slice::from_ref(&conflict)).unwrap();
    let first = state.conflicts(&remote_id()).unwrap()[0].detected_at;
    assert!(first.is_some());
    state.set_conflicts(&remote_id(), &[conflict]).unwrap();
    assert_eq!(state.conflicts(&remote_id()).unwrap()[0].detected_at, first);
}

/// A measurement: `cargo test --release -p devlog-local --test state -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn a_large_state_loads_quickly() {
    const ROWS: u64 = 100_000;
    let (_folder, root) = root();
    let paths: Vec<RelPath> =
        (0..ROWS).map(|n| RelPath::new(&format!("notes/{:03}/note-{n}.md", n % 500)).unwrap()).collect();
    let changes: Vec<_> =
        paths.iter().zip(0..).map(|(path, n)| StateChange::Agree(path.clone(), base(n))).collect();
    let records: Vec<_> = paths
        .iter()
        .zip(0..)
        .map(|(path, n)| {
            let stat = FileStat { size: n, mtime: FileTime(1), ctime: 2, inode: n };
            (path.clone(), StatRecord { stat, hash: ContentHash::of(b"x"), recorded: 5 })
        })
        .collect();
    let state = SqliteState::open(&root, Access::ReadWrite).unwrap();
    let time = |what: &str, work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        println!("{what}: {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    };
    time("apply base", &mut || state.apply(&remote_id(), &changes).unwrap());
    time("learn stats", &mut || state.learn(&records, &[]).unwrap());
    time("load base", &mut || {
        assert_eq!(state.load(&remote_id()).unwrap().base.len() as u64, ROWS);
    });
    time("load stats", &mut || {
        assert_eq!(state.stats().unwrap().len() as u64, ROWS);
    });
    drop(state);
    time("open for a dry run", &mut || {
        drop(SqliteState::open(&root, Access::ReadOnly).unwrap());
    });
}
