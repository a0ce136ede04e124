//! What a plan must not do unasked, at its exact limits.

use devlog_core::conflict::Strategy;
use devlog_core::files::{
    BaseFile, BaseFiles, CommitNumber, ContentHash, FileTime, LocalFile, LocalFiles, RemoteFile, RemoteFiles,
    Unknown, Version,
};
use devlog_core::guard::{self, Guard};
use devlog_core::path::RelPath;
use devlog_core::plan::{Deletions, Direction, Scope, SyncPolicy, plan};

/// Three trees that agree on `0.md`, `1.md` and so on.
struct Trees {
    local: LocalFiles,
    base: BaseFiles,
    remote: RemoteFiles,
}

fn path(name: impl ToString) -> RelPath {
    RelPath::new(&name.to_string()).expect("tests use plain names")
}

fn local(text: &str) -> LocalFile {
    LocalFile { hash: ContentHash::of(text.as_bytes()), size: text.len() as u64, mtime: FileTime(0) }
}

fn remote(text: &str, commit: u64) -> RemoteFile {
    let LocalFile { hash, size, mtime } = local(text);
    let commit = Some(CommitNumber(commit));
    RemoteFile { hash, size, mtime, version: Version::new(format!("of {text}")), commit }
}

fn agreed(files: usize) -> Trees {
    let names = || (0..files).map(|n| (path(format!("{n}.md")), format!("content {n}")));
    Trees {
        local: LocalFiles {
            files: names().map(|(path, text)| (path, local(&text))).collect(),
            ..LocalFiles::default()
        },
        base: names()
            .map(|(path, text)| (path, BaseFile::agreed(&remote(&text, 1), CommitNumber(1))))
            .collect(),
        remote: RemoteFiles {
            files: names().map(|(path, text)| (path, remote(&text, 1))).collect(),
            ..RemoteFiles::default()
        },
    }
}

impl Trees {
    fn without_local(mut self, count: usize) -> Self {
        for n in 0..count {
            self.local.files.remove(&path(format!("{n}.md")));
        }
        self
    }

    fn without_remote(mut self, count: usize) -> Self {
        for n in 0..count {
            self.remote.files.remove(&path(format!("{n}.md")));
        }
        self
    }

    fn add_local(mut self, name: &str, text: &str) -> Self {
        self.local.files.insert(path(name), local(text));
        self
    }

    fn unknown_here(mut self, name: &str, why: Unknown) -> Self {
        self.local.unknown.insert(path(name), why);
        self
    }
}

fn check(trees: &Trees, direction: Direction, confirmed: Option<usize>) -> Result<(), Guard> {
    let policy = SyncPolicy {
        direction,
        deletions: Deletions::Propagate,
        strategy: Strategy::LocalPreferred,
        device: "xps".into(),
        scope: Scope::everything(),
    };
    let plan = plan(&trees.local, &trees.base, &trees.remote, &policy);
    guard::check(&plan, &trees.local, &trees.base, &trees.remote, confirmed)
}

/// How many deletions pass and how many do not, by the number of tracked files: clamp(20 %, 10, 50).
const LIMITS: [(usize, usize); 7] =
    [(12, 10), (50, 10), (54, 10), (55, 11), (100, 20), (250, 50), (2000, 50)];

#[test]
fn mass_deletion_begins_where_the_limit_ends() {
    for (tracked, limit) in LIMITS {
        for direction in [Direction::Push, Direction::Sync] {
            let within = agreed(tracked).without_local(limit);
            assert_eq!(check(&within, direction, None), Ok(()), "{tracked}");
            let beyond = agreed(tracked).without_local(limit + 1);
            let expected = Guard::MassDeletion { destructive: limit + 1, limit, tracked, confirm: limit + 1 };
            assert_eq!(check(&beyond, direction, None), Err(expected));
        }
        for direction in [Direction::Pull, Direction::Sync] {
            let within = agreed(tracked).without_remote(limit);
            assert_eq!(check(&within, direction, None), Ok(()), "{tracked}");
            let beyond = agreed(tracked).without_remote(limit + 1);
            assert!(matches!(check(&beyond, direction, None), Err(Guard::MassDeletion { .. })));
        }
    }
}

#[test]
fn only_the_exact_number_confirms() {
    let trees = agreed(100).without_local(30);
    for number in [0, 1, 29, 31, usize::MAX] {
        assert!(check(&trees, Direction::Push, Some(number)).is_err(), "{number}");
    }
    assert_eq!(check(&trees, Direction::Push, Some(30)), Ok(()));
}

#[test]
fn deletions_of_both_sides_are_counted_together() {
    let mut trees = agreed(100).without_local(15);
    for n in 50..65 {
        trees.remote.files.remove(&path(format!("{n}.md")));
    }
    assert_eq!(check(&trees, Direction::Sync, None).unwrap_err().confirm(), Some(30));
    assert_eq!(check(&trees, Direction::Push, None), Ok(()), "a push carries out fifteen of them");
}

#[test]
fn a_renamed_folder_is_no_deletion() {
    let mut trees = agreed(100).without_local(90);
    for n in 0..90 {
        trees = trees.add_local(&format!("renamed/{n}.md"), &format!("content {n}"));
    }
    assert_eq!(check(&trees, Direction::Push, None), Ok(()));
    assert_eq!(check(&trees, Direction::Sync, None), Ok(()));
    // Nor is it where every file was renamed.
    let mut trees = agreed(20).without_local(20);
    for n in 0..20 {
        trees = trees.add_local(&format!("renamed/{n}.md"), &format!("content {n}"));
    }
    assert_eq!(check(&trees, Direction::Sync, None), Ok(()));
}

#[test]
fn a_file_moved_over_another_is_a_deletion() {
    let mut trees = agreed(100).without_local(30);
    for n in 0..30 {
        trees = trees.add_local(&format!("{}.md", n + 50), &format!("content {n}"));
    }
    assert!(matches!(
        check(&trees, Direction::Push, None),
        Err(Guard::MassDeletion { destructive: 30, confirm: 30, .. })
    ));
}

#[test]
fn a_deletion_beside_other_new_files_is_still_one() {
    let mut trees = agreed(100).without_local(30);
    for n in 0..30 {
        trees = trees.add_local(&format!("new/{n}.md"), &format!("something else {n}"));
    }
    assert!(matches!(
        check(&trees, Direction::Push, None),
        Err(Guard::MassDeletion { destructive: 30, confirm: 30, .. })
    ));
}

#[test]
fn files_that_become_empty_count() {
    let mut trees = agreed(100);
    for n in 0..21 {
        trees = trees.add_local(&format!("{n}.md"), "");
    }
    let expected = Guard::MassDeletion { destructive: 21, limit: 20, tracked: 100, confirm: 0 };
    assert_eq!(check(&trees, Direction::Push, None), Err(expected));
    let mut trees = agreed(100);
    for n in 0..21 {
        trees.remote.files.insert(path(format!("{n}.md")), remote("", 2));
    }
    assert!(matches!(
        check(&trees, Direction::Pull, None),
        Err(Guard::MassDeletion { destructive: 21, confirm: 0, .. })
    ));
    assert_eq!(check(&trees, Direction::Push, None), Ok(()));
}

#[test]
fn a_root_without_its_files_is_emptied_whatever_the_direction() {
    for direction in [Direction::Push, Direction::Pull, Direction::Sync] {
        let trees = agreed(3).without_local(3);
        assert!(matches!(check(&trees, direction, None), Err(Guard::RootEmptied { tracked: 3, .. })));
        let one_left = agreed(3).without_local(2);
        assert_eq!(check(&one_left, direction, None), Ok(()));
        let strangers = agreed(3).without_local(3).add_local("new.md", "new");
        assert!(matches!(check(&strangers, direction, None), Err(Guard::RootEmptied { .. })));
    }
}

#[test]
fn a_configuration_alone_does_not_fill_a_root() {
    let with_config = |mut trees: Trees| {
        trees.local.files.insert(path("config.toml"), local("x"));
        trees.base.insert(path("config.toml"), BaseFile::agreed(&remote("x", 1), CommitNumber(1)));
        trees.remote.files.insert(path("config.toml"), remote("x", 1));
        trees
    };
    let emptied = with_config(agreed(3).without_local(3));
    assert_eq!(check(&emptied, Direction::Push, None), Err(Guard::RootEmptied { tracked: 4, confirm: 3 }));
    // Where nothing else was ever there, nothing is missing.
    assert_eq!(check(&with_config(agreed(0)), Direction::Push, None), Ok(()));
}

#[test]
fn files_of_which_nothing_can_be_said_have_not_vanished() {
    let whys = [Unknown::Unreadable("permission denied".into()), Unknown::Excluded, Unknown::Vanished];
    for why in whys {
        let mut trees = agreed(30).without_local(30);
        for n in 0..30 {
            trees = trees.unknown_here(&format!("{n}.md"), why.clone());
        }
        assert_eq!(check(&trees, Direction::Sync, None), Ok(()), "{why:?}");
    }
}

#[test]
fn files_deleted_here_before_are_not_missed() {
    let mut trees = agreed(3).without_local(3);
    trees.base.values_mut().for_each(|row| row.deleted_here = true);
    assert_eq!(check(&trees, Direction::Pull, None), Ok(()));
}

#[test]
fn an_emptied_remote_deletes_nothing_here() {
    let trees = agreed(3).without_remote(3);
    let expected = Guard::RemoteEmptied { tracked: 3, confirm: Some(3) };
    assert_eq!(check(&trees, Direction::Pull, None), Err(expected.clone()));
    assert_eq!(check(&trees, Direction::Sync, None), Err(expected));
    assert_eq!(check(&trees, Direction::Sync, Some(3)), Ok(()));
    assert_eq!(check(&trees, Direction::Push, None), Ok(()), "a push leaves this disk alone");
}

#[test]
fn a_first_run_is_never_stopped() {
    let mut trees = agreed(100);
    trees.base.clear();
    for direction in [Direction::Push, Direction::Pull, Direction::Sync] {
        assert_eq!(check(&trees, direction, None), Ok(()));
        let nothing_here =
            Trees { local: LocalFiles::default(), base: BaseFiles::new(), remote: trees.remote.clone() };
        assert_eq!(check(&nothing_here, direction, None), Ok(()));
    }
}
