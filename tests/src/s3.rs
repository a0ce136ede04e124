//! The S3 servers that `cargo xtask test` starts, and buckets on them as another tool would see them.

use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation};
use aws_sdk_s3::error::DisplayErrorContext;
use tokio::runtime::Runtime;

use crate::TestEnv;

/// A real S3 server.
pub struct S3Server {
    endpoint: String,
    access_key: String,
    secret_key: String,
}

/// A new, empty bucket, reached with the AWS SDK itself.
pub struct Bucket {
    name: String,
    endpoint: String,
    client: Client,
    runtime: Runtime,
}

impl S3Server {
    /// The server with conditional writes. `None`, said loudly, where none runs; under CI that fails the test.
    pub fn find() -> Option<Self> {
        Self::at("DEVLOG_TEST_S3_ENDPOINT")
    }

    /// A server that ignores conditional writes, which devlog must refuse.
    pub fn find_naive() -> Option<Self> {
        Self::at("DEVLOG_TEST_NAIVE_S3_ENDPOINT")
    }

    #[expect(clippy::print_stderr, reason = "a skip must be heard")]
    fn at(variable: &str) -> Option<Self> {
        let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let found = var(variable).zip(var("DEVLOG_TEST_S3_ACCESS_KEY")).zip(var("DEVLOG_TEST_S3_SECRET_KEY"));
        let Some(((endpoint, access_key), secret_key)) = found else {
            assert!(var("CI").is_none(), "{variable} is not set: run the tests by `cargo xtask test`");
            eprintln!("SKIPPED: {variable} is not set; `cargo xtask test` starts the server");
            return None;
        };
        Some(Self { endpoint, access_key, secret_key })
    }

    /// An environment with this server's credentials, whose root pushes to `bucket` below `me/`.
    pub fn env(&self, bucket: &Bucket) -> TestEnv {
        let env = TestEnv::new()
            .with_var("AWS_ACCESS_KEY_ID", &self.access_key)
            .with_var("AWS_SECRET_ACCESS_KEY", &self.secret_key);
        env.configure(&bucket.url("me"));
        env
    }

    /// Makes a bucket.
    pub fn bucket(&self) -> Bucket {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(&self.endpoint)
            .credentials_provider(Credentials::new(&self.access_key, &self.secret_key, None, None, "tests"))
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .force_path_style(true)
            .build();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let client = Client::from_conf(config);
        runtime
            .block_on(client.create_bucket().bucket(&name).send())
            .unwrap_or_else(|error| panic!("no bucket: {}", DisplayErrorContext(error)));
        Bucket { name, endpoint: self.endpoint.clone(), client, runtime }
    }
}

impl Bucket {
    /// The bucket as a remote URL.
    pub fn url(&self, prefix: &str) -> String {
        format!("s3://{}/{prefix}?endpoint={}&region=us-east-1", self.name, self.endpoint)
    }

    /// Stores an object as another tool would: unconditionally.
    pub fn put(&self, key: &str, content: &[u8]) {
        let request = self.client.put_object().bucket(&self.name).key(key).body(content.to_vec().into());
        self.runtime
            .block_on(request.send())
            .unwrap_or_else(|error| panic!("no put of {key}: {}", DisplayErrorContext(error)));
    }

    /// An object's content; `None` where there is none.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.runtime.block_on(async {
            let object = self.client.get_object().bucket(&self.name).key(key).send().await.ok()?;
            Some(object.body.collect().await.expect("the content").into_bytes().to_vec())
        })
    }

    /// Deletes an object, or nothing.
    pub fn delete(&self, key: &str) {
        let request = self.client.delete_object().bucket(&self.name).key(key);
        self.runtime
            .block_on(request.send())
            .unwrap_or_else(|error| panic!("no delete of {key}: {}", DisplayErrorContext(error)));
    }

    /// Every key, sorted.
    pub fn keys(&self) -> Vec<String> {
        let mut keys = self.runtime.block_on(async {
            let mut pages = self.client.list_objects_v2().bucket(&self.name).into_paginator().send();
            let mut keys = Vec::new();
            while let Some(page) = pages.next().await {
                let page = page.expect("a page");
                keys.extend(page.contents().iter().filter_map(|object| object.key().map(str::to_owned)));
            }
            keys
        });
        keys.sort_unstable();
        keys
    }

    /// Multipart uploads that were begun and neither completed nor aborted.
    pub fn dangling_uploads(&self) -> usize {
        let listed = self.runtime.block_on(self.client.list_multipart_uploads().bucket(&self.name).send());
        listed.map_or(0, |uploads| uploads.uploads().len())
    }
}
