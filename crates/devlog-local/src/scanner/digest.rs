//! Reads one file for a scan: its hash, and the stat under which that hash may be remembered.

use std::io::{self, Read};
use std::path::Path;

use devlog_core::files::{ContentHash, LocalFile};
use devlog_core::ports::{FileStat, LocalError};
use sha2::{Digest, Sha256};

use crate::root::{Access, Root};
use crate::{sqlite_snapshot, stat};

const PIECE: usize = 256 * 1024;

/// The outcome for one file.
#[derive(Debug)]
pub(super) enum Digested {
    Read {
        file: LocalFile,
        /// `None` where the file changed meanwhile: it is read again next time.
        stat: Option<FileStat>,
    },
    /// Gone since the walk, or a regular file no more.
    Gone,
    /// With the system's reason.
    Unreadable(String),
}

/// Reads files, one after the other, into one buffer.
pub(super) struct Reader<'a> {
    root: &'a Root,
    access: Access,
    buffer: Vec<u8>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(root: &'a Root, access: Access) -> Self {
        Self { root, access, buffer: vec![0; PIECE] }
    }

    pub(super) fn digest(&mut self, name: &Path) -> Digested {
        match self.read(name) {
            Ok(read) => read,
            Err(LocalError::Vanished) => Digested::Gone,
            // The reason as one text: what a snapshot failed of lies in the cause.
            Err(error) => Digested::Unreadable(error.to_string()),
        }
    }

    fn read(&mut self, name: &Path) -> Result<Digested, LocalError> {
        let file = self.root.open_file(name)?;
        if sqlite_snapshot::is_database(&file)? {
            drop(file);
            let mut copy = sqlite_snapshot::take(self.root, name, self.access)?;
            let (hash, size) = self.hash(&mut copy.file, copy.size)?;
            return Ok(Digested::Read { file: LocalFile { hash, size, mtime: copy.mtime }, stat: copy.stat });
        }
        let before = stat::of(&file.metadata()?);
        let (hash, size) = self.hash(&mut &file, before.size)?;
        let after = stat::of(&file.metadata()?);
        let file = LocalFile { hash, size, mtime: before.mtime };
        Ok(Digested::Read { file, stat: (before == after && size == before.size).then_some(before) })
    }

    /// Hashes at most `size` bytes, so that a file that grows all the time comes to an end.
    fn hash(&mut self, file: &mut impl Read, size: u64) -> io::Result<(ContentHash, u64)> {
        let mut digest = Sha256::new();
        let mut left = file.take(size);
        let mut total = 0;
        loop {
            let read = match left.read(&mut self.buffer) {
                Ok(0) => return Ok((ContentHash::from_digest(digest), total)),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            digest.update(&self.buffer[..read]);
            total += read as u64;
        }
    }
}
