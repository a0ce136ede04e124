//! Reading for sending: always a state that the file really had.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, symlink};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use devlog_core::path::RelPath;
use devlog_core::ports::{Body, BodyError, LocalError, LocalTree, ScanDepth, StatRecords};
use devlog_local::ignore_rules::RulesError;
use devlog_local::root::{Access, Root};
use devlog_local::tree::DiskTree;
use futures_util::StreamExt;
use tempfile::TempDir;

const MIB: usize = 1024 * 1024;

fn tree() -> (TempDir, DiskTree) {
    let folder = tempfile::tempdir().unwrap();
    let tree = DiskTree::open(Root::at(folder.path()).unwrap(), Access::ReadOnly).unwrap();
    (folder, tree)
}

fn rel(text: &str) -> RelPath {
    RelPath::new(text).unwrap()
}

/// Bytes that differ from one place to the next.
fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at / 7 + at / 4099).to_le_bytes()[0]).collect()
}

async fn scan(tree: &DiskTree) -> devlog_core::ports::Scan {
    tree.scan(StatRecords::new(), ScanDepth::TrustStats).await.unwrap()
}

#[tokio::test]
async fn small_files_come_as_bytes_and_large_ones_as_a_stream() {
    let (folder, tree) = tree();
    let bytes = content(3 * MIB + 17);
    fs::write(folder.path().join("a"), &bytes).unwrap();
    fs::write(folder.path().join("empty"), "").unwrap();
    let mtime = folder.path().join("a").metadata().unwrap().modified().unwrap();

    let small = tree.read(&rel("a"), 4 * MIB as u64).await.unwrap();
    assert!(matches!(&small.body, Body::Bytes(found) if found == &bytes));
    assert_eq!(small.mtime.to_utc(), DateTime::<Utc>::from(mtime));

    let large = tree.read(&rel("a"), 100).await.unwrap();
    assert!(matches!(&large.body, Body::Stream { len, .. } if *len == bytes.len() as u64));
    assert!(large.body.collect(u64::MAX).await.unwrap() == bytes);

    let empty = tree.read(&rel("empty"), 0).await.unwrap();
    assert!(matches!(empty.body, Body::Bytes(found) if found.is_empty()));
}

/// Reads a file of 8 MiB as a stream and lets `edit` at it after the first piece.
async fn stream_while(edit: impl FnOnce(&std::path::Path)) -> (Vec<u8>, Option<BodyError>) {
    let (folder, tree) = tree();
    let file = folder.path().join("large");
    fs::write(&file, content(8 * MIB)).unwrap();
    let body = tree.read(&rel("large"), 1000).await.unwrap().body;
    let mut stream = body.into_stream();
    let mut got = stream.next().await.unwrap().unwrap().to_vec();
    edit(&file);
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(piece) => got.extend_from_slice(&piece),
            Err(error) => {
                assert!(stream.next().await.is_none(), "an error is the last item");
                return (got, Some(error));
            }
        }
    }
    (got, None)
}

#[tokio::test]
async fn d9_a_large_file_that_grows_is_sent_as_it_was() {
    let append = |file: &std::path::Path| {
        OpenOptions::new().append(true).open(file).unwrap().write_all(b"more").unwrap();
    };
    let (got, error) = stream_while(append).await;
    assert!(error.is_none(), "{error:?}");
    assert!(got == content(8 * MIB));
}

#[tokio::test]
async fn a_large_file_that_is_only_touched_or_replaced_is_sent_as_it_was() {
    let touch = |file: &std::path::Path| {
        fs::File::open(file).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    };
    let replace = |file: &std::path::Path| {
        fs::write(file.with_extension("new"), "new").unwrap();
        fs::rename(file.with_extension("new"), file).unwrap();
    };
    for (got, error) in [stream_while(touch).await, stream_while(replace).await] {
        assert!(error.is_none(), "{error:?}");
        assert!(got == content(8 * MIB));
    }
}

#[tokio::test]
async fn a_large_file_edited_behind_the_reader_is_not_sent_whole() {
    // At both ends: in what was sent already, and together with an append.
    let edit = |file: &std::path::Path| {
        let file = OpenOptions::new().write(true).open(file).unwrap();
        file.write_all_at(b"edited", 0).unwrap();
        file.write_all_at(b"appended", 8 * MIB as u64).unwrap();
    };
    let (got, error) = stream_while(edit).await;
    assert!(matches!(error, Some(BodyError::Changed)), "{error:?}");
    assert!(got.len() < 8 * MIB, "a receiver that counts bytes must not believe that it has all");
}

#[tokio::test]
async fn d10_a_large_file_that_becomes_shorter_is_an_error() {
    let cut = |len: u64| {
        move |file: &std::path::Path| {
            OpenOptions::new().write(true).open(file).unwrap().set_len(len).unwrap();
        }
    };
    // Before the place that was read, behind it, and by a single byte.
    for len in [0, 6 * MIB as u64, 8 * MIB as u64 - 1] {
        let (got, error) = stream_while(cut(len)).await;
        assert!(matches!(error, Some(BodyError::Truncated)), "{len}: {error:?}");
        assert!(got.len() < 8 * MIB);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn d9_a_log_that_is_appended_to_all_the_time_is_always_a_prefix() {
    let (folder, tree) = tree();
    let file = folder.path().join("log.jsonl");
    fs::write(&file, "").unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (file, stop) = (file.clone(), stop.clone());
        thread::spawn(move || {
            let mut log = OpenOptions::new().append(true).open(file).unwrap();
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                log.write_all(format!("{{\"line\":{number:09}}}\n").as_bytes()).unwrap();
                if number % 20 == 0 {
                    thread::sleep(std::time::Duration::from_micros(200));
                }
            }
        })
    };
    let mut seen: Vec<Bytes> = Vec::new();
    while seen.last().is_none_or(|last| last.len() < 300_000) {
        // Sometimes inline, sometimes as a stream.
        let limit = if seen.len().is_multiple_of(2) { u64::MAX } else { 100 };
        seen.push(tree.read(&rel("log.jsonl"), limit).await.unwrap().body.collect(u64::MAX).await.unwrap());
    }
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    let last = fs::read(&file).unwrap();
    assert!(seen.iter().all(|bytes| last.starts_with(bytes)));
}

#[tokio::test]
async fn d11_what_is_gone_is_vanished() {
    let (folder, tree) = tree();
    fs::create_dir(folder.path().join("sub")).unwrap();
    for name in ["sub/removed", "linked", "folder"] {
        fs::write(folder.path().join(name), "x").unwrap();
    }
    assert_eq!(scan(&tree).await.local.files.len(), 3);
    fs::remove_dir_all(folder.path().join("sub")).unwrap();
    fs::remove_file(folder.path().join("linked")).unwrap();
    symlink("/etc/hostname", folder.path().join("linked")).unwrap();
    fs::remove_file(folder.path().join("folder")).unwrap();
    fs::create_dir(folder.path().join("folder")).unwrap();
    for name in ["sub/removed", "linked", "folder"] {
        let error = tree.read(&rel(name), 100).await.unwrap_err();
        assert!(matches!(error, LocalError::Vanished), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_decomposed_name_can_be_read() {
    let (folder, tree) = tree();
    fs::write(folder.path().join("cafe\u{301}.md"), "x").unwrap();
    let scan = scan(&tree).await;
    let path = scan.local.files.keys().next().unwrap();
    let content = tree.read(path, 100).await.unwrap();
    assert_eq!(content.body.collect(100).await.unwrap(), "x");
}

#[tokio::test]
async fn rules_are_read_again_at_every_scan() {
    let (folder, tree) = tree();
    fs::write(folder.path().join("a.log"), "x").unwrap();
    assert_eq!(scan(&tree).await.local.files.len(), 1);
    assert!(!tree.is_excluded(&rel("a.log")));
    fs::write(folder.path().join(".devlogignore"), "*.log\n").unwrap();
    assert_eq!(scan(&tree).await.local.files.len(), 1);
    assert!(tree.is_excluded(&rel("a.log")) && tree.is_excluded(&rel("there/only.log")));

    fs::write(folder.path().join(".devlogignore"), "{\n").unwrap();
    let LocalError::Io(error) = tree.scan(StatRecords::new(), ScanDepth::TrustStats).await.unwrap_err()
    else {
        panic!("a broken rule is an error")
    };
    // The cause is at hand for whoever shows it as an error of configuration.
    let error = error.downcast::<RulesError>().unwrap();
    assert!(error.to_string().contains(".devlogignore:1: "), "{error}");
    assert!(tree.is_excluded(&rel("a.log")), "the rules that were good stay in force");
}

#[tokio::test]
async fn a_root_that_went_away_is_an_error() {
    let (folder, tree) = tree();
    fs::remove_dir_all(folder.path()).unwrap();
    let error = tree.scan(StatRecords::new(), ScanDepth::TrustStats).await.unwrap_err();
    assert!(matches!(error, LocalError::NoRoot(_)), "{error}");
}
