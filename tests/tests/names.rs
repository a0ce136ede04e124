//! Names and kinds of files that other tools stumble over.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use devlog_tests::{TestEnv, contents};

#[test]
fn links_and_sockets_are_noted_and_not_followed() {
    let env = TestEnv::with_folder_remote();
    env.write("a.md", "one");
    symlink("..", env.root().join("up")).unwrap();
    symlink("nowhere", env.root().join("dangling")).unwrap();
    let _socket = UnixListener::bind(env.root().join("socket")).unwrap();
    env.devlog("push").exits(0).says("Pushed 2 files");
    assert!(env.stored("up").is_none() && env.stored("dangling").is_none() && env.stored("socket").is_none());
}

#[test]
fn a_decomposed_name_is_the_composed_one() {
    let env = TestEnv::with_folder_remote();
    env.write("cafe\u{301}.md", "one");
    env.devlog("push").exits(0);
    assert_eq!(env.stored("caf\u{e9}.md").as_deref(), Some(&b"one"[..]));
    fs::rename(env.root().join("cafe\u{301}.md"), env.root().join("caf\u{e9}.md")).unwrap();
    env.devlog("push").exits(0).says("Nothing to push");
}

#[test]
fn a_name_that_is_not_text_makes_the_run_partial() {
    use std::os::unix::ffi::OsStrExt;
    let env = TestEnv::with_folder_remote();
    env.write("a.md", "one");
    fs::write(env.root().join(std::ffi::OsStr::from_bytes(b"bad\xff.md")), "x").unwrap();
    env.devlog("push").exits(3).complains("bad");
    assert!(env.stored("a.md").is_some());
}

#[test]
fn a_file_that_became_a_folder_and_back() {
    let env = TestEnv::with_folder_remote();
    env.write("a", "file");
    env.devlog("push").exits(0);
    env.remove("a");
    env.write("a/b", "inside");
    env.devlog("push").exits(0);
    assert_eq!(env.stored("a/b").as_deref(), Some(&b"inside"[..]));
    fs::remove_dir_all(env.root().join("a")).unwrap();
    env.write("a", "file again");
    env.devlog("push").exits(0);
    assert_eq!(env.stored("a").as_deref(), Some(&b"file again"[..]));
    env.devlog("push").exits(0).says("Nothing to push");
}

#[test]
fn empty_folders_are_not_synced_and_do_no_harm() {
    let env = TestEnv::with_folder_remote();
    fs::create_dir_all(env.root().join("empty/inner")).unwrap();
    env.devlog("push").exits(0).says("Pushed 1 file");
    fs::remove_dir_all(env.root().join("empty")).unwrap();
    env.devlog("push --delete").exits(0).says("Nothing to push");
}

#[test]
fn secrets_beside_the_log_stay_here() {
    let env = TestEnv::with_folder_remote();
    env.write(".env", "TOKEN=x");
    env.write("notes/id_rsa", "key");
    env.write("a.md", "one");
    env.devlog("push").exits(0);
    let stored = contents(&env.remote());
    assert!(stored.keys().all(|name| !name.ends_with(".env") && !name.ends_with("id_rsa")), "{stored:?}");
    env.write(".devlogignore", "!.env\n");
    env.devlog("push").exits(0);
    assert!(env.stored(".env").is_some(), "a rule of one's own brings it back");
}
