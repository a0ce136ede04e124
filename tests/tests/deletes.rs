//! Deletions and guards: what a push never does unasked.

use std::fs;

use devlog_tests::{TestEnv, contents};

fn pushed(count: usize) -> TestEnv {
    let env = TestEnv::with_folder_remote();
    for n in 0..count {
        env.write(&format!("notes/{n}.md"), format!("note {n}"));
    }
    env.devlog("push --quiet").exits(0);
    env
}

#[test]
fn a_deletion_stays_here_unless_asked() {
    let env = pushed(3);
    env.remove("notes/1.md");
    env.devlog("push").exits(0);
    assert!(env.stored("notes/1.md").is_some());
    env.devlog("push").exits(0).says("Nothing to push").says("1 request");
    env.devlog("push --delete").exits(0).says("1 deleted");
    assert!(env.stored("notes/1.md").is_none());
    let history = contents(&env.remote().join(".devlog/history"));
    assert!(history.values().any(|content| content == b"note 1"), "a deleted file stays recoverable");
}

#[test]
fn an_emptied_root_stops_the_push() {
    let env = pushed(3);
    fs::remove_dir_all(env.root().join("notes")).unwrap();
    env.devlog("push --delete").exits(7).complains("empty");
    assert_eq!(contents(&env.remote().join("notes")).len(), 3);
    env.devlog("push --delete --dry-run").exits(7);
}

#[test]
fn a_missing_root_is_an_error() {
    let env = pushed(3);
    fs::rename(env.root(), env.home().join("elsewhere")).unwrap();
    let run = env.devlog("push --delete");
    assert_ne!(run.code, Some(0), "{run:?}");
    assert_eq!(contents(&env.remote().join("notes")).len(), 3);
    assert!(!env.root().exists(), "a push makes no root");
}

#[test]
fn many_deletions_need_their_number() {
    let env = pushed(40);
    for n in 0..20 {
        env.remove(&format!("notes/{n}.md"));
    }
    env.devlog("push --delete").exits(7).complains("--confirm-delete 20");
    env.devlog("push --delete --confirm-delete 19").exits(7);
    assert_eq!(contents(&env.remote().join("notes")).len(), 40);
    env.devlog("push --delete --confirm-delete 20").exits(0);
    assert_eq!(contents(&env.remote().join("notes")).len(), 20);
}

#[test]
fn a_lost_state_deletes_and_sends_nothing() {
    let env = pushed(5);
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = fs::remove_file(env.root().join(".devlog").join(name));
    }
    env.remove("notes/0.md");
    let finished = env.devlog("push --delete --json").exits(0).finished();
    assert_eq!((&finished["files_uploaded"], &finished["files_deleted"]), (&0.into(), &0.into()));
    assert!(env.stored("notes/0.md").is_some());
}

#[test]
fn a_new_ignore_rule_deletes_nothing() {
    let env = pushed(3);
    env.write(".devlogignore", "notes/\n");
    env.devlog("push --delete").exits(0);
    assert_eq!(contents(&env.remote().join("notes")).len(), 3);
}

#[test]
fn another_bucket_is_a_first_push() {
    let env = pushed(3);
    let other = env.home().join("other");
    env.configure(&format!("file://{}", other.display()));
    env.remove("notes/2.md");
    let finished = env.devlog("push --delete --json").exits(0).finished();
    assert_eq!((&finished["files_uploaded"], &finished["files_deleted"]), (&3.into(), &0.into()));
    assert_eq!(contents(&env.remote().join("notes")).len(), 3);
}

#[test]
fn an_emptied_remote_stops_the_push() {
    let env = pushed(3);
    fs::remove_dir_all(env.remote()).unwrap();
    env.write("notes/new.md", "new");
    env.devlog("push").exits(7).complains("empty");
}
