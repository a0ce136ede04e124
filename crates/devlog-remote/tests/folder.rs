//! The folder provider keeps every promise of the port.

use devlog_core::config::RemoteConfig;
use devlog_core::testing::remote_suite;
use devlog_remote::{Limits, StorageFactory};

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

#[tokio::test]
async fn a_file_takes_the_name_of_a_folder_that_was_emptied() {
    use devlog_core::path::RelPath;
    use devlog_core::ports::{ObjectKey, Precondition};
    let home = tempfile::tempdir().unwrap();
    let config = RemoteConfig::parse(&format!("file://{}", home.path().display()), None, false).unwrap();
    let remote = StorageFactory::new(Limits::default()).open(&config).await.unwrap();
    let key = |path: &str| ObjectKey::from(&RelPath::new(path).unwrap());
    let body = || bytes::Bytes::from_static(b"x").into();
    let version = remote.put(&key("d/e/a"), body(), Precondition::Absent).await.unwrap();
    remote.delete(&key("d/e/a"), &version).await.unwrap();
    remote.put(&key("d"), body(), Precondition::Absent).await.unwrap();
}

#[tokio::test]
async fn a_link_in_the_remote_leads_nowhere() {
    use devlog_core::path::RelPath;
    use devlog_core::ports::{ObjectKey, Precondition, RemoteError};
    let home = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(outside.path(), home.path().join("link")).unwrap();
    let config = RemoteConfig::parse(&format!("file://{}", home.path().display()), None, false).unwrap();
    let remote = StorageFactory::new(Limits::default()).open(&config).await.unwrap();
    let key = ObjectKey::from(&RelPath::new("link/evil").unwrap());
    let put = remote.put(&key, bytes::Bytes::from_static(b"x").into(), Precondition::Absent).await;
    assert!(matches!(put, Err(RemoteError::Unusable(_))), "{put:?}");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}
