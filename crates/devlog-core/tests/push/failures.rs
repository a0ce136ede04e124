//! Files that fail, a remote that refuses or cannot be reached, and runs that are interrupted.

use std::sync::atomic::Ordering;

use devlog_core::config::SyncConfig;
use devlog_core::manager::{PushMode, PushOptions};
use devlog_core::ports::RemoteError;
use devlog_core::report::{Ending, Stop};
use devlog_core::testing::fakes::{FakeRemote, Verb};
use devlog_core::testing::faults::{Aim, Moment};

use crate::lab::{Device, URL, commits, delete, denied, device, offline};

/// Larger than what is read at once, so that it travels as a stream.
const LARGE: usize = 600 << 10;

fn large(fill: u8) -> Vec<u8> {
    vec![fill; LARGE]
}

/// N6: credentials expire after some of a hundred files.
#[tokio::test]
async fn an_expired_token_stops_at_once_and_keeps_what_is_done() {
    let config = SyncConfig { concurrency: 4, ..SyncConfig::default() };
    let xps = Device::with("xps", 1, FakeRemote::new(URL), config);
    for n in 0..100 {
        xps.tree.write(&format!("f/{n:03}.md"), format!("{n}"));
    }
    xps.remote.fail_from(Aim::at(Verb::Put, "f/").after(10), denied);
    let error = xps.fail_to_push().await;
    assert_eq!(error.report.stopped, Some(Stop::Denied));
    assert_eq!((error.report.files_uploaded, xps.stored()), (10, 10));
    assert!(xps.events.count("action_started") <= 14, "nothing new is begun");
    assert_eq!(commits(xps.bucket()), 1);

    xps.remote.heal();
    let report = xps.push().await;
    assert_eq!((report.files_uploaded, xps.stored()), (90, 100));
    assert_eq!(commits(xps.bucket()), 2);
}

/// The same, where not even the commit is let through any more: the next run adopts what was sent.
#[tokio::test]
async fn a_token_that_expires_for_good_loses_nothing() {
    let xps = device();
    for n in 0..10 {
        xps.tree.write(&format!("f/{n}.md"), format!("{n}"));
    }
    xps.remote.fail_from(Aim::at(Verb::Put, "f/").after(3), denied);
    xps.remote.fail_from(Aim::at(Verb::Put, ".devlog/commits/"), denied);
    let error = xps.fail_to_push().await;
    assert_eq!((error.report.stopped, error.report.files_uploaded), (Some(Stop::Denied), 0));
    xps.remote.heal();
    xps.push().await;
    assert_eq!(xps.stored(), 10, "nothing is stored twice");
    assert_eq!(xps.push().await.requests, 1);
}

#[tokio::test]
async fn an_unreachable_remote_queues_the_request_once() {
    let xps = device();
    xps.tree.write("a.md", "a");
    xps.remote.fail_from(Aim::at(Verb::Get, ""), offline);
    for attempt in 1..=3 {
        let error = xps.fail_to_push().await;
        assert_eq!(error.report.ending(), Ending::Stopped(Stop::Unreachable));
        let queue = xps.manager.status(false).await.unwrap().queue;
        assert_eq!((queue.len(), queue[0].attempts), (1, attempt));
        assert!(queue[0].last_error.as_ref().unwrap().contains("no route to host"));
    }
    xps.remote.heal();
    xps.push().await;
    assert_eq!(xps.manager.status(false).await.unwrap().queue, []);
}

#[tokio::test]
async fn offline_sends_nothing_and_queues() {
    let xps = device();
    xps.tree.write("a.md", "a");
    let offline = PushOptions { offline: true, ..PushOptions::default() };
    let report = xps.push_with(offline).await;
    assert!(report.queued);
    assert_eq!((report.ending(), report.requests), (Ending::Done, 0));
    assert_eq!(xps.manager.status(false).await.unwrap().queue.len(), 1);
    xps.push().await;
    assert_eq!(xps.manager.status(false).await.unwrap().queue, []);
}

/// D11: a file that goes between the scan and its upload.
#[tokio::test]
async fn a_file_that_vanishes_is_left_to_the_next_run() {
    let config = SyncConfig { concurrency: 1, ..SyncConfig::default() };
    let xps = Device::with("xps", 1, FakeRemote::new(URL), config);
    xps.tree.write("a.md", "a");
    xps.tree.write("b.md", "b");
    xps.tree.write("c.md", "c");
    xps.push().await;
    xps.tree.write("a.md", "new");
    xps.tree.write("b.md", "new");
    xps.tree.write("c.md", "new");
    // While a.md is read, b.md goes and c.md changes in place once it is read itself: the run scans again.
    xps.tree.while_reading("a.md", |tree| assert!(tree.remove("b.md")));
    xps.tree.while_reading("c.md", |tree| tree.edit_in_place("c.md", "newer"));
    let report = xps.push_with(delete()).await;
    assert_eq!(report.ending(), Ending::Done, "{report:?}");
    assert_eq!(report.files_deleted, 0, "not in this run");
    xps.assert_stored(&[("a.md", "new"), ("b.md", "b"), ("c.md", "newer")]);
    assert_eq!(xps.push_with(delete()).await.files_deleted, 1);
    xps.assert_stored(&[("a.md", "new"), ("c.md", "newer")]);
}

/// D10: a file that becomes shorter while it is read.
#[tokio::test]
async fn a_truncated_file_is_named_and_not_published() {
    for size in [100, LARGE] {
        let xps = device();
        xps.tree.write("a.md", "old");
        xps.tree.write("b.md", "b");
        xps.push().await;
        xps.tree.write("a.md", vec![b'x'; size]);
        xps.tree.write("b.md", "new");
        xps.tree.while_reading("a.md", |tree| tree.edit_in_place("a.md", "short"));
        let report = xps.push_with(PushOptions::default()).await;
        assert_eq!(report.ending(), Ending::Partial);
        assert_eq!((report.errors.len(), report.errors[0].path.as_str()), (1, "a.md"));
        xps.assert_stored(&[("a.md", "old"), ("b.md", "new")]);
        xps.push().await;
        xps.assert_stored(&[("a.md", "short"), ("b.md", "new")]);
    }
}

/// D9: a file that changes while it is read is planned again, and what is recorded is what was sent.
#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_planned_again() {
    for (before, after) in [(b"aaaa".to_vec(), b"bbbb".to_vec()), (large(b'a'), large(b'b'))] {
        let xps = device();
        xps.tree.write("a.md", before);
        let text = after.clone();
        xps.tree.while_reading("a.md", move |tree| tree.edit_in_place("a.md", text));
        let report = xps.push().await;
        assert_eq!((report.files_uploaded, xps.stored()), (1, 1));
        assert_eq!(xps.events.count("action_finished upload a.md stale"), 1);
        let text = String::from_utf8(after).unwrap();
        xps.assert_stored(&[("a.md", &text)]);
        assert_eq!(xps.push().await.requests, 1);
    }
}

/// A file that is written beside and renamed while the old one is read: the old one goes, the next run sends the new.
#[tokio::test]
async fn a_file_that_is_replaced_while_it_is_read_is_sent_as_it_was() {
    let xps = device();
    xps.tree.write("a.md", large(b'a'));
    xps.tree.while_reading("a.md", |tree| tree.write("a.md", "new"));
    xps.push().await;
    let old = String::from_utf8(large(b'a')).unwrap();
    xps.assert_stored(&[("a.md", &old)]);
    assert_eq!(xps.push().await.files_uploaded, 1);
    xps.assert_stored(&[("a.md", "new")]);
}

/// A file that changed between the scan and its upload is recorded as what was sent.
#[tokio::test]
async fn what_was_sent_is_what_is_recorded() {
    let config = SyncConfig { concurrency: 1, ..SyncConfig::default() };
    let xps = Device::with("xps", 1, FakeRemote::new(URL), config);
    xps.tree.write("a.md", "a");
    xps.tree.write("b.md", "scanned");
    xps.tree.while_reading("a.md", |tree| tree.write("b.md", "appended"));
    xps.push().await;
    xps.assert_stored(&[("a.md", "a"), ("b.md", "appended")]);
    assert_eq!(xps.push().await.requests, 1);
}

/// A file that keeps failing does not keep the others, nor the run, from ending.
#[tokio::test]
async fn one_file_that_fails_does_not_stop_the_others() {
    let xps = device();
    for name in ["a.md", "b.md", "c.md"] {
        xps.tree.write(name, name);
    }
    let broken = || RemoteError::Other { message: "500 Internal Server Error".into(), source: None };
    xps.remote.fail_from(Aim::at(Verb::Put, "b.md"), broken);
    let report = xps.push_with(PushOptions::default()).await;
    assert_eq!((report.ending(), report.files_uploaded), (Ending::Partial, 2));
    assert_eq!(report.errors[0].path.as_str(), "b.md");
    assert!(report.errors[0].message.contains("500"), "{:?}", report.errors);
    xps.assert_stored(&[("a.md", "a.md"), ("c.md", "c.md")]);
}

/// Files that failed are named even where the run is stopped later.
#[tokio::test]
async fn a_run_that_is_stopped_still_names_the_files_that_failed() {
    let config = SyncConfig { concurrency: 1, ..SyncConfig::default() };
    let xps = Device::with("xps", 1, FakeRemote::new(URL), config);
    xps.tree.write("a.md", "long enough");
    xps.tree.write("b.md", "b");
    xps.tree.while_reading("a.md", |tree| tree.edit_in_place("a.md", "short"));
    xps.remote.fail(Aim::at(Verb::Put, "b.md"), Moment::Before, denied);
    let error = xps.fail_to_push().await;
    assert_eq!(error.report.stopped, Some(Stop::Denied));
    let named: Vec<&str> = error.report.errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(named, ["a.md"]);
}

/// K11: an interrupted run commits what is done.
#[tokio::test]
async fn an_interrupted_run_commits_what_is_done() {
    let config = SyncConfig { concurrency: 1, ..SyncConfig::default() };
    let xps = Device::with("xps", 1, FakeRemote::new(URL), config);
    for n in 0..10 {
        xps.tree.write(&format!("{n}.md"), format!("{n}"));
    }
    let flag = xps.manager.interrupt();
    xps.tree.while_reading("3.md", move |_| flag.store(true, Ordering::Relaxed));
    let error = xps.fail_to_push().await;
    assert_eq!(error.report.stopped, Some(Stop::Interrupted));
    assert_eq!(error.report.files_uploaded, 4);
    xps.assert_stored(&[("0.md", "0"), ("1.md", "1"), ("2.md", "2"), ("3.md", "3")]);
    xps.manager.interrupt().store(false, Ordering::Relaxed);
    assert_eq!(xps.push().await.files_uploaded, 6);
}

/// X4: a listing that breaks off is a failure, never an empty bucket.
#[tokio::test]
async fn a_listing_that_breaks_off_changes_nothing() {
    let xps = device();
    for n in 0..5 {
        xps.tree.write(&format!("{n}.md"), format!("{n}"));
    }
    xps.push().await;
    let before = xps.bucket().versions();
    xps.remote.fail(Aim::at(Verb::List, ""), Moment::After, offline);
    let options = PushOptions { mode: PushMode::All, ..delete() };
    let error = xps.try_push(options).await.unwrap_err();
    assert_eq!(error.report.stopped, Some(Stop::Unreachable));
    assert_eq!(xps.bucket().versions(), before);
}

/// N9: a server that ignores conditional writes is found out before anything is entrusted to it.
#[tokio::test]
async fn the_probe_leaves_nothing_behind() {
    let xps = device();
    xps.tree.write("a.md", "a");
    xps.push().await;
    let left = xps.bucket().objects();
    assert!(!left.keys().any(|key| key.starts_with(".devlog/probe/")));
}
