//! Why a remote cannot even be opened.

use devlog_core::config::Provider;

/// Why [`crate::StorageFactory`] made no remote.
#[derive(Debug, thiserror::Error)]
pub enum FactoryError {
    /// The provider is known, and not part of this program.
    #[error("this devlog was built without {0} remotes")]
    NotBuilt(Provider),
    /// The configuration does not say which region the bucket is in.
    #[error("no region is known for the bucket `{0}`; add ?region=… to the remote's URL")]
    NoRegion(String),
}
