//! Push against a real S3 server, and against one that ignores conditional writes.

use std::time::{Duration, Instant};

use devlog_tests::s3::S3Server;

#[test]
fn a_push_stores_plain_files_and_a_second_is_one_request() {
    let Some(server) = S3Server::find() else { return };
    let bucket = server.bucket();
    let env = server.env(&bucket);
    env.write("notes/a b+ü%41#?.md", "odd name");
    env.write("empty", "");
    env.devlog("push").exits(0).says("Pushed 3 files");
    assert_eq!(bucket.get("me/notes/a b+ü%41#?.md").as_deref(), Some(&b"odd name"[..]));
    assert_eq!(bucket.get("me/empty").as_deref(), Some(&[][..]));
    let finished = env.devlog("push --json").exits(0).finished();
    assert_eq!((&finished["requests"], &finished["files_uploaded"]), (&1.into(), &0.into()));
    env.devlog("remote test").exits(0).says("ok     write");
    assert!(bucket.keys().iter().all(|key| !key.contains("/probe/")), "{:?}", bucket.keys());
}

#[test]
fn changes_replace_on_condition_and_keep_the_history() {
    let Some(server) = S3Server::find() else { return };
    let bucket = server.bucket();
    let env = server.env(&bucket);
    env.write("ü ?.md", "one");
    env.write("b.md", "two");
    env.devlog("push").exits(0);
    env.write("ü ?.md", "one more");
    env.remove("b.md");
    env.devlog("push --delete").exits(0).says("1 deleted");
    assert_eq!(bucket.get("me/ü ?.md").as_deref(), Some(&b"one more"[..]));
    assert_eq!(bucket.get("me/b.md"), None);
    let history: Vec<_> = bucket
        .keys()
        .into_iter()
        .filter(|key| key.contains("/history/"))
        .map(|key| bucket.get(&key))
        .collect();
    assert_eq!(history.len(), 2, "both old versions are kept: {history:?}");
}

#[test]
fn an_object_of_another_tool_is_never_overwritten_unseen() {
    let Some(server) = S3Server::find() else { return };
    let bucket = server.bucket();
    let env = server.env(&bucket);
    env.write("a.bin", "one");
    env.devlog("push").exits(0);
    bucket.put("me/a.bin", b"theirs");
    env.write("a.bin", "ours");
    env.devlog("push").exits(4);
    assert_eq!(bucket.get("me/a.bin").as_deref(), Some(&b"theirs"[..]));
    env.devlog("push --force").exits(0);
    assert_eq!(bucket.get("me/a.bin").as_deref(), Some(&b"ours"[..]));
}

#[test]
fn a_large_file_goes_in_parts_and_only_once() {
    let Some(server) = S3Server::find() else { return };
    let bucket = server.bucket();
    let env = server.env(&bucket);
    let content: Vec<u8> = (0..20_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    env.write("large.bin", &content);
    env.devlog("push").exits(0);
    assert!(bucket.get("me/large.bin").is_some_and(|stored| stored == content));
    assert_eq!(bucket.dangling_uploads(), 0);
    let finished = env.devlog("push --json").exits(0).finished();
    assert_eq!((&finished["requests"], &finished["files_uploaded"]), (&1.into(), &0.into()));
}

#[test]
fn foreign_keys_cannot_become_files_elsewhere_and_markers_are_ignored() {
    let Some(server) = S3Server::find() else { return };
    let bucket = server.bucket();
    let env = server.env(&bucket);
    env.write("a.md", "one");
    env.devlog("push").exits(0);
    bucket.put("me/folder/", b"");
    bucket.put("me/c:/evil.md", b"x");
    bucket.put("me/back\\slash.md", b"x");
    let run = env.devlog("push --mode all").exits(3);
    run.complains("evil.md");
    assert!(!env.home().join("evil.md").exists());
    bucket.delete("me/c:/evil.md");
    bucket.delete("me/back\\slash.md");
    env.devlog("push --mode all").exits(0);
}

#[test]
fn more_objects_than_a_page_are_all_seen() {
    let Some(server) = S3Server::find() else { return };
    let bucket = server.bucket();
    let env = server.env(&bucket);
    for n in 0..2500 {
        env.write(&format!("d{}/{n}.md", n % 13), format!("note {n}"));
    }
    let finished = env.devlog("push --json").exits(0).finished();
    assert_eq!(finished["files_uploaded"], 2501);
    let finished = env.devlog("push --mode all --json").exits(0).finished();
    assert_eq!((&finished["files_uploaded"], &finished["files_skipped"]), (&0.into(), &2501.into()));
    for n in 0..2500 {
        env.remove(&format!("d{}/{n}.md", n % 13));
    }
    env.write("kept.md", "kept");
    env.devlog("push --delete").exits(7);
    let finished = env.devlog("push --delete --confirm-delete 2500 --json").exits(0).finished();
    assert_eq!(finished["files_deleted"], 2500);
    assert!(
        bucket
            .keys()
            .iter()
            .all(|key| key.contains("/.devlog/") || key == "me/kept.md" || key == "me/config.toml")
    );
}

#[test]
fn a_server_without_conditional_writes_is_refused() {
    let Some(server) = S3Server::find_naive() else {
        return;
    };
    let bucket = server.bucket();
    let env = server.env(&bucket);
    env.write("a.md", "one");
    env.devlog("push").exits(1).complains("conditional writes").complains("single_writer");
    assert!(bucket.keys().is_empty(), "nothing is left behind: {:?}", bucket.keys());
    env.devlog("config set remote.single_writer true").exits(0);
    env.devlog("push").exits(0);
    assert_eq!(bucket.get("me/a.md").as_deref(), Some(&b"one"[..]));
}

#[test]
fn wrong_credentials_are_one_message_and_code_6() {
    let Some(server) = S3Server::find() else { return };
    let bucket = server.bucket();
    let env = server.env(&bucket).with_var("AWS_SECRET_ACCESS_KEY", "canary-secret");
    for n in 0..20 {
        env.write(&format!("{n}.md"), "x");
    }
    let run = env.devlog("push --verbose").exits(6);
    assert_eq!(run.stderr.matches("error:").count(), 1, "{}", run.stderr);
    assert!(!run.stderr.contains("canary") && !run.stdout.contains("canary"));
    let finished = env.devlog("push --json").exits(6).finished();
    assert_eq!(finished["exit_code"], 6);
}

#[test]
fn no_credentials_at_all_are_code_6() {
    let Some(server) = S3Server::find() else { return };
    let bucket = server.bucket();
    let env = server.env(&bucket).with_var("AWS_ACCESS_KEY_ID", "").with_var("AWS_SECRET_ACCESS_KEY", "");
    env.devlog("push").exits(6).complains("credentials");
}

#[test]
fn a_missing_bucket_is_named() {
    let Some(server) = S3Server::find() else { return };
    let bucket = server.bucket();
    let env = server.env(&bucket);
    env.configure(&bucket.url("me").replace("s3://t", "s3://no-such-t"));
    env.devlog("push").exits(1).complains("does not exist");
}

#[test]
fn an_unreachable_server_queues_the_request() {
    let Some(server) = S3Server::find() else { return };
    let bucket = server.bucket();
    let env = server.env(&bucket).with_var("DEVLOG_SYNC__MAX_ATTEMPTS", "2");
    let url = bucket.url("me");
    env.configure("s3://x/y?endpoint=http://127.0.0.1:1&region=us-east-1");
    let started = Instant::now();
    let run = env.devlog("push --json").exits(5);
    assert_eq!(run.finished()["exit_code"], 5);
    assert!(started.elapsed() < Duration::from_secs(60));
    env.devlog("push").exits(5);
    let status = env.devlog("status --json").exits(0).json();
    assert_eq!(status["queue"], 1, "the same request is queued once");
    env.configure(&url);
    env.devlog("push").exits(0);
    assert_eq!(env.devlog("status --json").json()["queue"], 0);
}
