//! The S3 provider keeps every promise of the port, on a real server.

use std::env;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use devlog_core::config::RemoteConfig;
use devlog_core::testing::remote_suite;
use devlog_remote::{Limits, StaticKeys, StorageFactory};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_keeps_every_promise() {
    let var = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let Some(endpoint) = var("DEVLOG_TEST_S3_ENDPOINT") else {
        assert!(var("CI").is_none(), "no S3 server: run the tests by `cargo xtask test`");
        eprintln!("SKIPPED: no S3 server; `cargo xtask test` starts one");
        return;
    };
    let access_key = var("DEVLOG_TEST_S3_ACCESS_KEY").unwrap();
    let secret_key = var("DEVLOG_TEST_S3_SECRET_KEY").unwrap();
    let client = aws_sdk_s3::Client::from_conf(
        aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(&endpoint)
            .credentials_provider(Credentials::new(&access_key, &secret_key, None, None, "tests"))
            .force_path_style(true)
            .build(),
    );
    let bucket = format!("suite-{}", std::process::id());
    client.create_bucket().bucket(&bucket).send().await.unwrap();
    let factory =
        StorageFactory::new(Limits::default()).with_s3_keys(StaticKeys::new(access_key, secret_key));
    let next = AtomicU32::new(0);
    remote_suite::run(async || {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let url = format!("s3://{bucket}/p{number}?endpoint={endpoint}&region=us-east-1");
        factory.open(&RemoteConfig::parse(&url, None, false).unwrap()).await.unwrap()
    })
    .await;
}
