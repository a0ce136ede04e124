//! What a push sends, what it leaves alone, and what it costs.

use chrono::TimeDelta;
use devlog_core::files::FileTime;
use devlog_core::manager::{PushOptions, SyncOptions};
use devlog_core::plan::StepKind;
use devlog_core::report::{Ending, Operation};
use devlog_core::testing::fakes::Verb;

use crate::lab::{all, another, commits, delete, device, dry};

#[tokio::test]
async fn a_first_push_stores_everything_and_a_second_asks_once() {
    let xps = device();
    xps.tree.write("config.toml", "x = 1\n");
    xps.tree.write("events/20250911.jsonl", "{}\n");
    xps.tree.write("empty.md", "");
    let report = xps.push().await;
    assert_eq!((report.files_scanned, report.files_uploaded, report.bytes_uploaded), (3, 3, 9));
    xps.assert_stored(&[("config.toml", "x = 1\n"), ("empty.md", ""), ("events/20250911.jsonl", "{}\n")]);

    let before = xps.bucket().versions();
    let again = xps.push().await;
    assert_eq!((again.requests, again.files_uploaded, again.files_skipped), (1, 0, 3));
    assert_eq!(xps.bucket().versions(), before);
    assert_eq!(xps.state.dump().matches("identities").count(), 1);
}

#[tokio::test]
async fn ten_thousand_files_that_did_not_change_cost_one_request() {
    let xps = device();
    for n in 0..10_000 {
        xps.tree.write(&format!("d{}/{n}.md", n % 200), format!("{n}"));
    }
    assert_eq!(xps.push().await.files_uploaded, 10_000);
    xps.clock.advance(TimeDelta::seconds(10));
    assert_eq!(xps.push().await.requests, 1);
    xps.tree.take_hashed();
    assert_eq!(xps.push().await.requests, 1);
    assert_eq!(xps.tree.take_hashed(), 0, "settled files are not read again");
}

/// D1: a file restored with an old time and new bytes is sent.
#[tokio::test]
async fn an_old_time_does_not_hide_new_bytes() {
    let xps = device();
    xps.tree.write("a.md", "one");
    xps.push().await;
    xps.tree.write_at("a.md", "two", FileTime(981_173_106_000_000_000));
    assert_eq!(xps.push().await.files_uploaded, 1);
    xps.assert_stored(&[("a.md", "two")]);
    xps.assert_kept("one");
}

/// D2: an edit in place that keeps size and modification time is sent.
#[tokio::test]
async fn an_edit_that_keeps_size_and_time_is_sent() {
    let xps = device();
    xps.tree.write("a.md", "one");
    xps.clock.advance(TimeDelta::seconds(10));
    xps.push().await;
    xps.clock.advance(TimeDelta::seconds(10));
    xps.tree.edit_in_place("a.md", "two");
    assert_eq!(xps.push().await.files_uploaded, 1);
    xps.assert_stored(&[("a.md", "two")]);
}

/// D4: a time in the future costs a look, never a transfer.
#[tokio::test]
async fn a_time_in_the_future_is_sent_once() {
    let xps = device();
    xps.tree.write_at("a.md", "x", FileTime(3_345_000_000_000_000_000));
    xps.push().await;
    let again = xps.push().await;
    assert_eq!((again.files_uploaded, again.requests), (0, 1));
}

/// D7: touching everything sends nothing.
#[tokio::test]
async fn new_times_alone_send_nothing() {
    let xps = device();
    xps.tree.write("a.md", "a");
    xps.tree.write("b.md", "b");
    xps.push().await;
    xps.clock.advance(TimeDelta::hours(1));
    xps.tree.touch("a.md");
    xps.tree.touch("b.md");
    let again = xps.push().await;
    assert_eq!((again.files_uploaded, again.requests), (0, 1));
}

/// X22: a deletion that is not passed on is neither carried out there nor undone here.
#[tokio::test]
async fn a_deletion_that_is_kept_back_is_remembered() {
    let xps = device();
    xps.tree.write("a.md", "a");
    xps.tree.write("b.md", "b");
    xps.push().await;
    xps.tree.remove("a.md");
    assert_eq!(xps.push().await.files_deleted, 0);
    xps.assert_stored(&[("a.md", "a"), ("b.md", "b")]);
    let pull = xps.manager.plan(Operation::Pull, &SyncOptions::default()).await.unwrap();
    assert_eq!(pull.count(StepKind::Download), 0, "{pull:?}");
    assert_eq!(xps.push().await.requests, 1, "remembered once is enough");
    // It is still a deletion, should somebody want it passed on.
    assert_eq!(xps.push_with(delete()).await.files_deleted, 1);
    xps.assert_stored(&[("b.md", "b")]);
    xps.assert_kept("a");
}

#[tokio::test]
async fn a_push_of_some_paths_leaves_the_others() {
    let xps = device();
    xps.tree.write("notes/a.md", "a");
    xps.tree.write("b.md", "b");
    let some = PushOptions { paths: vec!["notes".parse().unwrap()], ..PushOptions::default() };
    assert_eq!(xps.push_with(some).await.files_uploaded, 1);
    xps.assert_stored(&[("notes/a.md", "a")]);
}

/// X10: a lost state costs looks, never transfers or deletions.
#[tokio::test]
async fn a_lost_state_transfers_nothing() {
    let xps = device();
    xps.tree.write("a.md", "a");
    xps.tree.write("b.md", "b");
    xps.push().await;
    let before = xps.bucket().versions();
    xps.state.lose();
    let report = xps.push_with(delete()).await;
    assert_eq!((report.files_uploaded, report.files_deleted), (0, 0));
    assert_eq!(xps.bucket().versions(), before, "nothing was written");
    assert_eq!(xps.push().await.requests, 1, "the state is as good as before");
}

#[tokio::test]
async fn a_lost_state_never_deletes_what_another_device_wrote() {
    let xps = device();
    xps.tree.write("a.md", "a");
    xps.push().await;
    let mac = another(&xps);
    mac.tree.write("b.md", "b");
    mac.push_with(delete()).await;
    mac.assert_stored(&[("a.md", "a"), ("b.md", "b")]);
}

/// U1: a dry run writes nothing anywhere, and its plan is what the real run does.
#[tokio::test]
async fn a_dry_run_writes_nothing_and_tells_the_truth() {
    let xps = device();
    xps.tree.write("a.md", "a");
    for step in 0..4 {
        match step {
            0 => {}
            1 => xps.tree.write("a.md", "edited"),
            2 => xps.tree.write("b.md", "b"),
            _ => assert!(xps.tree.remove("b.md")),
        }
        let (state, bucket, files) = (xps.state.dump(), xps.bucket().versions(), xps.tree.files());
        let rehearsal = |mode| devlog_core::manager::PushOptions { delete: true, mode, ..dry() };
        xps.events.clear();
        for mode in [all().mode, dry().mode] {
            let report = xps.push_with(rehearsal(mode)).await;
            assert_eq!(report.ending(), Ending::Done);
        }
        let planned = xps.events.lines().into_iter().rfind(|line| line.starts_with("planned"));
        assert_eq!(xps.state.dump(), state);
        assert_eq!(xps.bucket().versions(), bucket);
        assert_eq!(xps.tree.files(), files);

        xps.events.clear();
        let report = xps.push_with(delete()).await;
        let carried_out = xps.events.lines().into_iter().find(|line| line.starts_with("planned"));
        assert_eq!(planned, carried_out);
        assert_eq!(report.files_uploaded + report.files_deleted, 1, "step {step}");
    }
    assert_eq!(commits(xps.bucket()), 4);
}

#[tokio::test]
async fn what_is_replaced_or_deleted_goes_to_the_history_first() {
    let xps = device();
    xps.tree.write("a.md", "one");
    xps.tree.write("b.md", "gone");
    xps.push().await;
    xps.tree.write("a.md", "two");
    xps.tree.remove("b.md");
    xps.bucket().clear_log();
    xps.push_with(delete()).await;
    xps.assert_kept("one");
    xps.assert_kept("gone");
    let log = xps.bucket().log();
    let at = |verb, key: &str| log.iter().position(|call| call.verb == verb && call.key == key).unwrap();
    assert!(at(Verb::Copy, "a.md") < at(Verb::Put, "a.md"));
    assert!(at(Verb::Copy, "b.md") < at(Verb::Delete, "b.md"));
}

#[tokio::test]
async fn every_event_has_its_place() {
    let xps = device();
    xps.tree.write("a.md", "a");
    xps.push().await;
    let expected = [
        "started push",
        "scanned 1",
        "planned 1",
        "action_started upload a.md",
        "action_finished upload a.md done",
        "committed 1 1",
        "finished",
    ];
    assert_eq!(xps.events.lines(), expected);
}
