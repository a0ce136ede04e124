//! Opens an S3 client: credentials, region, endpoint, and the settings that keep the SDK's habits in check.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, ConfigLoader, Region};
use aws_sdk_s3::config::{
    Builder, Credentials, RequestChecksumCalculation, ResponseChecksumValidation,
    StalledStreamProtectionConfig, retry::RetryConfig, timeout::TimeoutConfig,
};
use devlog_core::config::{RemoteConfig, RemoteLocation};

use super::S3;
use super::parts::Memory;
use super::upload::PART_BYTES;
use crate::error::FactoryError;
use crate::factory::Limits;
use crate::keys::Prefix;

/// A host that does not answer a connection for so long is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Servers other than Amazon's take any region; this one they all know.
const ANY_REGION: &str = "us-east-1";

/// Keys that are handed in rather than found. `Debug` shows neither.
#[derive(Clone)]
pub struct StaticKeys {
    access_key: String,
    secret_key: String,
}

impl StaticKeys {
    /// An access key and its secret.
    pub fn new(access_key: impl Into<String>, secret_key: impl Into<String>) -> Self {
        Self { access_key: access_key.into(), secret_key: secret_key.into() }
    }
}

impl fmt::Debug for StaticKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StaticKeys(…)")
    }
}

impl S3 {
    /// Reads the AWS configuration. Sends nothing to the bucket.
    pub(crate) async fn connect(
        remote: &RemoteConfig,
        limits: &Limits,
        keys: Option<&StaticKeys>,
    ) -> Result<Self, FactoryError> {
        let RemoteLocation::S3 { bucket, prefix, endpoint, region, profile } = &remote.location else {
            return Err(FactoryError::NotBuilt(remote.provider()));
        };
        let mut loader: ConfigLoader = aws_config::defaults(BehaviorVersion::latest())
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build())
            // A bandwidth limit looks like a stall; deadlines are the retry layer's.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(region) = region {
            loader = loader.region(Region::new(region.clone()));
        } else if endpoint.is_some() {
            // Not the whole chain, which ends by asking Amazon's instance metadata: off Amazon nobody answers that for a while.
            let mut file = ProfileFileRegionProvider::builder();
            if let Some(profile) = profile {
                file = file.profile_name(profile);
            }
            let configured = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
                .or_else(file.build())
                .or_else(Region::from_static(ANY_REGION));
            loader = loader.region(configured);
        }
        if let Some(profile) = profile {
            loader = loader.profile_name(profile);
        }
        if let Some(endpoint) = endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some(StaticKeys { access_key, secret_key }) = keys {
            loader =
                loader.credentials_provider(Credentials::new(access_key, secret_key, None, None, "given"));
        }
        let shared = loader.load().await;
        let mut config = Builder::from(&shared);
        if shared.region().is_none() {
            if shared.endpoint_url().is_none() {
                return Err(FactoryError::NoRegion(bucket.clone()));
            }
            config = config.region(Region::from_static(ANY_REGION));
        }
        if shared.endpoint_url().is_some() {
            // Some servers store the checksum trailer of a streamed upload as content. The signature covers the
            // SHA-256 of every request's payload, so nothing travels unchecked.
            config = config
                .force_path_style(true)
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        }
        if shared.endpoint_url().is_some_and(|endpoint| endpoint.starts_with("http://")) {
            // Spares the reading of every certificate of the system, which takes longer than a push with nothing to do.
            // Of the bucket's client alone: credentials may still have to be fetched over TLS.
            config = config.http_client(aws_smithy_http_client::Builder::new().build_http());
        }
        Ok(Self {
            client: aws_sdk_s3::Client::from_conf(config.build()),
            config: remote.clone(),
            bucket: bucket.clone(),
            prefix: Prefix::new(prefix),
            retry: Arc::new(limits.retry()),
            throttle: Arc::new(limits.throttle()),
            parts: limits.parts.max(1),
            memory: Memory::new(limits.parts.max(1) as u64 * PART_BYTES),
            swept: Arc::default(),
        })
    }
}
