//! The journal as a person and a script meet it: new, list, show, edit, delete, restore.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use devlog_tests::{TestEnv, contents};
use serde_json::Value;

/// Adds an entry and answers its id.
fn add(env: &TestEnv, text: &str, at: &str) -> String {
    let run = env.devlog_args(["new", "--json", "--at", at, text]).exits(0);
    run.json()["entries"][0]["id"].as_str().expect("an id").to_owned()
}

/// The texts that `list` shows, the first first.
fn listed(env: &TestEnv, args: &str) -> Vec<String> {
    let run = env.devlog(&format!("list --json {args}")).exits(0);
    let document = run.json();
    assert_eq!(document["schema"], "devlog.list/1");
    let entries = document["entries"].as_array().expect("a list");
    entries.iter().map(|entry| entry["body"].as_str().expect("a body").to_owned()).collect()
}

/// An environment whose editor is this shell script; `$1` is the file.
fn with_editor(script: &str) -> TestEnv {
    let env = TestEnv::new();
    let editor = env.home().join("my editor");
    fs::write(&editor, format!("#!/bin/sh\n{script}\n")).expect("the script is made");
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).expect("the script is made");
    let words = format!("'{}' --wait", editor.display());
    env.with_var("EDITOR", "false").with_var("VISUAL", &words)
}

#[test]
fn the_first_entry_makes_the_log() {
    let env = TestEnv::new();
    env.devlog("new hello +ci @alice ::search").exits(0).says("Added ").complains("Made a log");
    let run = env.devlog("list --json").exits(0);
    let entry = &run.json()["entries"][0];
    assert_eq!(entry["body"], "hello +ci @alice ::search");
    assert_eq!(
        (&entry["tags"][0], &entry["people"][0], &entry["projects"][0]),
        (&"ci".into(), &"alice".into(), &"search".into())
    );
    assert_eq!(entry["deleted"], Value::Bool(false));
    assert!(env.root().join("config.toml").is_file());
    let modes = |path: &str| env.root().join(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((modes(""), modes("events")), (0o700, 0o700), "a log is its owner's alone");
}

#[test]
fn text_comes_from_words_options_and_standard_input() {
    let env = TestEnv::new();
    env.devlog_args(["new", "-m", "one", "-m", "two", "-t", "3 days ago"]).exits(0);
    let mut child = env
        .command(["new", "-", "-t", "2 days ago"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all("from a pipe\n\n".as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    env.devlog_args(["new", "--", "-x", "is text"]).exits(0);
    assert_eq!(listed(&env, ""), ["-x is text", "from a pipe", "one\n\ntwo"]);

    for empty in [&["new", ""][..], &["new", "-m", " \n"], &["new", "-"], &["new"], &["new", "-m", "a", "b"]]
    {
        env.devlog_args(empty).exits(2).complains("error:");
    }
    assert_eq!(listed(&env, "").len(), 3);
}

#[test]
fn many_at_once_all_land() {
    let env = TestEnv::new();
    let spawn = |n: usize| {
        let text = format!("entry {n} {}", "x".repeat(9000));
        env.command(["new", &text]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let children: Vec<_> = (0..16).map(spawn).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(listed(&env, "").len(), 16);
}

#[test]
fn the_editor_writes_entries_and_leaving_it_unchanged_writes_none() {
    let env = with_editor("printf 'written in %s\\n\\n' \"$1\" > \"$2\"");
    env.devlog("new").exits(0).says("Added");
    assert_eq!(listed(&env, ""), ["written in --wait"]);
    env.devlog("new --no-input").exits(2).complains("devlog new");

    for script in
        ["true", ": > \"$2\"", "printf ' \\n' > \"$2\"", "rm -f \"$2\"; printf 'draft\\n\\n' > \"$2\""]
    {
        let env = with_editor(script);
        env.devlog_args(["new", "--edit", "draft"]).exits(0).complains("Nothing was written");
        assert!(!env.root().exists(), "{script}: not even a log is made");
    }
}

#[test]
fn an_editor_that_fails_writes_nothing_and_loses_nothing() {
    let env = with_editor("echo precious > \"$2\"; exit 3").with_var("TMPDIR", "/tmp");
    let run = env.devlog("new").exits(1).complains("caused by: your text is kept in ");
    let kept = run.stderr.lines().find_map(|line| line.split("kept in ").nth(1)).unwrap();
    assert_eq!(fs::read_to_string(kept).unwrap(), "precious\n");
    fs::remove_file(kept).unwrap();
    assert!(!env.root().exists());

    let env = TestEnv::new().with_var("EDITOR", "no-such-editor");
    env.devlog("new").exits(1).complains("no-such-editor");
}

#[test]
fn a_text_that_cannot_be_written_is_kept() {
    let env = TestEnv::new();
    env.write("events", "a file where the folder should be");
    let run = env
        .devlog("new precious words")
        .exits(1)
        .complains("cannot write")
        .complains("hint: devlog new - < ");
    let kept = run.stderr.lines().find_map(|line| line.strip_prefix("hint: devlog new - < ")).unwrap();
    assert_eq!(fs::read_to_string(kept).unwrap(), "precious words");
}

#[test]
fn dates_are_strict_and_echoed() {
    let env = TestEnv::new().with_var("TZ", "America/Los_Angeles");
    add(&env, "evening", "2025-09-10 23:30");
    add(&env, "morning", "2025-09-11T09:00:00+02:00");
    assert_eq!(listed(&env, "--on 2025-09-10"), ["evening"]);
    assert_eq!(listed(&env, "--on 2025-09-11"), ["morning"], "the writer's day, wherever it is read");
    // At 06:30 and 07:00 UTC: the order is that of time itself.
    assert_eq!(listed(&env, "--since 2025-W37 --until 2025-09"), ["morning", "evening"]);
    assert_eq!(listed(&env, "--until 2025-09-09"), [""; 0]);
    env.devlog("list --on 2025-W37").exits(0).complains("Entries on 2025-09-08 to 2025-09-14");
    env.devlog_args(["new", "-t", "yesterday 3pm", "x"]).exits(0).says(" 15:00 -0");

    let before = contents(&env.root());
    for line in [
        "list --since nonsense",
        "list --on 3pm",
        "list --since 2025-09-11 --until 2025-09-10",
        "list --on today --since today",
        "new x -t someday",
        "new x -t 2025-09-31",
        "new x -t 2099-01-01",
        "new x -t 2025-09",
        "new x -t 2025-03-09T02:30",
    ] {
        env.devlog(line).exits(2).complains("error:");
    }
    env.devlog("list --since nonsense").complains("last friday");
    env.devlog("new x -t 2025-11-02T01:30").exits(2).complains("2025-11-02T01:30:00-08:00");
    assert_eq!(contents(&env.root()), before);
}

#[test]
fn an_entry_is_edited_deleted_and_restored_and_nothing_is_forgotten() {
    let env = TestEnv::new();
    let id = add(&env, "first", "yesterday");
    let first_line = env.devlog(&format!("show --raw --history {id}")).exits(0).stdout;

    env.devlog_args(["edit", &id, "--body", "second"]).exits(0);
    env.devlog_args(["edit", &id, "--body", "second"]).exits(0).complains("Nothing was changed");
    env.devlog_args(["edit", &id, "--body", " "]).exits(2);
    assert_eq!(env.devlog(&format!("show {id} --raw")).exits(0).stdout, "second\n");

    env.devlog(&format!("delete {id}")).exits(0).complains("Deleted");
    env.devlog(&format!("delete {id}")).exits(0).complains("already deleted");
    assert_eq!(listed(&env, ""), [""; 0]);
    assert_eq!(listed(&env, "--deleted"), ["second"]);
    env.devlog_args(["edit", &id, "--body", "third"]).exits(10).complains(&format!("devlog restore {id}"));
    env.devlog(&format!("restore {id}")).exits(0);
    assert_eq!(listed(&env, ""), ["second"]);

    env.devlog(&format!("show {id} --history")).exits(0).says("    first").says("deleted").says("restored");
    let shown = env.devlog(&format!("show {id} --history --json")).exits(0).json();
    let ops: Vec<&str> =
        shown["entries"][0]["history"].as_array().unwrap().iter().filter_map(|e| e["op"].as_str()).collect();
    assert_eq!(ops, ["created", "edited", "deleted", "restored"]);
    let lines = env.devlog(&format!("show --raw --history {id}")).exits(0).stdout;
    assert!(lines.starts_with(&first_line), "no line is ever rewritten");
    let files = contents(&env.root().join("events"));
    assert_eq!(files.len(), 1, "all of an entry is in the file of its day: {:?}", files.keys());
}

#[test]
fn ids_are_unique_beginnings() {
    let env = TestEnv::new();
    let lower = "01k4xca7jq0000000000000001";
    for (id, text) in [(lower, "a"), ("01K4XCA7JR0000000000000001", "b"), ("01K5XCA7JR0000000000000001", "c")]
    {
        env.devlog_args(["new", "--id", id, text]).exits(0);
    }
    env.devlog("list").exits(0).says("01K4XCA7JQ  ").says("01K5XC  ");
    env.devlog("show 01k5xc --raw").exits(0).says("c");
    env.devlog("show 01K4XC").exits(10).complains("01K4XCA7JQ  a").complains("01K4XCA7JR  b");
    env.devlog("show 01K4X").exits(2).complains("at least 6");
    env.devlog("show 01K9ZZ").exits(10).complains("no entry `01K9ZZ`");
    let error = env.devlog("--json show 01K9ZZ").exits(10);
    let line: Value = serde_json::from_str(&error.stderr).expect("one JSON line");
    assert_eq!((&line["event"], &line["code"]), (&"error".into(), &10.into()));
    env.devlog("delete 01K5XC 01K9ZZ").exits(10);
    assert_eq!(listed(&env, "").len(), 3, "nothing is deleted where one id is wrong");

    // The same call again is the same entry; another text under that id is refused.
    env.devlog_args(["new", "--id", lower, "a"]).exits(0).complains("already there");
    env.devlog_args(["new", "--id", lower, "other"]).exits(2).complains("another text");
    env.devlog_args(["new", "--id", "01K4XC", "x"]).exits(2);
    assert_eq!(listed(&env, "").len(), 3);
}

#[test]
fn filters_order_and_limit() {
    let env = TestEnv::new();
    add(&env, "one +ci @alice", "2025-09-01 10:00");
    add(&env, "two +CI ::search", "2025-09-02 10:00");
    add(&env, "three mail@alice +cinema", "2025-09-03 10:00");
    assert_eq!(listed(&env, "--tag ci --reverse"), ["one +ci @alice", "two +CI ::search"]);
    assert_eq!(listed(&env, "--tag +ci --person @Alice"), ["one +ci @alice"]);
    assert_eq!(listed(&env, "--project ::search"), ["two +CI ::search"]);
    assert_eq!(listed(&env, "-n 1"), ["three mail@alice +cinema"]);
    assert_eq!(listed(&env, "-n 1 --tag ci"), ["two +CI ::search"]);
    assert_eq!(listed(&env, "-n 2 --reverse"), ["two +CI ::search", "three mail@alice +cinema"]);
    assert_eq!(
        env.devlog("list --json --tag nope").stdout,
        "{\"schema\":\"devlog.list/1\",\"entries\":[]}\n"
    );
    env.devlog("list --tag nope").exits(0).complains("No entries");
}

#[test]
fn torn_foreign_and_hostile_lines_harm_nothing() {
    let env = TestEnv::new();
    add(&env, "good", "2025-09-10 10:00");
    let file = env.root().join("events/20250910.jsonl");
    let pinned = fs::read_to_string(&file)
        .unwrap()
        .replace("\"created\"", "\"pinned\"")
        .replace("\"v\":1", "\"v\":1,\"x\":{\"y\":1}");
    let pinned = pinned.replacen("\"id\":\"0", "\"id\":\"1", 1);
    let torn = "{\"v\":1,\"id\":\"01K4";
    fs::OpenOptions::new()
        .append(true)
        .open(&file)
        .unwrap()
        .write_all(format!("{pinned}{torn}").as_bytes())
        .unwrap();
    env.devlog("list").exits(0).says("good").complains("events/20250910.jsonl:3 is passed over");

    add(&env, "\u{1b}[31mred\u{202e}", "2025-09-10 11:00");
    assert_eq!(fs::read_to_string(env.root().join("events/20250910.torn-1")).unwrap(), torn);
    assert!(fs::read_to_string(&file).unwrap().contains(&pinned), "byte for byte");
    let run = env.devlog("list").exits(0).says("\\u{1b}[31mred\\u{202e}");
    assert!(!run.stdout.contains('\u{1b}') && run.stderr.is_empty(), "{run:?}");
}

#[test]
fn reading_needs_no_settings_and_writing_refuses_wrong_ones_before_it_asks() {
    let env = with_editor("echo text > \"$2\"; touch \"$HOME/asked\"");
    add(&env, "good", "yesterday");
    env.write("config.toml", "[sync]\nconcurency = 3\n");
    assert_eq!(listed(&env, ""), ["good"]);
    let message = "config.toml:2: `sync.concurency` is not a setting; did you mean `sync.concurrency`?";
    env.devlog("new").exits(2).complains(message);
    assert!(!env.home().join("asked").exists());
    env.devlog("config unset sync.concurency").exits(0);
    env.devlog("new").exits(0);
}

#[test]
fn quiet_says_nothing_and_a_closed_pipe_is_no_error() {
    let env = TestEnv::new();
    let run = env.devlog("new --quiet hello").exits(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    for n in 0..50 {
        add(&env, &format!("{n} {}", "x".repeat(4000)), "yesterday");
    }
    let mut child =
        env.command(["list", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));

    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = env.command(["list"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
}
