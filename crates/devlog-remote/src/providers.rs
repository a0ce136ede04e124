//! One file a provider.

pub(crate) mod folder;
#[cfg(feature = "s3")]
pub(crate) mod s3;
