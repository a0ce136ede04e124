//! Touches the network: the storage providers behind the one port `RemoteStorage`.

mod error;
mod factory;
mod keys;
mod providers;
mod retry;
mod throttle;

pub use error::FactoryError;
pub use factory::{Limits, StorageFactory};
#[cfg(feature = "s3")]
pub use providers::s3::StaticKeys;
