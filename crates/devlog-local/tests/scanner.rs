//! What a scan finds, what it leaves out and when it reads.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::{self, File, FileTimes};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use devlog_core::files::{ContentHash, Unknown};
use devlog_core::path::RelPath;
use devlog_core::ports::{Scan, ScanDepth, ScanNoteKind, StatRecords};
use devlog_local::ignore_rules::IgnoreRules;
use devlog_local::root::Root;
use devlog_local::scanner::{FileScanner, Scanned};
use tempfile::TempDir;

/// A root of its own, and what its scans have learned.
struct Disk {
    folder: TempDir,
    root: Root,
    known: StatRecords,
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path()).unwrap();
        Self {
            folder,
            root,
            known: StatRecords::new(),
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn set_mtime(&self, name: &str, mtime: SystemTime) {
        File::open(self.path(name))
            .unwrap()
            .set_times(FileTimes::new().set_modified(mtime))
            .unwrap();
    }

    /// Lets the time pass after which a record counts, without waiting for it.
    fn age_records(&mut self) {
        for record in self.known.values_mut() {
            record.recorded += 3_000_000_000;
        }
    }

    fn scan_with(&mut self, depth: ScanDepth) -> Scanned {
        let rules = IgnoreRules::load(self.root.path()).unwrap();
        let scanned = FileScanner::new(&self.root, &rules)
            .depth(depth)
            .scan(&self.known)
            .unwrap();
        self.known.extend(scanned.scan.learned.iter().cloned());
        scanned
    }

    fn scan(&mut self) -> Scan {
        self.scan_with(ScanDepth::TrustStats).scan
    }

    /// Scans, and remembers everything as if it had been recorded much later.
    fn settle(&mut self) {
        // The rule is checked at `stat`; here the files are old enough because their records say so.
        std::thread::sleep(Duration::from_millis(10));
        let scan = self.scan();
        for (path, file) in scan.local.files {
            let found = self.path(path.as_str()).metadata().unwrap();
            let stat = stat_of(&found);
            let recorded = stat.mtime.0.max(stat.ctime) + 3_000_000_000;
            self.known.insert(
                path,
                devlog_core::ports::StatRecord {
                    stat,
                    hash: file.hash,
                    recorded,
                },
            );
        }
    }
}

fn stat_of(found: &fs::Metadata) -> devlog_core::ports::FileStat {
    use std::os::unix::fs::MetadataExt;
    devlog_core::ports::FileStat {
        size: found.size(),
        mtime: devlog_core::files::FileTime(found.mtime() * 1_000_000_000 + found.mtime_nsec()),
        ctime: found.ctime() * 1_000_000_000 + found.ctime_nsec(),
        inode: found.ino(),
    }
}

fn rel(text: &str) -> RelPath {
    RelPath::new(text).unwrap()
}

fn names(scan: &Scan) -> Vec<&str> {
    scan.local.files.keys().map(RelPath::as_str).collect()
}

fn hash_in(scan: &Scan, name: &str) -> ContentHash {
    scan.local.files[&rel(name)].hash
}

fn notes(scan: &Scan) -> Vec<(&str, &ScanNoteKind)> {
    scan.notes
        .iter()
        .map(|note| (note.name.as_str(), &note.kind))
        .collect()
}

#[test]
fn every_regular_file_is_found_with_its_hash() {
    let mut disk = Disk::new();
    disk.write("config.toml", "x = 1");
    disk.write("events/20250911.jsonl", "{}\n");
    disk.write("deep/er/and/deeper.md", "deep");
    disk.write("empty.md", "");
    disk.write(".devlog/state.db", "not ours to sync");
    fs::create_dir(disk.path("empty-folder")).unwrap();

    let scan = disk.scan();
    assert_eq!(
        names(&scan),
        [
            "config.toml",
            "deep/er/and/deeper.md",
            "empty.md",
            "events/20250911.jsonl"
        ]
    );
    assert_eq!(hash_in(&scan, "deep/er/and/deeper.md"), ContentHash::of(b"deep"));
    assert_eq!(scan.local.files[&rel("deep/er/and/deeper.md")].size, 4);
    // F10: an empty file is a file.
    assert_eq!(hash_in(&scan, "empty.md"), ContentHash::of(b""));
    assert_eq!(scan.bytes_hashed, 12);
    assert!(scan.notes.is_empty() && scan.local.unknown.iter().next().is_none());
}

#[test]
fn many_files_are_all_found() {
    let mut disk = Disk::new();
    for number in 0..3000 {
        disk.write(&format!("f{:02}/n{number}.md", number % 37), &number.to_string());
    }
    let scan = disk.scan();
    assert_eq!(scan.local.files.len(), 3000);
    for number in 0..3000 {
        let name = format!("f{:02}/n{number}.md", number % 37);
        assert_eq!(
            hash_in(&scan, &name),
            ContentHash::of(number.to_string().as_bytes())
        );
    }
}

#[test]
fn unchanged_files_are_not_read_again() {
    let mut disk = Disk::new();
    disk.write("a.md", "one");
    disk.write("b/c.md", "two");
    disk.settle();
    // Proof that nothing is read: records of another content are believed.
    for record in disk.known.values_mut() {
        record.hash = ContentHash::of(b"believed");
    }
    let scan = disk.scan();
    assert_eq!(scan.bytes_hashed, 0);
    assert!(scan.learned.is_empty());
    assert_eq!(hash_in(&scan, "a.md"), ContentHash::of(b"believed"));

    let all = disk.scan_with(ScanDepth::HashAll).scan;
    assert_eq!(hash_in(&all, "a.md"), ContentHash::of(b"one"));
    assert_eq!(all.learned.len(), 2, "what contradicts the records replaces them");
}

#[test]
fn a_record_made_at_the_time_of_the_change_is_not_trusted() {
    let mut disk = Disk::new();
    disk.write("a.md", "one");
    let first = disk.scan();
    assert_eq!(first.bytes_hashed, 3);
    assert!(
        first.learned.is_empty(),
        "a record that cannot be trusted is not worth keeping"
    );
    assert_eq!(disk.scan().bytes_hashed, 3);

    disk.settle();
    for record in disk.known.values_mut() {
        record.recorded = record.stat.ctime + 1_000_000_000;
    }
    assert_eq!(disk.scan().bytes_hashed, 3, "the racy-time rule");
    disk.age_records();
    assert_eq!(disk.scan().bytes_hashed, 0);
}

#[test]
fn d1_an_old_mtime_hides_no_change() {
    let mut disk = Disk::new();
    disk.write("a.md", "one");
    disk.settle();
    disk.write("a.md", "two");
    disk.set_mtime(
        "a.md",
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000),
    );
    assert_eq!(hash_in(&disk.scan(), "a.md"), ContentHash::of(b"two"));
}

#[test]
fn d2_an_edit_that_keeps_size_and_mtime_is_seen() {
    let mut disk = Disk::new();
    disk.write("a.md", "one");
    let mtime = disk.path("a.md").metadata().unwrap().modified().unwrap();
    disk.settle();
    disk.write("a.md", "two");
    disk.set_mtime("a.md", mtime);
    assert_eq!(disk.path("a.md").metadata().unwrap().modified().unwrap(), mtime);
    assert_eq!(hash_in(&disk.scan(), "a.md"), ContentHash::of(b"two"));
}

#[test]
fn d4_a_file_from_the_future_is_read_each_time_and_stays_the_same() {
    let mut disk = Disk::new();
    disk.write("a.md", "one");
    disk.set_mtime(
        "a.md",
        SystemTime::UNIX_EPOCH + Duration::from_secs(3_345_000_000),
    );
    let first = disk.scan();
    let second = disk.scan();
    assert_eq!(first.local, second.local);
    assert_eq!(second.bytes_hashed, 3);
    assert!(second.learned.is_empty());
}

#[test]
fn d7_touch_changes_no_hash() {
    let mut disk = Disk::new();
    disk.write("a.md", "one");
    disk.settle();
    disk.set_mtime("a.md", SystemTime::now());
    let scan = disk.scan();
    assert_eq!(scan.bytes_hashed, 3);
    assert_eq!(hash_in(&scan, "a.md"), ContentHash::of(b"one"));
}

#[test]
fn f3_f4_links_pipes_and_sockets_are_noted_once() {
    let mut disk = Disk::new();
    disk.write("a/x.md", "x");
    symlink("..", disk.path("a/parent")).unwrap();
    symlink("x.md", disk.path("a/alias.md")).unwrap();
    symlink("nowhere", disk.path("dangling")).unwrap();
    let _socket = UnixListener::bind(disk.path("socket")).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(disk.path("pipe"))
            .status()
            .unwrap()
            .success()
    );

    let scan = disk.scan();
    assert_eq!(names(&scan), ["a/x.md"]);
    let expected = [
        ("a/alias.md", &ScanNoteKind::Symlink),
        ("a/parent", &ScanNoteKind::Symlink),
        ("dangling", &ScanNoteKind::Symlink),
        ("pipe", &ScanNoteKind::Special),
        ("socket", &ScanNoteKind::Special),
    ];
    assert_eq!(notes(&scan), expected);
    assert!(scan.local.unknown.iter().next().is_none());
}

#[test]
fn a_linked_root_is_followed() {
    let mut disk = Disk::new();
    disk.write("a.md", "x");
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(disk.folder.path(), elsewhere.path().join("log")).unwrap();
    disk.root = Root::at(&elsewhere.path().join("log")).unwrap();
    assert_eq!(names(&disk.scan()), ["a.md"]);
}

#[test]
fn names_that_cannot_be_synced_are_noted() {
    let mut disk = Disk::new();
    disk.write("good.md", "x");
    for name in [&b"bad\xff.md"[..], b"line\nbreak.md", b"back\\slash.md"] {
        fs::write(disk.folder.path().join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
    }
    let folder = disk
        .folder
        .path()
        .join(std::ffi::OsStr::from_bytes(b"folder\xfe"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("inside.md"), "x").unwrap();

    let scan = disk.scan();
    assert_eq!(names(&scan), ["good.md"]);
    let shown: Vec<&str> = scan.notes.iter().map(|note| note.name.as_str()).collect();
    assert_eq!(
        shown,
        ["back\\slash.md", "bad\\xff.md", "folder\\xfe", "line\\nbreak.md"]
    );
    assert!(
        scan.notes
            .iter()
            .all(|note| matches!(note.kind, ScanNoteKind::Name(_)))
    );
}

#[test]
fn f7_a_decomposed_name_is_the_same_path() {
    let mut disk = Disk::new();
    disk.write("cafe\u{301}/re\u{301}sume\u{301}.md", "x");
    let scanned = disk.scan_with(ScanDepth::TrustStats);
    assert_eq!(names(&scanned.scan), ["caf\u{e9}/r\u{e9}sum\u{e9}.md"]);
    let on_disk = &scanned.names[&rel("caf\u{e9}/r\u{e9}sum\u{e9}.md")];
    assert_eq!(on_disk, Path::new("cafe\u{301}/re\u{301}sume\u{301}.md"));
}

#[test]
fn of_twins_the_first_in_byte_order_is_kept() {
    let mut disk = Disk::new();
    disk.write("cafe\u{301}.md", "decomposed");
    disk.write("caf\u{e9}.md", "composed");
    let scan = disk.scan();
    assert_eq!(names(&scan), ["caf\u{e9}.md"]);
    assert_eq!(hash_in(&scan, "caf\u{e9}.md"), ContentHash::of(b"decomposed"));
    assert_eq!(notes(&scan), [("caf\u{e9}.md", &ScanNoteKind::Twin)]);
}

#[test]
fn a_file_and_a_folder_that_are_twins_make_no_impossible_tree() {
    let mut disk = Disk::new();
    disk.write("caf\u{e9}", "a file");
    disk.write("cafe\u{301}/inside.md", "x");
    let scan = disk.scan();
    assert_eq!(names(&scan), ["caf\u{e9}/inside.md"]);
    assert_eq!(notes(&scan), [("caf\u{e9}", &ScanNoteKind::Twin)]);
}

#[test]
fn ignored_files_are_left_out_without_a_note() {
    let mut disk = Disk::new();
    disk.write(".devlogignore", "drafts/\n*.log\n!keep.log\n");
    disk.write("drafts/x.md", "x");
    disk.write("a.log", "x");
    disk.write("keep.log", "x");
    disk.write(".env", "SECRET=1");
    symlink("nowhere", disk.path("link.log")).unwrap();
    let scan = disk.scan();
    assert_eq!(names(&scan), [".devlogignore", "keep.log"]);
    assert_eq!(notes(&scan), []);
    // X12: the engine learns that an ignored file is not a deleted one.
    let rules = IgnoreRules::load(disk.root.path()).unwrap();
    assert!(rules.excludes(&rel("drafts/x.md")) && rules.excludes(&rel("a.log")));
    assert!(!rules.excludes(&rel("keep.log")));
}

#[test]
fn git_has_no_say() {
    let mut disk = Disk::new();
    disk.write(".gitignore", "*.md\n");
    disk.write(".ignore", "*.md\n");
    disk.write("sub/.git/info/exclude", "*.md\n");
    disk.write("a.md", "x");
    assert!(names(&disk.scan()).contains(&"a.md"));
}

/// X13. Root may read everything, so there the test runs itself again without that power.
#[test]
fn x13_what_cannot_be_read_is_unknown() {
    const AGAIN: &str = "DEVLOG_TEST_WITHOUT_ROOTS_POWER";
    if std::env::var_os(AGAIN).is_none() && rustix::process::geteuid().is_root() {
        let output = Command::new("setpriv")
            .args(["--bounding-set", "-dac_override,-dac_read_search", "--"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "x13_what_cannot_be_read_is_unknown", "--nocapture"])
            .env(AGAIN, "1")
            .output();
        match output {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stdout);
                assert!(
                    output.status.success(),
                    "{said}{}",
                    String::from_utf8_lossy(&output.stderr)
                );
                assert!(said.contains("1 passed"), "{said}");
            }
            Err(error) if std::env::var_os("CI").is_some() => panic!("setpriv is missing: {error}"),
            Err(error) => eprintln!("SKIPPED x13: root reads everything, and setpriv is missing: {error}"),
        }
        return;
    }
    let mut disk = Disk::new();
    disk.write("open.md", "x");
    disk.write("closed.md", "x");
    disk.write("closed/inside.md", "x");
    disk.write("listed-only/inside.md", "x");
    let forbid =
        |name: &str, mode| fs::set_permissions(disk.path(name), fs::Permissions::from_mode(mode)).unwrap();
    for (name, mode) in [("closed.md", 0), ("closed", 0), ("listed-only", 0o400)] {
        forbid(name, mode);
    }
    let scan = {
        let rules = IgnoreRules::load(disk.root.path()).unwrap();
        FileScanner::new(&disk.root, &rules)
            .scan(&disk.known)
            .unwrap()
            .scan
    };
    for name in ["closed", "listed-only"] {
        forbid(name, 0o700);
    }

    assert_eq!(names(&scan), ["open.md"]);
    let reason = Unknown::Unreadable("Permission denied (os error 13)".into());
    let unknown: Vec<_> = scan
        .local
        .unknown
        .iter()
        .map(|(path, why)| (path.as_str(), why))
        .collect();
    assert_eq!(
        unknown,
        [
            ("closed", &reason),
            ("closed.md", &reason),
            ("listed-only/inside.md", &reason)
        ]
    );
    // A folder stands for everything below it.
    assert_eq!(scan.local.unknown.get(&rel("closed/inside.md")), Some(&reason));

    // A root that cannot be listed is an error: an empty answer would look like a deletion of everything.
    disk.known.clear();
    let rules = IgnoreRules::load(disk.root.path()).unwrap();
    fs::set_permissions(disk.folder.path(), fs::Permissions::from_mode(0o300)).unwrap();
    let refused = FileScanner::new(&disk.root, &rules).scan(&disk.known);
    fs::set_permissions(disk.folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    assert!(refused.is_err());
}

#[test]
fn a_missing_root_is_an_error() {
    let disk = Disk::new();
    let root = Root::at(&disk.path("gone")).unwrap();
    let rules = IgnoreRules::load(root.path()).unwrap();
    let error = FileScanner::new(&root, &rules).scan(&disk.known).unwrap_err();
    assert!(
        matches!(error, devlog_core::ports::LocalError::NoRoot(_)),
        "{error}"
    );
}

/// A measurement: `cargo test --release -p devlog-local --test scanner -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn unchanged_files_cost_little_more_than_a_walk() {
    let mut disk = Disk::new();
    for number in 0..100_000 {
        disk.write(&format!("n{:03}/note-{number}.md", number % 500), "x");
    }
    disk.settle();
    let bare = || {
        let count = std::sync::atomic::AtomicUsize::new(0);
        ignore::WalkBuilder::new(disk.folder.path())
            .standard_filters(false)
            .threads(2)
            .build_parallel()
            .run(|| {
                Box::new(|entry| {
                    count.fetch_add(
                        usize::from(entry.unwrap().metadata().is_ok()),
                        std::sync::atomic::Ordering::Relaxed,
                    );
                    ignore::WalkState::Continue
                })
            });
        count.into_inner()
    };
    let mut times = (Vec::new(), Vec::new());
    for _ in 0..9 {
        let start = Instant::now();
        assert!(bare() > 100_000);
        times.0.push(start.elapsed());
        let rules = IgnoreRules::load(disk.root.path()).unwrap();
        let start = Instant::now();
        let scan = FileScanner::new(&disk.root, &rules)
            .scan(&disk.known)
            .unwrap()
            .scan;
        times.1.push(start.elapsed());
        assert_eq!((scan.local.files.len(), scan.bytes_hashed), (100_000, 0));
    }
    times.0.sort();
    times.1.sort();
    println!("walk and stat {:?}, scan {:?}", times.0[4], times.1[4]);
}
