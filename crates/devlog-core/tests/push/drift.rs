//! Objects that changed, vanished or appeared by other means than devlog.

use devlog_core::manager::PushOptions;
use devlog_core::report::Ending;

use crate::lab::{all, another, commits, device, force};

#[tokio::test]
async fn an_object_changed_by_another_tool_is_never_overwritten_unseen() {
    let xps = device();
    xps.tree.write("a.md", "base");
    xps.push().await;
    xps.bucket().overwrite("a.md", "by hand");
    xps.tree.write("a.md", "mine");
    let report = xps.push_with(PushOptions::default()).await;
    assert_eq!((report.ending(), report.conflicts), (Ending::Conflicts, 1));
    assert_eq!(xps.bucket().bytes("a.md").unwrap(), "by hand");
    assert_eq!(xps.tree.files()["a.md"], "mine");

    let report = xps.push_with(force()).await;
    assert_eq!(report.ending(), Ending::Done);
    xps.assert_stored(&[("a.md", "mine")]);
    xps.assert_kept("by hand");
}

#[tokio::test]
async fn an_object_created_by_another_tool_is_never_overwritten_unseen() {
    let xps = device();
    xps.tree.write("b.md", "b");
    xps.push().await;
    xps.bucket().overwrite("a.md", "by hand");
    xps.tree.write("a.md", "mine");
    let report = xps.push_with(PushOptions::default()).await;
    assert_eq!((report.ending(), report.conflicts), (Ending::Conflicts, 1));
    assert_eq!(xps.bucket().bytes("a.md").unwrap(), "by hand");
}

#[tokio::test]
async fn a_missing_object_is_sent_again_by_all_and_by_an_edit() {
    let xps = device();
    xps.tree.write("a.md", "a");
    xps.tree.write("b.md", "b");
    xps.push().await;
    xps.bucket().remove("a.md");
    assert_eq!(xps.push().await.requests, 1, "an incremental push trusts the chain");
    let report = xps.push_with(all()).await;
    assert_eq!((report.ending(), report.files_uploaded), (Ending::Done, 1));
    xps.assert_stored(&[("a.md", "a"), ("b.md", "b")]);

    xps.bucket().remove("b.md");
    xps.tree.write("b.md", "edited");
    assert_eq!(xps.push().await.files_uploaded, 1);
    xps.assert_stored(&[("a.md", "a"), ("b.md", "edited")]);
}

#[tokio::test]
async fn a_missing_object_that_this_device_never_had_is_reported() {
    let xps = device();
    xps.tree.write("a.md", "a");
    xps.push().await;
    let mac = another(&xps);
    xps.bucket().remove("a.md");
    let report = mac.push_with(all()).await;
    assert_eq!(report.ending(), Ending::Corrupt);
    assert_eq!(report.notes[0].subject, "a.md");
}

#[tokio::test]
async fn all_finds_what_others_put_there_and_leaves_it() {
    let xps = device();
    xps.tree.write("a.md", "a");
    xps.push().await;
    xps.bucket().overwrite("by-hand.md", "new");
    xps.bucket().overwrite("a.md", "changed");
    let report = xps.push_with(all()).await;
    assert_eq!((report.files_uploaded, report.files_deleted), (0, 0));
    let told: Vec<&str> = report.notes.iter().map(|note| note.subject.as_str()).collect();
    assert_eq!(told, ["a.md", "by-hand.md"]);
    assert_eq!(xps.bucket().bytes("a.md").unwrap(), "changed");
}

#[tokio::test]
async fn all_with_nothing_to_heal_writes_nothing() {
    let xps = device();
    xps.tree.write("a.md", "a");
    xps.push().await;
    let before = xps.bucket().versions();
    xps.tree.take_hashed();
    assert_eq!(xps.push_with(all()).await.ending(), Ending::Done);
    assert_eq!(xps.tree.take_hashed(), 1, "every file is read again");
    assert_eq!(xps.bucket().versions(), before);
}

/// N15: the marker objects of consoles and of other tools are no files.
#[tokio::test]
async fn folder_markers_and_hostile_keys_are_no_files() {
    let xps = device();
    xps.tree.write("a/b.md", "b");
    xps.push().await;
    xps.bucket().overwrite("a/", "");
    xps.bucket().overwrite("../../etc/passwd", "evil");
    xps.bucket().overwrite("c\\d", "evil");
    let report = xps.push_with(all()).await;
    assert_eq!(report.ending(), Ending::Partial);
    assert_eq!(report.notes.len(), 2, "{:?}", report.notes);
    assert_eq!(commits(xps.bucket()), 1);
}
