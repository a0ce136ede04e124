//! `LocalFile`, `RemoteFile`, `BaseFile`: one file as each of the three sides knows it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::path::RelPath;

/// SHA-256 of a file's content: the one thing by which changes are judged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContentHash([u8; 32]);

/// A text that is not 64 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a SHA-256 in hex")]
pub struct HashError(String);

impl ContentHash {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The hash that a finished digest holds.
    pub fn from_digest(digest: Sha256) -> Self {
        Self(digest.finalize().into())
    }

    /// The 32 raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From 32 raw bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The first eight hex digits, for names that people read.
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for ContentHash {
    type Err = HashError;
    fn from_str(text: &str) -> Result<Self, HashError> {
        let bad = || HashError(text.chars().take(80).collect());
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(bad());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let nibble = |digit: u8| match digit {
                b'0'..=b'9' => Ok(digit - b'0'),
                b'a'..=b'f' => Ok(digit - b'a' + 10),
                _ => Err(bad()),
            };
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for ContentHash {
    type Error = HashError;
    fn try_from(text: String) -> Result<Self, HashError> {
        text.parse()
    }
}

impl From<ContentHash> for String {
    fn from(hash: ContentHash) -> Self {
        hash.to_string()
    }
}

/// What a provider calls one state of one object: an ETag, a generation. Opaque, compared for equality alone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(Arc<str>);

impl Version {
    /// Takes the provider's word as it is.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The provider's word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// A commit's place in the chain; the first commit is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommitNumber(pub u64);

impl CommitNumber {
    /// The number that the next commit takes.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for CommitNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// When a file was last modified, in nanoseconds since 1970. A hint and a courtesy, never a judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileTime(pub i64);

impl FileTime {
    /// As a calendar time in UTC.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_nanos(self.0)
    }
}

/// A file on this disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalFile {
    /// Of the content as read, or as recorded for an unchanged file.
    pub hash: ContentHash,
    /// In bytes.
    pub size: u64,
    /// As the disk tells it.
    pub mtime: FileTime,
}

/// A file as the remote has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFile {
    /// Of the content.
    pub hash: ContentHash,
    /// In bytes.
    pub size: u64,
    /// The modification time on the device that wrote it.
    pub mtime: FileTime,
    /// The object's version, which a replacement must name.
    pub version: Version,
    /// The commit that last wrote the path; `None` for an object seen in the bucket that the chain does not know.
    pub commit: Option<CommitNumber>,
}

/// What both sides last agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseFile {
    /// Of the content.
    pub hash: ContentHash,
    /// In bytes.
    pub size: u64,
    /// The modification time on the device that wrote it.
    pub mtime: FileTime,
    /// The object's version.
    pub version: Version,
    /// The commit that last wrote the path.
    pub commit: CommitNumber,
    /// It was deleted on this disk while deletions were not passed on: known, wanted, and not to be pulled again.
    pub deleted_here: bool,
}

impl BaseFile {
    /// The row that records `file` as agreed, written by `commit`.
    pub fn agreed(file: &RemoteFile, commit: CommitNumber) -> Self {
        Self {
            hash: file.hash,
            size: file.size,
            mtime: file.mtime,
            version: file.version.clone(),
            commit,
            deleted_here: false,
        }
    }

    /// The file that the remote held when both sides agreed.
    pub fn as_remote(&self) -> RemoteFile {
        RemoteFile {
            hash: self.hash,
            size: self.size,
            mtime: self.mtime,
            version: self.version.clone(),
            commit: Some(self.commit),
        }
    }
}

/// Why nothing can be said about a path. Whatever the reason, it is never a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unknown {
    /// It could not be read; the text is the system's reason.
    Unreadable(String),
    /// It was there when the run began and went since: the next run decides.
    Vanished,
    /// An ignore rule covers it.
    Excluded,
    /// The chain names the object, as of this commit, and the bucket lacks it.
    Missing(Option<CommitNumber>),
    /// The object's bytes are not what its hash says, at the recorded version.
    Corrupt,
}

/// One side's paths of which nothing can be said. A folder stands for everything below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnknownPaths(BTreeMap<RelPath, Unknown>);

impl UnknownPaths {
    /// Records a path, or a folder with all that is below it.
    pub fn insert(&mut self, path: RelPath, why: Unknown) {
        self.0.insert(path, why);
    }

    /// Why `path` is unknown: by itself, or through a folder above it.
    pub fn get(&self, path: &RelPath) -> Option<&Unknown> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(path).or_else(|| path.ancestors().find_map(|folder| self.0.get(&folder)))
    }

    /// Why `path` itself is unknown, whatever is said of the folders above it. An object has no folders above it.
    pub fn exactly(&self, path: &RelPath) -> Option<&Unknown> {
        self.0.get(path)
    }

    /// What is recorded of the folders above `path`, and of all that lies below it.
    pub fn above_and_below<'a>(&'a self, path: &'a RelPath) -> impl Iterator<Item = &'a RelPath> {
        let above = path.ancestors().filter_map(|folder| self.0.get_key_value(&folder).map(|(name, _)| name));
        above.chain(path.below(&self.0).map(|(name, _)| name))
    }

    /// Everything recorded, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&RelPath, &Unknown)> {
        self.0.iter()
    }
}

/// The tree L: what is on this disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalFiles {
    /// Every regular file that could be read.
    pub files: BTreeMap<RelPath, LocalFile>,
    /// What could not.
    pub unknown: UnknownPaths,
}

/// The tree R: what the remote's latest commit says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoteFiles {
    /// Every file of the chain, and objects that were seen outside it.
    pub files: BTreeMap<RelPath, RemoteFile>,
    /// Objects of which nothing can be said.
    pub unknown: UnknownPaths,
}

/// The tree B: what both sides last agreed on.
pub type BaseFiles = BTreeMap<RelPath, BaseFile>;
