//! Two devices at once: exactly one commit wins, the other plans again, and nothing is lost.

use std::sync::Arc;

use devlog_core::files::CommitNumber;
use devlog_core::manager::PushOptions;
use devlog_core::ports::{ObjectKey, ReservedKey};
use devlog_core::report::Ending;
use devlog_core::testing::fakes::Verb;
use devlog_core::testing::faults::Aim;

use crate::lab::{Device, another, commits, device, force};

/// Lets the second device push just before the first writes this commit.
fn before_commit(first: &Device, number: u64, second: &Arc<Device>) {
    let key = ObjectKey::from(ReservedKey::Commit(CommitNumber(number)));
    let second = Arc::clone(second);
    first.remote.before(Aim::at(Verb::Put, key.as_str()), move || async move {
        second.push_with(PushOptions::default()).await;
    });
}

#[tokio::test]
async fn the_slower_device_plans_again_and_both_files_are_there() {
    let xps = device();
    xps.tree.write("first.md", "1");
    xps.push().await;
    let mac = Arc::new(another(&xps));
    xps.tree.write("xps.md", "x");
    mac.tree.write("mac.md", "m");
    before_commit(&xps, 2, &mac);
    xps.bucket().clear_log();
    let report = xps.push().await;
    assert_eq!(report.conflicts, 0);
    assert_eq!(xps.stored(), 2, "what was sent before the race was lost is not sent again");
    let tried =
        xps.bucket().log().iter().filter(|call| call.verb == Verb::Put && call.key == "xps.md").count();
    assert_eq!(tried, 1, "nor tried again");
    xps.assert_stored(&[("first.md", "1"), ("mac.md", "m"), ("xps.md", "x")]);
    assert_eq!(commits(xps.bucket()), 3);
}

#[tokio::test]
async fn the_very_first_commits_race_too() {
    let xps = device();
    let mac = Arc::new(another(&xps));
    xps.tree.write("xps.md", "x");
    mac.tree.write("mac.md", "m");
    before_commit(&xps, 1, &mac);
    xps.push().await;
    xps.assert_stored(&[("mac.md", "m"), ("xps.md", "x")]);
    assert_eq!(xps.push().await.requests, 1);
    assert_eq!(mac.push().await.files_uploaded, 0);
}

/// C1: both changed one file. The object's version lets one through; the other's waits, and both contents are there.
#[tokio::test]
async fn of_two_edits_of_one_file_one_wins_and_the_other_waits() {
    let xps = device();
    xps.tree.write("a.md", "base");
    xps.push().await;
    let mac = Arc::new(another(&xps));
    mac.tree.write("a.md", "base");
    mac.push().await;
    xps.tree.write("a.md", "of xps");
    mac.tree.write("a.md", "of mac");
    let second = Arc::clone(&mac);
    xps.remote.before(Aim::at(Verb::Put, "a.md"), move || async move {
        second.push().await;
    });
    let report = xps.push_with(PushOptions::default()).await;
    assert_eq!((report.ending(), report.conflicts), (Ending::Conflicts, 1));
    xps.assert_stored(&[("a.md", "of mac")]);
    assert_eq!(xps.tree.files()["a.md"], "of xps");
    xps.assert_kept("base");
}

/// C1 the other way: the file went out first, and the commit lost the race.
#[tokio::test]
async fn a_file_that_was_sent_before_the_race_was_lost_is_seen_by_the_winner() {
    let xps = device();
    xps.tree.write("a.md", "base");
    xps.push().await;
    let mac = Arc::new(another(&xps));
    mac.tree.write("a.md", "base");
    mac.push().await;
    xps.tree.write("a.md", "of xps");
    mac.tree.write("a.md", "of mac");
    mac.tree.write("b.md", "b");
    before_commit(&xps, 2, &mac);
    let report = xps.push().await;
    assert_eq!(report.conflicts, 0, "the file was ours first");
    xps.assert_stored(&[("a.md", "of xps"), ("b.md", "b")]);
    let report = mac.push_with(PushOptions::default()).await;
    assert_eq!(report.ending(), Ending::Conflicts);
    assert_eq!(mac.tree.files()["a.md"], "of mac");
}

#[tokio::test]
async fn the_same_edit_on_both_devices_is_no_conflict() {
    let xps = device();
    xps.tree.write("a.md", "base");
    xps.push().await;
    let mac = Arc::new(another(&xps));
    mac.tree.write("a.md", "base");
    mac.push().await;
    xps.tree.write("a.md", "same");
    mac.tree.write("a.md", "same");
    before_commit(&xps, 2, &mac);
    xps.bucket().clear_log();
    assert_eq!(xps.push().await.conflicts, 0);
    assert_eq!(xps.stored(), 1);
    xps.assert_stored(&[("a.md", "same")]);
    assert_eq!(mac.push().await.conflicts, 0);
}

#[tokio::test]
async fn a_conflict_waits_through_every_push_until_force() {
    let xps = device();
    xps.tree.write("a.md", "of xps");
    xps.push().await;
    let mac = another(&xps);
    mac.tree.write("a.md", "of mac");
    mac.tree.write("b.md", "b");
    for _ in 0..3 {
        let report = mac.push_with(PushOptions::default()).await;
        assert_eq!((report.ending(), report.conflicts), (Ending::Conflicts, 1));
        mac.assert_stored(&[("a.md", "of xps"), ("b.md", "b")]);
    }
    assert_eq!(mac.manager.status(false).await.unwrap().conflicts.len(), 1);
    let report = mac.push_with(force()).await;
    assert_eq!((report.ending(), report.conflicts, report.conflicts_settled), (Ending::Done, 0, 1));
    mac.assert_stored(&[("a.md", "of mac"), ("b.md", "b")]);
    mac.assert_kept("of xps");
    assert_eq!(mac.manager.status(false).await.unwrap().conflicts, []);
}

#[tokio::test]
async fn a_push_of_some_paths_forgets_no_conflict_of_another() {
    let xps = device();
    xps.tree.write("a.md", "of xps");
    xps.push().await;
    let mac = another(&xps);
    mac.tree.write("a.md", "of mac");
    mac.tree.write("b.md", "b");
    mac.push_with(PushOptions::default()).await;
    let some = PushOptions { paths: vec!["b.md".parse().unwrap()], ..PushOptions::default() };
    mac.push_with(some).await;
    assert_eq!(mac.manager.status(false).await.unwrap().conflicts.len(), 1);
}
