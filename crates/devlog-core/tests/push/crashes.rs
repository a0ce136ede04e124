//! Killed at any instant, a run loses nothing and causes no false conflict; answers get lost.

use devlog_core::ports::{RemoteError, StateChange};
use devlog_core::report::{Ending, Stop};
use devlog_core::testing::fakes::Verb;
use devlog_core::testing::faults::{Aim, Moment};

use crate::lab::{COMMITS, another, commits, delete, device, offline};

/// K1: killed after the upload and before the commit.
#[tokio::test]
async fn an_upload_without_its_commit_is_adopted() {
    let xps = device();
    xps.tree.write("a.md", "a");
    xps.tree.write("b.md", "b");
    xps.remote.fail(Aim::at(Verb::Put, COMMITS), Moment::Before, offline);
    assert_eq!(xps.fail_to_push().await.report.stopped, Some(Stop::Unreachable));
    assert_eq!((xps.stored(), commits(xps.bucket())), (2, 0));

    xps.bucket().clear_log();
    let report = xps.push().await;
    assert_eq!(xps.stored(), 0, "nothing is stored twice");
    assert_eq!(report.conflicts, 0);
    xps.assert_stored(&[("a.md", "a"), ("b.md", "b")]);
    assert_eq!(xps.push().await.requests, 1);
}

/// K1 again, where the upload replaced something.
#[tokio::test]
async fn a_replacement_without_its_commit_is_adopted() {
    let xps = device();
    xps.tree.write("a.md", "one");
    xps.push().await;
    xps.tree.write("a.md", "two");
    let is_commit =
        |change: &StateChange| matches!(change, StateChange::Intend(to) if !to.commit_id.is_empty());
    xps.state.die_when(move |changes| changes.iter().any(is_commit));
    xps.fail_to_push().await;
    xps.state.revive();
    assert_eq!(commits(xps.bucket()), 1);

    xps.bucket().clear_log();
    let report = xps.push().await;
    assert_eq!((xps.stored(), report.conflicts), (0, 0));
    xps.assert_stored(&[("a.md", "two")]);
    xps.assert_kept("one");
}

/// Killed between a deletion and its commit.
#[tokio::test]
async fn a_deletion_without_its_commit_is_committed() {
    let xps = device();
    xps.tree.write("a.md", "a");
    xps.tree.write("b.md", "b");
    xps.push().await;
    xps.tree.remove("a.md");
    xps.remote.fail(Aim::at(Verb::Put, COMMITS), Moment::Before, offline);
    xps.try_push(delete()).await.unwrap_err();
    let report = xps.push_with(delete()).await;
    assert_eq!((report.ending(), report.files_deleted), (Ending::Done, 1));
    xps.assert_stored(&[("b.md", "b")]);
    xps.assert_kept("a");
}

/// K2: killed after the commit and before the base rows; then the person edits.
#[tokio::test]
async fn an_edit_after_a_commit_that_was_not_noted_is_a_plain_upload() {
    let xps = device();
    xps.tree.write("a.md", "one");
    xps.tree.write("b.md", "b");
    xps.state.die_when(|changes| changes.contains(&StateChange::ClearIntent));
    xps.fail_to_push().await;
    xps.state.revive();
    assert_eq!(commits(xps.bucket()), 1);

    xps.tree.write("a.md", "two");
    let report = xps.push().await;
    assert_eq!((report.files_uploaded, report.conflicts), (1, 0));
    xps.assert_stored(&[("a.md", "two"), ("b.md", "b")]);
    xps.assert_kept("one");
}

/// K2 with a deletion instead of an edit.
#[tokio::test]
async fn a_deletion_after_a_commit_that_was_not_noted_is_a_plain_deletion() {
    let xps = device();
    xps.tree.write("a.md", "one");
    xps.tree.write("b.md", "b");
    xps.state.die_when(|changes| changes.contains(&StateChange::ClearIntent));
    xps.fail_to_push().await;
    xps.state.revive();
    xps.tree.remove("a.md");
    let report = xps.push_with(delete()).await;
    assert_eq!((report.files_deleted, report.conflicts), (1, 0));
    xps.assert_stored(&[("b.md", "b")]);
}

/// K1 with an edit in between: the object is our own, and the edit a plain upload. However often it happens.
#[tokio::test]
async fn an_edit_after_an_upload_without_its_commit_is_no_conflict() {
    for is_new in [false, true] {
        for kills in 1..4 {
            let xps = device();
            xps.tree.write("b.md", "b");
            if !is_new {
                xps.tree.write("a.md", "base");
            }
            xps.push().await;
            for kill in 0..kills {
                xps.tree.write("a.md", format!("edit {kill}"));
                // The first death comes after the upload, the others before it.
                let is_commit = |change: &StateChange| matches!(change, StateChange::Intend(to) if !to.commit_id.is_empty());
                match kill {
                    0 => xps.state.die_when(move |changes| changes.iter().any(is_commit)),
                    _ => xps.remote.fail(Aim::at(Verb::Put, "a.md"), Moment::Before, offline),
                }
                xps.fail_to_push().await;
                xps.state.revive();
            }
            assert_eq!(xps.bucket().bytes("a.md").unwrap(), "edit 0");

            xps.tree.write("a.md", "last");
            let report = xps.push().await;
            assert_eq!(report.conflicts, 0, "new: {is_new}, {kills} kills");
            xps.assert_stored(&[("a.md", "last"), ("b.md", "b")]);
            xps.assert_kept("edit 0");
            assert_eq!(xps.push().await.requests, 1);
        }
    }
}

/// The same, where another device's commit took the number meanwhile.
#[tokio::test]
async fn an_upload_without_its_commit_is_our_own_even_after_others_committed() {
    let xps = device();
    xps.tree.write("a.md", "base");
    xps.push().await;
    xps.tree.write("a.md", "two");
    xps.remote.fail(Aim::at(Verb::Put, COMMITS), Moment::Before, offline);
    xps.fail_to_push().await;
    let mac = another(&xps);
    mac.tree.write("mac.md", "m");
    mac.push().await;
    xps.tree.write("a.md", "three");
    assert_eq!(xps.push().await.conflicts, 0);
    xps.assert_stored(&[("a.md", "three"), ("mac.md", "m")]);
    xps.assert_kept("base");
    xps.assert_kept("two");
}

/// N3: the commit landed, its answer did not, and the retry was refused.
#[tokio::test]
async fn our_own_commit_is_known_again() {
    let xps = device();
    xps.tree.write("a.md", "a");
    xps.remote.fail(Aim::at(Verb::Put, COMMITS), Moment::After, || RemoteError::PreconditionFailed);
    let report = xps.push().await;
    assert_eq!((report.files_uploaded, report.conflicts, xps.stored()), (1, 0, 1));
    assert_eq!(commits(xps.bucket()), 1);
    xps.assert_stored(&[("a.md", "a")]);
    assert_eq!(xps.push().await.requests, 1);
}

/// N3: the commit landed and the line went dead.
#[tokio::test]
async fn a_commit_without_an_answer_is_known_again_by_the_next_run() {
    let xps = device();
    xps.tree.write("a.md", "a");
    xps.remote.fail(Aim::at(Verb::Put, COMMITS), Moment::After, offline);
    assert_eq!(xps.fail_to_push().await.report.ending(), Ending::Stopped(Stop::Unreachable));
    xps.tree.write("a.md", "b");
    let report = xps.push().await;
    assert_eq!((report.files_uploaded, report.conflicts), (1, 0));
    xps.assert_stored(&[("a.md", "b")]);
}

/// N3 for a file: stored, the answer lost, the retry refused.
#[tokio::test]
async fn our_own_object_is_known_again() {
    for replaces in [false, true] {
        let xps = device();
        xps.tree.write("b.md", "b");
        if replaces {
            xps.tree.write("a.md", "before");
        }
        xps.push().await;
        xps.tree.write("a.md", "a");
        xps.bucket().clear_log();
        xps.remote.fail(Aim::at(Verb::Put, "a.md"), Moment::After, || RemoteError::PreconditionFailed);
        let report = xps.push().await;
        assert_eq!((xps.stored(), report.conflicts), (1, 0), "replaces: {replaces}");
        xps.assert_stored(&[("a.md", "a"), ("b.md", "b")]);
        assert_eq!(xps.push().await.requests, 1);
    }
}

/// Wherever the state dies, the next run ends well and nothing is lost or sent twice.
#[tokio::test]
async fn killed_at_every_transaction_a_push_ends_well_the_next_time() {
    for fatal in 0..12 {
        let xps = device();
        xps.tree.write("a.md", "one");
        xps.tree.write("b.md", "b");
        xps.push().await;
        xps.tree.write("a.md", "two");
        xps.tree.write("c.md", "c");
        xps.tree.remove("b.md");
        let mut passed = 0;
        xps.state.die_when(move |_| {
            passed += 1;
            passed > fatal
        });
        xps.bucket().clear_log();
        let first = xps.try_push(delete()).await;
        xps.state.revive();
        let report = xps.push_with(delete()).await;
        assert_eq!((report.ending(), report.conflicts), (Ending::Done, 0), "killed at {fatal}");
        assert_eq!(xps.stored(), 2, "killed at {fatal}");
        xps.assert_stored(&[("a.md", "two"), ("c.md", "c")]);
        xps.assert_kept("one");
        xps.assert_kept("b");
        assert_eq!(xps.push().await.requests, 1);
        if first.is_ok() {
            assert!(fatal > 1, "a run makes several transactions");
            return;
        }
    }
    panic!("the run makes more transactions than were tried");
}
