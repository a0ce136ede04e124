//! The S3 provider keeps every promise of the port, on real servers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use bytes::Bytes;
use devlog_core::config::RemoteConfig;
use devlog_core::path::RelPath;
use devlog_core::ports::{ObjectKey, Precondition, RemoteError, RemoteStorage};
use devlog_core::probe::{ProbeError, probe};
use devlog_core::testing::fakes::FakeClock;
use devlog_core::testing::remote_suite;
use devlog_remote::{Limits, StaticKeys, StorageFactory};

/// A bucket on a real server, in which each remote has a prefix of its own.
struct Bucket {
    endpoint: String,
    name: String,
    keys: (String, String),
    remotes: AtomicU32,
}

impl Bucket {
    /// Makes a bucket; `None` where the environment names no server.
    async fn make(endpoint: &str, name: &str) -> Option<Self> {
        let var = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let Some(endpoint) = var(endpoint) else {
            assert!(var("CI").is_none(), "no S3 server: run the tests by `cargo xtask test`");
            eprintln!("SKIPPED: no S3 server; `cargo xtask test` starts one");
            return None;
        };
        let keys = (var("DEVLOG_TEST_S3_ACCESS_KEY")?, var("DEVLOG_TEST_S3_SECRET_KEY")?);
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(&endpoint)
            .credentials_provider(Credentials::new(&keys.0, &keys.1, None, None, "tests"))
            .force_path_style(true)
            .build();
        let name = format!("{name}-{}", std::process::id());
        aws_sdk_s3::Client::from_conf(config).create_bucket().bucket(&name).send().await.unwrap();
        Some(Self { endpoint, name, keys, remotes: AtomicU32::new(0) })
    }

    async fn remote(&self, single_writer: bool) -> Arc<dyn RemoteStorage> {
        let number = self.remotes.fetch_add(1, Ordering::Relaxed);
        let url = format!("s3://{}/p{number}?endpoint={}&region=us-east-1", self.name, self.endpoint);
        let (access_key, secret_key) = &self.keys;
        let factory =
            StorageFactory::new(Limits::default()).with_s3_keys(StaticKeys::new(access_key, secret_key));
        factory.open(&RemoteConfig::parse(&url, None, single_writer).unwrap()).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_keeps_every_promise() {
    let Some(bucket) = Bucket::make("DEVLOG_TEST_S3_ENDPOINT", "suite").await else { return };
    remote_suite::run(async || bucket.remote(false).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_writer_needs_no_conditional_writes() {
    let Some(bucket) = Bucket::make("DEVLOG_TEST_S3_ENDPOINT", "alone").await else { return };
    remote_suite::run_alone(async || bucket.remote(true).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_ignores_conditions_is_found_out_and_serves_a_single_writer() {
    let Some(bucket) = Bucket::make("DEVLOG_TEST_NAIVE_S3_ENDPOINT", "naive").await else { return };
    let found = probe(&*bucket.remote(false).await, &FakeClock::new(1)).await;
    assert!(matches!(found, Err(ProbeError::Ignored(_))), "{found:?}");

    let alone = bucket.remote(true).await;
    let key = ObjectKey::from(&RelPath::new("a").unwrap());
    let put = async |text: &'static str, when| {
        alone.put(&key, Bytes::from_static(text.as_bytes()).into(), when).await
    };
    let first = put("one", Precondition::Absent).await.unwrap();
    let again = put("two", Precondition::Absent).await;
    assert!(matches!(again, Err(RemoteError::PreconditionFailed)), "{again:?}");
    let second = put("two", Precondition::Matches(first.clone())).await.unwrap();
    let stale = put("three", Precondition::Matches(first.clone())).await;
    assert!(matches!(stale, Err(RemoteError::PreconditionFailed)), "{stale:?}");
    let read = alone.get(&key, Some(&first)).await;
    assert!(matches!(read, Err(RemoteError::PreconditionFailed)), "{read:?}");
    let deleted = alone.delete(&key, &first).await;
    assert!(matches!(deleted, Err(RemoteError::PreconditionFailed)), "{deleted:?}");
    alone.delete(&key, &second).await.unwrap();
}
