//! What the S3 provider does when the wire or the server misbehaves: a scripted server on loopback, one fault a test.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod wire {
    mod downloads;
    mod listings;
    mod lost;
    mod parts;
    mod refusals;
    mod server;
    mod uploads;
}

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use devlog_core::config::RemoteConfig;
use devlog_core::files::Version;
use devlog_core::path::RelPath;
use devlog_core::ports::{ObjectKey, Precondition, RemoteError, RemoteStorage};
use devlog_remote::{Limits, StaticKeys, StorageFactory};

/// How often the remotes of these tests send a request.
const ATTEMPTS: u16 = 4;

/// How long they wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(1);

async fn open(endpoint: &str) -> Arc<dyn RemoteStorage> {
    open_with(endpoint, ATTEMPTS).await
}

async fn open_with(endpoint: &str, attempts: u16) -> Arc<dyn RemoteStorage> {
    let url = format!("s3://b/p?endpoint={endpoint}&region=us-east-1");
    let limits = Limits { request_timeout: TIMEOUT, max_attempts: attempts, ..Limits::default() };
    let factory = StorageFactory::new(limits).with_s3_keys(StaticKeys::new("AK", "hidden-secret"));
    factory.open(&RemoteConfig::parse(&url, None, false).unwrap()).await.unwrap()
}

fn key(path: &str) -> ObjectKey {
    ObjectKey::from(&RelPath::new(path).unwrap())
}

async fn put(remote: &dyn RemoteStorage, path: &str) -> Result<Version, RemoteError> {
    remote.put(&key(path), Bytes::from_static(b"mine").into(), Precondition::Absent).await
}
