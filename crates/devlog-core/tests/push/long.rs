//! Long pushes, long chains.

use std::sync::Arc;

use chrono::TimeDelta;
use devlog_core::config::SyncConfig;
use devlog_core::report::Ending;
use devlog_core::testing::fakes::{FakeRemote, Verb};
use devlog_core::testing::faults::{Aim, Moment};

use crate::lab::{COMMITS, Device, URL, all, another, chain, commits, device, offline};

#[tokio::test]
async fn a_long_push_commits_in_slices() {
    let xps = device();
    for n in 0..2500 {
        xps.tree.write(&format!("d/{n}.md"), format!("{n}"));
    }
    // The second commit does not come through: the first stays.
    xps.remote.fail(Aim::at(Verb::Put, COMMITS).after(1), Moment::Before, offline);
    let error = xps.fail_to_push().await;
    assert_eq!(error.report.files_uploaded, 2000);
    assert_eq!((commits(xps.bucket()), chain(xps.bucket()).len()), (1, 2000));

    xps.bucket().clear_log();
    xps.push().await;
    assert_eq!(xps.stored(), 0, "all had been sent");
    assert_eq!((commits(xps.bucket()), chain(xps.bucket()).len()), (2, 2500));
    assert_eq!(xps.push().await.requests, 1);
}

#[tokio::test]
async fn a_slow_push_commits_every_half_minute() {
    let config = SyncConfig { concurrency: 1, ..SyncConfig::default() };
    let xps = Device::with("xps", 1, FakeRemote::new(URL), config);
    for name in ["a.md", "b.md", "c.md", "d.md"] {
        xps.tree.write(name, name);
    }
    let clock = Arc::clone(&xps.clock);
    xps.tree.while_reading("b.md", move |_| clock.advance(TimeDelta::seconds(31)));
    assert_eq!(xps.push().await.files_uploaded, 4);
    assert_eq!((xps.events.count("committed 1 2"), xps.events.count("committed 2 2")), (1, 1));
}

#[tokio::test]
async fn a_new_device_starts_from_the_newest_snapshot() {
    let xps = device();
    for n in 0..130 {
        xps.tree.write("a.md", format!("{n}"));
        xps.tree.write(&format!("{:02}.md", n % 50), format!("{n}"));
        xps.push().await;
    }
    let snapshots = |key: &&String| key.starts_with(".devlog/snapshots/");
    assert_eq!(xps.bucket().objects().keys().filter(snapshots).count(), 2);

    let mac = another(&xps);
    for (path, bytes) in xps.tree.files() {
        mac.tree.write(&path, bytes);
    }
    mac.bucket().clear_log();
    let report = mac.push().await;
    assert_eq!((report.files_uploaded, report.conflicts), (0, 0));
    // The identity, the list of snapshots, one of them, commits 129 and 130, and 131, which is not there.
    assert_eq!(report.requests, 6);
    assert_eq!(mac.push().await.requests, 1);
}

#[tokio::test]
async fn a_damaged_snapshot_costs_time_and_nothing_else() {
    let xps = device();
    for n in 0..66 {
        xps.tree.write("a.md", format!("{n}"));
        xps.push().await;
    }
    xps.bucket().overwrite(".devlog/snapshots/0000000000000064", "not a snapshot");
    let mac = another(&xps);
    mac.tree.write("a.md", "65");
    let report = mac.push().await;
    assert_eq!((report.files_uploaded, report.conflicts), (0, 0));
    assert_eq!(mac.push_with(all()).await.ending(), Ending::Done);
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_written_fails_nothing() {
    let xps = device();
    xps.remote.fail_from(Aim::at(Verb::Put, ".devlog/snapshots/"), offline);
    for n in 0..65 {
        xps.tree.write("a.md", format!("{n}"));
        xps.push().await;
    }
    xps.assert_stored(&[("a.md", "64")]);
}
