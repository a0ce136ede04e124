//! What a scan finds, and when it reads.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::time::{Duration, Instant, SystemTime};

use devlog_core::files::ContentHash;
use devlog_core::ports::{LocalError, ScanDepth};
use devlog_local::ignore_rules::IgnoreRules;
use devlog_local::root::Root;
use devlog_local::scanner::FileScanner;

use crate::disk::{Disk, hash_in, names, rel};

mod disk;
mod names;

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
    assert_eq!(names(&scan), ["config.toml", "deep/er/and/deeper.md", "empty.md", "events/20250911.jsonl"]);
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
        assert_eq!(hash_in(&scan, &name), ContentHash::of(number.to_string().as_bytes()));
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
    assert!(first.learned.is_empty(), "a record that cannot be trusted is not worth keeping");
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
    disk.set_mtime("a.md", SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000));
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
    disk.set_mtime("a.md", SystemTime::UNIX_EPOCH + Duration::from_secs(3_345_000_000));
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
fn a_missing_root_is_an_error() {
    let disk = Disk::new();
    let root = Root::at(&disk.path("gone")).unwrap();
    let rules = IgnoreRules::load(root.path()).unwrap();
    let error = FileScanner::new(&root, &rules).scan(&disk.known).unwrap_err();
    assert!(matches!(error, LocalError::NoRoot(_)), "{error}");
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
        ignore::WalkBuilder::new(disk.folder.path()).standard_filters(false).threads(2).build_parallel().run(
            || {
                Box::new(|entry| {
                    count.fetch_add(
                        usize::from(entry.unwrap().metadata().is_ok()),
                        std::sync::atomic::Ordering::Relaxed,
                    );
                    ignore::WalkState::Continue
                })
            },
        );
        count.into_inner()
    };
    let mut times = (Vec::new(), Vec::new());
    for _ in 0..9 {
        let start = Instant::now();
        assert!(bare() > 100_000);
        times.0.push(start.elapsed());
        let rules = IgnoreRules::load(disk.root.path()).unwrap();
        let start = Instant::now();
        let scan = FileScanner::new(&disk.root, &rules).scan(&disk.known).unwrap().scan;
        times.1.push(start.elapsed());
        assert_eq!((scan.local.files.len(), scan.bytes_hashed), (100_000, 0));
    }
    times.0.sort();
    times.1.sort();
    println!("walk and stat {:?}, scan {:?}", times.0[4], times.1[4]);
}
