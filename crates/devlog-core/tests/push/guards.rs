//! What a push refuses, and what it takes to go on.

use devlog_core::guard::Guard;
use devlog_core::manager::PushOptions;
use devlog_core::report::{Ending, Stop};
use devlog_core::testing::fakes::FakeRemote;

use crate::lab::{Device, URL, all, another, delete, device};

/// X1: an unmounted disk is no deletion.
#[tokio::test]
async fn an_emptied_root_stops_every_push() {
    let xps = device();
    for name in ["config.toml", "a.md", "b.md"] {
        xps.tree.write(name, name);
    }
    xps.push().await;
    xps.tree.remove("a.md");
    xps.tree.remove("b.md");
    let before = xps.bucket().versions();
    for options in [PushOptions::default(), delete(), all(), PushOptions { force: true, ..delete() }] {
        let report = xps.push_with(options).await;
        assert!(matches!(report.guard, Some(Guard::RootEmptied { tracked: 3, .. })), "{report:?}");
        assert_eq!(report.ending(), Ending::Guarded);
    }
    assert_eq!(xps.bucket().versions(), before);
    let confirmed = PushOptions { confirm_delete: Some(2), ..delete() };
    assert_eq!(xps.push_with(confirmed).await.files_deleted, 2);
    xps.assert_stored(&[("config.toml", "config.toml")]);
}

/// X12: a rule that excludes synced files deletes nothing, and is no emptied root.
#[tokio::test]
async fn excluded_files_stay_where_they_are() {
    let xps = device();
    xps.tree.write("notes/a.md", "a");
    xps.tree.write("notes/b.md", "b");
    xps.push().await;
    xps.tree.exclude("notes");
    let report = xps.push_with(delete()).await;
    assert_eq!((report.guard.clone(), report.files_deleted), (None, 0));
    assert_eq!(report.ending(), Ending::Done, "{report:?}");
    xps.assert_stored(&[("notes/a.md", "a"), ("notes/b.md", "b")]);
}

/// X13: what cannot be read is no deletion; the rest is pushed.
#[tokio::test]
async fn unreadable_files_stay_where_they_are() {
    let xps = device();
    for name in ["d/a.md", "d/b.md", "c.md", "e.md"] {
        xps.tree.write(name, name);
    }
    xps.push().await;
    xps.tree.forbid("d");
    xps.tree.forbid("c.md");
    xps.tree.write("e.md", "new");
    let report = xps.push_with(delete()).await;
    assert_eq!(report.ending(), Ending::Partial);
    assert_eq!((report.files_deleted, report.files_uploaded), (0, 1));
    let mut told: Vec<&str> = report.notes.iter().map(|note| note.subject.as_str()).collect();
    told.dedup();
    assert_eq!(told, ["c.md", "d", "d/a.md", "d/b.md"]);
    assert_eq!(report.notes.len(), 4, "each is mentioned once");
    xps.assert_stored(&[("c.md", "c.md"), ("d/a.md", "d/a.md"), ("d/b.md", "d/b.md"), ("e.md", "new")]);
}

/// X9: the same place holds another log.
#[tokio::test]
async fn another_log_at_the_same_place_is_not_touched() {
    // The other log is shorter than ours, as long, or longer.
    for others in [0, 1, 2, 5] {
        let xps = device();
        xps.tree.write("a.md", "a");
        xps.push().await;
        xps.tree.write("b.md", "b");
        xps.push().await;
        xps.bucket().empty();
        let stranger = Device::at("stranger", 9, xps.bucket().another());
        for n in 0..others {
            stranger.tree.write(&format!("{n}.md"), "s");
            stranger.push().await;
        }
        if others == 0 {
            let id = r#"{"format":1,"id":"OTHER","created":"2025-01-01T00:00:00Z"}"#;
            xps.bucket().overwrite(".devlog/remote.json", id);
        }
        let before = xps.bucket().versions();
        xps.tree.write("c.md", "c");
        let report = xps.push_with(delete()).await;
        assert!(matches!(report.guard, Some(Guard::OtherRemote { .. })), "{others}: {report:?}");
        assert_eq!(xps.bucket().versions(), before);
    }
}

#[tokio::test]
async fn an_emptied_remote_is_not_filled_again_unasked() {
    for mode in [PushOptions::default(), all()] {
        let xps = device();
        xps.tree.write("a.md", "a");
        xps.push().await;
        xps.bucket().empty();
        xps.tree.write("b.md", "b");
        let report = xps.push_with(mode).await;
        assert!(matches!(report.guard, Some(Guard::RemoteEmptied { tracked: 1, .. })), "{report:?}");
        assert_eq!(xps.bucket().versions().len(), 0);
    }
}

/// Another place is another remote: a first push, and nothing of the old state counts.
#[tokio::test]
async fn another_url_is_a_first_push() {
    let xps = device();
    xps.tree.write("a.md", "a");
    xps.push().await;
    let mut moved = Device::at("xps", 3, FakeRemote::new("fake://elsewhere"));
    moved.tree.write("a.md", "a");
    moved.state = xps.state;
    assert_eq!(moved.push_with(delete()).await.files_uploaded, 1);
    assert_ne!(moved.bucket().to_string(), URL);
}

/// X18: 2,500 deletions, once they are confirmed, are all carried out, and both slices are committed.
#[tokio::test]
async fn confirmed_deletions_are_all_carried_out() {
    let xps = device();
    xps.tree.write("keep.md", "k");
    for n in 0..2500 {
        xps.tree.write(&format!("d/{n}.md"), format!("{n}"));
    }
    xps.push().await;
    for n in 0..2500 {
        xps.tree.remove(&format!("d/{n}.md"));
    }
    let report = xps.push_with(delete()).await;
    assert_eq!(report.guard.as_ref().and_then(Guard::confirm), Some(2500), "{report:?}");
    let wrong = |n| PushOptions { confirm_delete: Some(n), ..delete() };
    for n in [0, 1, 2499, 2501] {
        assert_eq!(xps.push_with(wrong(n)).await.ending(), Ending::Guarded, "{n}");
    }
    let report = xps.push_with(wrong(2500)).await;
    assert_eq!((report.ending(), report.files_deleted), (Ending::Done, 2500));
    xps.assert_stored(&[("keep.md", "k")]);
    xps.assert_kept("2499");
}

/// A confirmation covers the deletions of the run, also those that it plans again because another device was faster.
#[tokio::test]
async fn a_race_does_not_undo_a_confirmation() {
    use devlog_core::testing::fakes::Verb;
    use devlog_core::testing::faults::Aim;
    let xps = device();
    for n in 0..40 {
        xps.tree.write(&format!("{n}.md"), format!("{n}"));
    }
    xps.push().await;
    for n in 0..40 {
        xps.tree.remove(&format!("{n}.md"));
    }
    let mac = another(&xps);
    mac.tree.write("mac.md", "m");
    xps.remote.before(Aim::at(Verb::Put, ".devlog/commits/"), move || async move {
        mac.push().await;
    });
    let confirmed = PushOptions { confirm_delete: Some(40), ..delete() };
    let report = xps.push_with(confirmed).await;
    assert_eq!((report.guard.clone(), report.files_deleted), (None, 40));
    xps.assert_stored(&[("mac.md", "m")]);
}

#[tokio::test]
async fn a_broken_chain_stops_the_run() {
    let xps = device();
    xps.tree.write("a.md", "a");
    xps.push().await;
    let mac = another(&xps);
    mac.tree.write("b.md", "b");
    mac.push().await;
    let second = ".devlog/commits/0000000000000002.json";
    let text = String::from_utf8(xps.bucket().bytes(second).unwrap().to_vec()).unwrap();
    let parent = text.find("\"parent\":\"").unwrap() + 10;
    let mut altered = text.clone().into_bytes();
    altered[parent] = if altered[parent] == b'0' { b'1' } else { b'0' };
    for bytes in [altered, b"not json".to_vec(), text.into_bytes()[..40].to_vec()] {
        xps.bucket().overwrite(second, bytes);
        xps.tree.write("c.md", "c");
        let before = xps.bucket().versions();
        let error = xps.fail_to_push().await;
        assert_eq!(error.report.stopped, Some(Stop::Corrupt));
        assert_eq!(xps.bucket().versions(), before);
    }
}
