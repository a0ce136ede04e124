//! Bad input, bad luck: a clear error with the right code, and nothing lost.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use devlog_tests::TestEnv;
use devlog_tests::s3::S3Server;

#[test]
fn a_broken_configuration_names_file_line_key_and_what_was_meant() {
    let env = TestEnv::with_folder_remote();
    env.write("config.toml", "[remote]\nurl = \"file:///x\"\n\n[sync]\nconcurency = 3\n");
    let run = env.devlog("push").exits(2);
    run.complains("config.toml:5: `sync.concurency` is not a setting; did you mean `sync.concurrency`?");
    env.write("config.toml", "[remote\n");
    env.devlog("push").exits(2).complains("config.toml:1:");
}

#[test]
fn an_unknown_provider_is_wrong_usage() {
    let env = TestEnv::with_folder_remote();
    env.write("config.toml", "[remote]\nprovider = \"dropbox\"\nurl = \"s3://b\"\n");
    env.devlog("push").exits(2).complains("no provider `dropbox`; there are folder, s3, azure and gcs");
    env.configure("azure://account/container");
    env.devlog("push").exits(2).complains("without azure remotes");
}

#[test]
fn a_root_without_a_remote_says_how_to_add_one() {
    let env = TestEnv::new();
    let other = env.home().join("other");
    fs::create_dir(&other).unwrap();
    let run = env.devlog_args(["--dir", &other.display().to_string(), "push"]).exits(2);
    run.complains("remote add default");
}

#[test]
fn a_remote_inside_the_log_is_refused() {
    let env = TestEnv::new();
    env.configure(&format!("file://{}", env.root().join("backup").display()));
    env.devlog("push").exits(2).complains("inside each other");
    env.configure(&format!("file://{}", env.home().display()));
    env.devlog("push").exits(2).complains("inside each other");
}

#[test]
fn a_remote_that_is_a_file_fails_and_changes_nothing() {
    let env = TestEnv::with_folder_remote();
    fs::write(env.remote(), "a file").unwrap();
    env.write("a.md", "one");
    let run = env.devlog("push");
    assert!(!matches!(run.code, Some(0)), "{run:?}");
    assert_eq!(fs::read(env.remote()).unwrap(), b"a file");
}

#[test]
fn wrong_usage_is_code_2_and_one_line_of_json() {
    let env = TestEnv::with_folder_remote();
    env.devlog("push --mode everything").exits(2);
    env.devlog("push --conflict nonsense").exits(2).complains("keep_both");
    env.devlog("push ../outside").exits(2).complains("..");
    let run = env.devlog("push --nonsense --json").exits(2);
    let error: serde_json::Value = serde_json::from_str(run.stderr.trim()).expect("one line of JSON");
    assert_eq!((&error["event"], &error["code"]), (&"error".into(), &2.into()));
}

#[test]
fn offline_queues_and_ends_well() {
    let env = TestEnv::with_folder_remote();
    env.write("a.md", "one");
    let finished = env.devlog("--offline push --json").exits(0).finished();
    assert_eq!(finished["queued"], true);
    assert!(!env.remote().exists());
    assert_eq!(env.devlog("status --json").exits(0).json()["queue"], 1);
    env.devlog("push").exits(0);
    assert_eq!(env.devlog("status --json").exits(0).json()["queue"], 0);
    env.devlog("config set sync.offline true").exits(0);
    assert_eq!(env.devlog("push --json").exits(0).finished()["queued"], true);
}

#[test]
fn status_tells_what_waits() {
    let env = TestEnv::with_folder_remote();
    env.write("a.md", "one");
    let before = env.devlog("status --json").exits(0).json();
    assert_eq!((&before["pending"]["push"], &before["last_success"]), (&2.into(), &serde_json::Value::Null));
    env.devlog("status --exit-code").exits(3);
    env.devlog("push").exits(0);
    let after = env.devlog("status --json").exits(0).json();
    assert_eq!(after["pending"]["push"], 0);
    assert!(after["last_push_timestamp"].is_string());
    env.devlog("status --exit-code").exits(0);
    env.devlog("status --short").exits(0).says("=");
    env.write("b.md", "two");
    env.devlog("status --short").exits(0).says("↑1");
}

#[test]
fn one_run_at_a_time() {
    let Some(server) = S3Server::find() else { return };
    let bucket = server.bucket();
    let env = server.env(&bucket).with_var("DEVLOG_SYNC__BANDWIDTH", "200kB/s");
    env.write("large.bin", vec![7_u8; 1_000_000]);
    let mut first = env.command(["push", "-q"]).stderr(Stdio::null()).spawn().unwrap();
    let holder = first.id().to_string();
    let lock = env.root().join(".devlog/lock");
    assert!(wait_for(|| fs::read_to_string(&lock).is_ok_and(|text| text.contains(&holder))));
    env.devlog("push").exits(8).complains(&holder);
    assert!(first.wait().unwrap().success());
    env.devlog("push").exits(0);
}

#[test]
fn an_interrupt_commits_what_is_done() {
    let Some(server) = S3Server::find() else { return };
    let bucket = server.bucket();
    let env = server.env(&bucket).with_var("DEVLOG_SYNC__BANDWIDTH", "50kB/s");
    for n in 0..200 {
        env.write(&format!("{n}.md"), vec![b'x'; 4_000]);
    }
    let env = env.with_var("DEVLOG_SYNC__CONCURRENCY", "2");
    let child = env.command(["push", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    assert!(wait_for(|| bucket.keys().iter().filter(|key| key.ends_with(".md")).count() > 3));
    let interrupted = Instant::now();
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(interrupted.elapsed() < Duration::from_secs(30));
    let stored = bucket.keys().iter().filter(|key| key.ends_with(".md")).count() as u64;
    let env = env.with_var("DEVLOG_SYNC__BANDWIDTH", "off");
    let finished = env.devlog("push --json").exits(0).finished();
    let files = |name: &str| finished[name].as_u64().unwrap();
    assert_eq!(files("files_uploaded") + files("files_skipped"), 201);
    assert!(
        files("files_uploaded") <= 201 - stored,
        "nothing is sent twice: {finished}, {stored} were there"
    );
}

#[test]
fn a_kill_at_any_moment_leaves_a_log_that_goes_on() {
    let env = TestEnv::with_folder_remote();
    for round in 0..12_u64 {
        for n in 0..40 {
            env.write(&format!("{n}.md"), format!("round {round}, note {n}"));
        }
        let mut child = env.command(["push", "-q"]).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(round * 7));
        child.kill().unwrap();
        child.wait().unwrap();
        env.devlog("push").exits(0);
        for n in 0..40 {
            let stored = env.stored(&format!("{n}.md")).unwrap();
            assert_eq!(String::from_utf8(stored).unwrap(), format!("round {round}, note {n}"));
        }
        env.devlog("status --exit-code").exits(0);
    }
    env.devlog("push --mode all").exits(0).says("Nothing to push");
}

fn wait_for(mut condition: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(30) {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}
