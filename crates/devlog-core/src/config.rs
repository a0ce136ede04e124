//! `DevLogConfig`: every setting, typed and validated. Loading it from a file is the command line's work.

mod remote;
mod settings;

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::Duration;

pub use remote::{Provider, RemoteConfig, RemoteLocation, RemoteUrlError};
pub use settings::{SETTINGS, Setting, SettingError, setting};

use crate::conflict::Strategy;

/// The name of the remote that `[remote]` describes.
pub const DEFAULT_REMOTE: &str = "default";

/// All settings of one root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DevLogConfig {
    /// `[device]`.
    pub device: DeviceConfig,
    /// `[remote]` under the name `default`, and each `[remotes.NAME]`.
    pub remotes: BTreeMap<String, RemoteConfig>,
    /// `[sync]`.
    pub sync: SyncConfig,
}

/// `[device]`: who writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceConfig {
    /// A name for this machine; without one, the host name and four random hex digits.
    pub name: Option<String>,
}

/// `[sync]`: how files travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncConfig {
    /// What settles a conflict.
    pub conflict: Strategy,
    /// Files in flight at once.
    pub concurrency: u16,
    /// Bytes a second, both directions and all workers together; `None` is unlimited.
    pub bandwidth: Option<NonZeroU64>,
    /// A request that takes longer has failed.
    pub request_timeout: Duration,
    /// How often a request is sent before it counts as failed.
    pub max_attempts: u16,
    /// No request is sent: runs are queued instead.
    pub offline: bool,
}

impl Default for SyncConfig {
    fn default() -> Self {
        Self {
            conflict: Strategy::Merge,
            concurrency: 64,
            bandwidth: None,
            request_timeout: Duration::from_secs(60),
            max_attempts: 6,
            offline: false,
        }
    }
}
