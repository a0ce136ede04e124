//! Touches the disk: the person's files, devlog's own state, the lock and the clock.

pub mod clock;
pub mod ignore_rules;
pub mod journal_dir;
pub mod lock;
pub mod root;
pub mod scanner;
pub mod sqlite_snapshot;
mod stat;
pub mod state;
pub mod tree;
