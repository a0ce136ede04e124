//! `SyncManager::push` over a bucket, a folder and a state in memory, with crashes, races and faults.

mod basics;
mod crashes;
mod drift;
mod failures;
mod guards;
mod lab;
mod long;
mod races;
