//! `LocalTree`: what devlog asks of the person's disk.

use std::collections::HashMap;
use std::fmt;

use async_trait::async_trait;

use crate::files::{ContentHash, FileTime, LocalFiles};
use crate::path::RelPath;
use crate::ports::remote::Body;

/// What the system tells of a file without reading it; equal stats of a settled file mean equal content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStat {
    /// In bytes.
    pub size: u64,
    /// Modification time.
    pub mtime: FileTime,
    /// Change time of the inode, nanoseconds since 1970: catches edits that put the modification time back.
    pub ctime: i64,
    /// Inode number: catches a file that was replaced.
    pub inode: u64,
}

/// A content hash, and the stat under which it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatRecord {
    /// The stat just before and just after the content was read.
    pub stat: FileStat,
    /// Of the content.
    pub hash: ContentHash,
    /// When it was read, nanoseconds since 1970. Trusted only if this is more than two seconds after `stat.mtime` and
    /// `stat.ctime`: within that time a second edit may leave the stat unchanged (the racy-time rule, known from git).
    pub recorded: i64,
}

/// What earlier scans learned, by path.
pub type StatRecords = HashMap<RelPath, StatRecord>;

/// How far a scan trusts [`StatRecords`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanDepth {
    /// A file whose stat is as recorded is not read again.
    TrustStats,
    /// Every file is read.
    HashAll,
}

/// Something a scan met and does not sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanNote {
    /// As the disk names it; control and non-UTF-8 bytes are shown escaped.
    pub name: String,
    /// Why it is left out.
    pub kind: ScanNoteKind,
}

/// Why a scan left something out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScanNoteKind {
    /// A symbolic link: not followed.
    Symlink,
    /// A socket, pipe or device.
    Special,
    /// A name that cannot be synced: not UTF-8, or refused by [`RelPath`]; the text says why. Makes a run partial.
    Name(String),
    /// A second name that is the same in Unicode NFC as one already seen. Makes a run partial.
    Twin,
}

/// The outcome of a scan.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    /// The tree L.
    pub local: LocalFiles,
    /// Links, sockets, unusable names: noted, not synced.
    pub notes: Vec<ScanNote>,
    /// Records that are new or differ from those handed in, to be saved.
    pub learned: Vec<(RelPath, StatRecord)>,
    /// Paths whose records are of no use any more.
    pub forgotten: Vec<RelPath>,
    /// Bytes that had to be read and hashed.
    pub bytes_hashed: u64,
}

/// Content to be sent: always a state that the file really had.
#[derive(Debug)]
pub struct LocalContent {
    /// The file's modification time when reading began.
    pub mtime: FileTime,
    /// The content. A small file comes as bytes; a stream ends with [`crate::ports::BodyError::Changed`] where the file
    /// was edited in place while it was read.
    pub body: Body,
}

/// What went wrong on the disk.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The file was there when the tree was scanned, and is gone.
    #[error("the file is gone")]
    Vanished,
    /// It keeps changing while it is read; a later run carries it.
    #[error("the file changed while it was read")]
    Changed,
    /// It became shorter while it was read.
    #[error("the file became shorter while it was read")]
    Truncated,
    /// The root folder itself is not there.
    #[error("the folder `{0}` does not exist")]
    NoRoot(String),
    /// The disk is full.
    #[error("no space left on the disk")]
    Full,
    /// Anything else the system said.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The person's folder.
#[async_trait]
pub trait LocalTree: fmt::Debug + Send + Sync {
    /// The root folder as the person names it.
    fn root(&self) -> String;

    /// Walks the root. Files that an ignore rule covers are left out.
    async fn scan(&self, known: StatRecords, depth: ScanDepth) -> Result<Scan, LocalError>;

    /// Whether an ignore rule covers the path, so that its absence from a scan says nothing.
    fn is_excluded(&self, path: &RelPath) -> bool;

    /// Reads a file for sending. Up to `inline_limit` bytes come as [`Body::Bytes`], more as a stream.
    async fn read(&self, path: &RelPath, inline_limit: u64) -> Result<LocalContent, LocalError>;
}
