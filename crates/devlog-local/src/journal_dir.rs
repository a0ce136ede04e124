//! `JournalDir`: the files of the journal, appended to under a lock and read without one.

mod append;
mod read;

use std::io;
use std::path::PathBuf;

use devlog_core::journal::EVENTS_DIR;

pub use append::SetAside;
pub use read::{DayFile, Selection, Skipped};

use crate::root::Root;

/// `events/` of a root, whether or not it exists.
#[derive(Debug, Clone)]
pub struct JournalDir {
    folder: PathBuf,
}

/// A file of the journal that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The event is not in the file, and the file is as it was.
    #[error("cannot write {}", file.display())]
    Write {
        /// Which file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What the file holds is not known.
    #[error("cannot read {}", file.display())]
    Read {
        /// Which file or folder.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl JournalDir {
    /// The journal of a root.
    pub fn of(root: &Root) -> Self {
        Self { folder: root.path().join(EVENTS_DIR) }
    }
}

#[cfg(test)]
mod tests;
