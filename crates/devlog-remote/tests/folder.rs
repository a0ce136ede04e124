//! The folder provider keeps every promise of the port.

use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use devlog_core::config::RemoteConfig;
use devlog_core::files::Version;
use devlog_core::path::RelPath;
use devlog_core::ports::{Body, ObjectKey, Precondition, RemoteError, RemoteStorage};
use devlog_core::testing::remote_suite;
use devlog_remote::{Limits, StorageFactory};
use futures_util::{StreamExt, TryStreamExt, stream};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_folder_keeps_every_promise() {
    let home = tempfile::tempdir().unwrap();
    let next = std::sync::atomic::AtomicU32::new(0);
    remote_suite::run(async || {
        let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let url = format!("file://{}/{number}", home.path().display());
        let config = RemoteConfig::parse(&url, None, false).unwrap();
        StorageFactory::new(Limits::default()).open(&config).await.unwrap()
    })
    .await;
}

async fn open(place: &std::path::Path) -> Arc<dyn RemoteStorage> {
    let config =
        RemoteConfig::parse(&format!("file://{}", place.display()), None, false).expect("a folder remote");
    StorageFactory::new(Limits::default()).open(&config).await.expect("opened")
}

fn key(path: &str) -> ObjectKey {
    ObjectKey::from(&RelPath::new(path).expect("a path"))
}

async fn put(remote: &dyn RemoteStorage, path: &str) -> Result<Version, RemoteError> {
    remote.put(&key(path), bytes::Bytes::from_static(b"x").into(), Precondition::Absent).await
}

#[tokio::test]
async fn a_file_takes_the_name_of_a_folder_that_was_emptied() {
    let home = tempfile::tempdir().unwrap();
    let remote = open(home.path()).await;
    let version = put(&*remote, "d/e/a").await.unwrap();
    remote.delete(&key("d/e/a"), &version).await.unwrap();
    put(&*remote, "d").await.unwrap();
    std::fs::create_dir_all(home.path().join("empty/still")).unwrap();
    let blocked = put(&*remote, "empty").await;
    assert!(matches!(blocked, Err(RemoteError::Unusable(_))), "{blocked:?}");
    std::fs::remove_dir(home.path().join("empty/still")).unwrap();
    put(&*remote, "empty").await.unwrap();
}

#[tokio::test]
async fn an_object_below_an_object_has_no_room() {
    let home = tempfile::tempdir().unwrap();
    let remote = open(home.path()).await;
    put(&*remote, "d").await.unwrap();
    let blocked = put(&*remote, "d/a").await;
    assert!(matches!(blocked, Err(RemoteError::Unusable(_))), "{blocked:?}");
    assert!(remote.head(&key("d/a")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_link_in_the_remote_leads_nowhere() {
    let (home, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    symlink(outside.path(), home.path().join("link")).unwrap();
    symlink(outside.path().join("secret"), home.path().join("file")).unwrap();
    let remote = open(home.path()).await;
    for path in ["link/evil", "link/secret", "file"] {
        let put = put(&*remote, path).await;
        assert!(matches!(put, Err(RemoteError::Unusable(_))), "{put:?}");
        let read = remote.get(&key(path), None).await;
        assert!(matches!(read, Err(RemoteError::Unusable(_))), "{read:?}");
    }
    let listed: Vec<_> = remote.list("").try_collect().await.unwrap();
    assert!(listed.is_empty(), "{listed:?}");
    assert!(remote.list("link/").try_collect::<Vec<_>>().await.is_err());
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_staging_folder_that_is_a_link_is_not_written_to() {
    let (home, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    symlink(outside.path(), home.path().join(".devlog")).unwrap();
    let put = put(&*open(home.path()).await, "a").await;
    assert!(matches!(put, Err(RemoteError::Unusable(_))), "{put:?}");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_file_in_the_place_of_the_remote_is_told() {
    let home = tempfile::tempdir().unwrap();
    let place = home.path().join("remote");
    std::fs::write(&place, "a file").unwrap();
    let remote = open(&place).await;
    let put = put(&*remote, "a").await;
    assert!(matches!(put, Err(RemoteError::Unusable(_))), "{put:?}");
    let listed = remote.list("").try_collect::<Vec<_>>().await;
    assert!(matches!(listed, Err(RemoteError::Unusable(_))), "{listed:?}");
    assert_eq!(std::fs::read(&place).unwrap(), b"a file");
}

#[tokio::test]
async fn a_remote_that_is_not_there_is_empty_until_it_is_written_to() {
    let home = tempfile::tempdir().unwrap();
    let place = home.path().join("not/yet");
    let remote = open(&place).await;
    assert!(remote.list("").try_collect::<Vec<_>>().await.unwrap().is_empty());
    assert!(remote.head(&key("a")).await.unwrap().is_none());
    assert!(!home.path().join("not").exists(), "reading made a folder");
    put(&*remote, "a").await.unwrap();
    assert_eq!(std::fs::read(place.join("a")).unwrap(), b"x");
}

#[tokio::test]
async fn an_object_that_was_deleted_and_made_again_is_another() {
    let home = tempfile::tempdir().unwrap();
    let remote = open(home.path()).await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let version = put(&*remote, "a").await.unwrap();
        remote.delete(&key("a"), &version).await.unwrap();
        assert!(seen.insert(version), "one version for two objects");
    }
}

#[tokio::test]
async fn an_edit_by_another_program_is_another_version() {
    let home = tempfile::tempdir().unwrap();
    let remote = open(home.path()).await;
    let version = put(&*remote, "a").await.unwrap();
    let place = home.path().join("a");
    let written = place.metadata().unwrap().modified().unwrap();
    let file = std::fs::File::options().write(true).open(&place).unwrap();
    std::io::Write::write_all(&mut &file, b"y").unwrap();
    file.set_modified(written).unwrap();
    let stale = remote.delete(&key("a"), &version).await;
    assert!(matches!(stale, Err(RemoteError::PreconditionFailed)), "{stale:?}");
}

#[tokio::test]
async fn what_a_dead_run_has_left_is_removed_and_never_listed() {
    let home = tempfile::tempdir().unwrap();
    let tmp = home.path().join(".devlog/tmp");
    std::fs::create_dir_all(&tmp).unwrap();
    std::fs::write(tmp.join("new"), "half").unwrap();
    std::fs::write(tmp.join("old"), "half").unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(3 * 24 * 3600);
    std::fs::File::options().write(true).open(tmp.join("old")).unwrap().set_modified(long_ago).unwrap();
    let remote = open(home.path()).await;
    put(&*remote, "a").await.unwrap();
    assert!(tmp.join("new").exists() && !tmp.join("old").exists());
    let keys: Vec<_> = remote.list("").map_ok(|object| object.key).try_collect().await.unwrap();
    assert_eq!(keys, ["a"]);
}

#[tokio::test]
async fn a_stream_of_another_length_than_said_publishes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let remote = open(home.path()).await;
    for len in [2, 4] {
        let stream = stream::iter([Ok(bytes::Bytes::from_static(b"abc"))]).boxed();
        let sent = remote.put(&key("a"), Body::Stream { len, stream }, Precondition::Absent).await;
        assert!(matches!(sent, Err(RemoteError::Body(_))), "{sent:?}");
    }
    assert!(remote.head(&key("a")).await.unwrap().is_none());
    assert_eq!(std::fs::read_dir(home.path().join(".devlog/tmp")).unwrap().count(), 0);
}
