//! Push as a person meets it: what is sent, what is said, what is left alone.

use std::fs;

use devlog_tests::{TestEnv, contents};

#[test]
fn the_first_two_commands_of_the_readme() {
    let env = TestEnv::new();
    let run = env.devlog_args(["new", "--push", "hello from devlog"]).exits(0);
    run.says("Pushed").complains("devlog remote add");
    let stored = contents(&env.home().join(".local/share/devlog/remote"));
    let (name, event) =
        stored.iter().find(|(name, _)| name.starts_with("events/")).expect("the journal is stored");
    assert!(String::from_utf8_lossy(event).contains("hello from devlog"), "{name}");
    env.devlog("push").exits(0).says("Nothing to push").says("1 request");
}

#[test]
fn stored_files_are_plain_and_byte_identical() {
    let env = TestEnv::with_folder_remote();
    env.write("notes/a b/ü.md", "# ü\n");
    env.write("empty", "");
    env.write("blob", [0_u8, 255, 10, 13]);
    env.devlog("push").exits(0).says("Pushed 4 files");
    assert_eq!(env.stored("notes/a b/ü.md").as_deref(), Some("# ü\n".as_bytes()));
    assert_eq!(env.stored("empty").as_deref(), Some(&[][..]));
    assert_eq!(env.stored("blob").as_deref(), Some(&[0, 255, 10, 13][..]));
}

#[test]
fn nothing_to_do_is_one_request_whatever_the_number_of_files() {
    let env = TestEnv::with_folder_remote();
    for n in 0..300 {
        env.write(&format!("d{}/f{n}", n % 7), format!("content {n}"));
    }
    env.devlog("push --quiet").exits(0);
    let finished = env.devlog("push --json").exits(0).finished();
    assert_eq!(finished["requests"], 1);
    assert_eq!(finished["files_uploaded"], 0);
    assert_eq!(finished["files_skipped"], 301);
}

#[test]
fn an_old_time_does_not_hide_new_bytes() {
    let env = TestEnv::with_folder_remote();
    let file = env.write("a.md", "one");
    env.devlog("push").exits(0);
    fs::write(&file, "two").unwrap();
    let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    fs::File::options().write(true).open(&file).unwrap().set_modified(old).unwrap();
    env.devlog("push").exits(0).says("Pushed 1 file");
    assert_eq!(env.stored("a.md").as_deref(), Some(&b"two"[..]));
}

#[test]
fn an_edit_that_keeps_size_and_time_is_sent() {
    let env = TestEnv::with_folder_remote();
    let file = env.write("a.md", "one");
    let time = fs::metadata(&file).unwrap().modified().unwrap();
    env.devlog("push").exits(0);
    fs::write(&file, "two").unwrap();
    fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
    env.devlog("push").exits(0).says("Pushed 1 file");
    assert_eq!(env.stored("a.md").as_deref(), Some(&b"two"[..]));
}

#[test]
fn a_time_in_the_future_is_sent_once() {
    let env = TestEnv::with_folder_remote();
    let file = env.write("a.md", "one");
    let future = std::time::UNIX_EPOCH + std::time::Duration::from_secs(3_350_000_000);
    fs::File::options().write(true).open(&file).unwrap().set_modified(future).unwrap();
    env.devlog("push").exits(0).says("Pushed 2 files");
    env.devlog("push").exits(0).says("Nothing to push");
}

#[test]
fn touching_everything_sends_nothing() {
    let env = TestEnv::with_folder_remote();
    let files: Vec<_> = (0..20).map(|n| env.write(&format!("f{n}"), format!("{n}"))).collect();
    env.devlog("push").exits(0);
    let now = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    for file in files {
        fs::File::options().write(true).open(file).unwrap().set_modified(now).unwrap();
    }
    let finished = env.devlog("push --json").exits(0).finished();
    assert_eq!((&finished["files_uploaded"], &finished["requests"]), (&0.into(), &1.into()));
}

#[test]
fn a_dry_run_writes_nothing_anywhere_and_says_what_the_real_run_does() {
    let env = TestEnv::with_folder_remote();
    env.write("a.md", "one");
    env.write("b.md", "two");
    env.devlog("push").exits(0);
    env.write("a.md", "one more");
    env.write("c.md", "three");
    env.remove("b.md");
    let before = contents(env.home());
    let planned = env.devlog("push --delete --dry-run --json").exits(0);
    assert_eq!(contents(env.home()), before);
    let done = env.devlog("push --delete --json").exits(0);
    let actions = |run: &devlog_tests::Run| {
        run.events().into_iter().find(|event| event["event"] == "planned").expect("a plan")["actions"].clone()
    };
    assert_eq!(actions(&planned), actions(&done));
    assert_eq!(actions(&planned).as_array().unwrap().len(), 3);
}

#[test]
fn a_dry_run_of_the_first_push_writes_nothing() {
    let env = TestEnv::with_folder_remote();
    env.write("a.md", "one");
    let before = contents(env.home());
    env.devlog("push -n").exits(0).says("a.md");
    assert_eq!(contents(env.home()), before);
    assert!(!env.remote().exists());
}

#[test]
fn paths_limit_a_push() {
    let env = TestEnv::with_folder_remote();
    env.write("a/one.md", "1");
    env.write("b/two.md", "2");
    env.devlog("push a").exits(0).says("Pushed 1 file");
    assert!(env.stored("a/one.md").is_some() && env.stored("b/two.md").is_none());
    env.devlog("push").exits(0).says("Pushed 2 files");
}

#[test]
fn push_all_heals_an_object_that_somebody_removed() {
    let env = TestEnv::with_folder_remote();
    env.write("a.md", "one");
    env.devlog("push").exits(0);
    fs::remove_file(env.remote().join("a.md")).unwrap();
    env.devlog("push --mode all").exits(0);
    assert_eq!(env.stored("a.md").as_deref(), Some(&b"one"[..]));
}

#[test]
fn what_another_tool_changed_is_never_overwritten_unseen() {
    let env = TestEnv::with_folder_remote();
    env.write("a.bin", "one");
    env.devlog("push").exits(0);
    fs::write(env.remote().join("a.bin"), "theirs").unwrap();
    env.write("a.bin", "ours");
    env.devlog("push").exits(4).complains("devlog sync");
    assert_eq!(env.stored("a.bin").as_deref(), Some(&b"theirs"[..]));
    env.devlog("status --exit-code").exits(4);
    env.devlog("push --force").exits(0);
    assert_eq!(env.stored("a.bin").as_deref(), Some(&b"ours"[..]));
    let history = contents(&env.remote().join(".devlog/history"));
    assert!(history.values().any(|content| content == b"theirs"), "the losing version stays recoverable");
}
