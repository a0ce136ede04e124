//! Decides: the sync model, the journal model and the ports; sees no disk, network, clock, environment or terminal.

pub mod commit;
pub mod config;
pub mod conflict;
mod execute;
pub mod files;
pub mod guard;
pub mod journal;
pub mod manager;
pub mod path;
pub mod plan;
pub mod ports;
pub mod probe;
pub mod progress;
pub mod report;
#[cfg(feature = "testing")]
pub mod testing;
