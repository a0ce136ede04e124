//! What a scan leaves out: links, pipes, unusable names, ignored files, and what it may not read.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use devlog_core::files::{ContentHash, Unknown};
use devlog_core::ports::{ScanDepth, ScanNoteKind};
use devlog_local::ignore_rules::IgnoreRules;
use devlog_local::root::Root;
use devlog_local::scanner::FileScanner;

use crate::disk::{Disk, hash_in, names, notes, rel};

#[test]
fn f3_f4_links_pipes_and_sockets_are_noted_once() {
    let mut disk = Disk::new();
    disk.write("a/x.md", "x");
    symlink("..", disk.path("a/parent")).unwrap();
    symlink("x.md", disk.path("a/alias.md")).unwrap();
    symlink("nowhere", disk.path("dangling")).unwrap();
    let _socket = UnixListener::bind(disk.path("socket")).unwrap();
    assert!(Command::new("mkfifo").arg(disk.path("pipe")).status().unwrap().success());

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
    let folder = disk.folder.path().join(std::ffi::OsStr::from_bytes(b"folder\xfe"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("inside.md"), "x").unwrap();

    let scan = disk.scan();
    assert_eq!(names(&scan), ["good.md"]);
    let shown: Vec<&str> = scan.notes.iter().map(|note| note.name.as_str()).collect();
    assert_eq!(shown, ["back\\slash.md", "bad\\xff.md", "folder\\xfe", "line\\nbreak.md"]);
    assert!(scan.notes.iter().all(|note| matches!(note.kind, ScanNoteKind::Name(_))));
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
            .args(["--exact", "names::x13_what_cannot_be_read_is_unknown", "--nocapture"])
            .env(AGAIN, "1")
            .output();
        match output {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stdout);
                assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
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
        FileScanner::new(&disk.root, &rules).scan(&disk.known).unwrap().scan
    };
    for name in ["closed", "listed-only"] {
        forbid(name, 0o700);
    }

    assert_eq!(names(&scan), ["open.md"]);
    let reason = Unknown::Unreadable("Permission denied (os error 13)".into());
    let unknown: Vec<_> = scan.local.unknown.iter().map(|(path, why)| (path.as_str(), why)).collect();
    assert_eq!(unknown, [("closed", &reason), ("closed.md", &reason), ("listed-only/inside.md", &reason)]);
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
