//! `StorageFactory`: from a remote's configuration to a remote.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use devlog_core::config::{RemoteConfig, RemoteLocation, SyncConfig};
use devlog_core::ports::RemoteStorage;

use crate::error::FactoryError;
use crate::providers::folder::Folder;
use crate::retry::Retry;
use crate::throttle::Throttle;

/// What holds for every request to every provider.
#[derive(Debug, Clone)]
pub struct Limits {
    /// A request without an answer for so long has failed.
    pub request_timeout: Duration,
    /// How often a request is sent before it counts as failed.
    pub max_attempts: u16,
    /// Bytes a second, both directions.
    pub bandwidth: Option<NonZeroU64>,
    /// Parts of one large file in flight at once; each takes at least 8 MiB of memory.
    pub parts: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self::from(&SyncConfig::default())
    }
}

impl From<&SyncConfig> for Limits {
    fn from(config: &SyncConfig) -> Self {
        Self {
            request_timeout: config.request_timeout,
            max_attempts: config.max_attempts,
            bandwidth: config.bandwidth,
            parts: 6,
        }
    }
}

impl Limits {
    pub(crate) const fn retry(&self) -> Retry {
        Retry::new(self.max_attempts, self.request_timeout)
    }

    pub(crate) fn throttle(&self) -> Throttle {
        Throttle::new(self.bandwidth)
    }
}

/// Opens remotes.
#[derive(Debug, Clone, Default)]
pub struct StorageFactory {
    limits: Limits,
    #[cfg(feature = "s3")]
    keys: Option<crate::providers::s3::StaticKeys>,
}

impl StorageFactory {
    /// A factory whose remotes keep to `limits`.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Instead of the AWS credential chain, these keys. For programs that embed devlog and for tests.
    #[cfg(feature = "s3")]
    #[must_use]
    pub fn with_s3_keys(mut self, keys: crate::providers::s3::StaticKeys) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Opens a remote. Reads the provider's own configuration (profiles, credentials), and sends nothing to the remote.
    pub async fn open(&self, remote: &RemoteConfig) -> Result<Arc<dyn RemoteStorage>, FactoryError> {
        match &remote.location {
            RemoteLocation::Folder { path } => Ok(Arc::new(Folder::new(path, &self.limits))),
            #[cfg(feature = "s3")]
            RemoteLocation::S3 { .. } => {
                let s3 = crate::providers::s3::S3::connect(remote, &self.limits, self.keys.as_ref()).await?;
                Ok(Arc::new(s3))
            }
            #[cfg(not(feature = "s3"))]
            RemoteLocation::S3 { .. } => Err(FactoryError::NotBuilt(remote.provider())),
            RemoteLocation::Azure { .. } | RemoteLocation::Gcs { .. } => {
                Err(FactoryError::NotBuilt(remote.provider()))
            }
        }
    }
}
