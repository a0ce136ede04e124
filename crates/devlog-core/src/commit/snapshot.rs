//! Snapshots: the whole tree as of one commit, so that a new device need not read every commit.

use std::collections::BTreeMap;
use std::io::Read;

use serde::{Deserialize, Serialize};

use super::format::{CommitError, Content, Preamble};
use crate::files::{CommitNumber, RemoteFile};
use crate::path::RelPath;
use crate::ports::Head;

/// The largest snapshot that is unpacked: about four million files. A bomb stops here.
const MAX_UNPACKED_BYTES: u64 = 1 << 30;

/// The largest snapshot that is fetched.
pub(crate) const MAX_SNAPSHOT_BYTES: u64 = 256 << 20;

/// The whole tree as of `head`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The commit it stands for.
    pub head: Head,
    /// Every file.
    pub files: BTreeMap<RelPath, RemoteFile>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(flatten)]
    preamble: Preamble,
    number: CommitNumber,
    commit_sha256: crate::files::ContentHash,
    files: Vec<StoredFile>,
}

#[derive(Serialize, Deserialize)]
struct StoredFile {
    path: RelPath,
    #[serde(flatten)]
    content: Content,
    commit: CommitNumber,
}

impl Snapshot {
    /// As stored: JSON, packed with zstd. Objects that the chain does not know are left out.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CommitError> {
        let files = self
            .files
            .iter()
            .filter_map(|(path, file)| {
                let commit = file.commit?;
                Some(StoredFile { path: path.clone(), content: file.into(), commit })
            })
            .collect();
        let stored = Stored {
            preamble: Preamble::current(),
            number: self.head.number,
            commit_sha256: self.head.hash,
            files,
        };
        let json = serde_json::to_vec(&stored).map_err(CommitError::Malformed)?;
        zstd::encode_all(json.as_slice(), 3).map_err(CommitError::Packed)
    }

    /// From what is stored.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CommitError> {
        let mut json = Vec::new();
        let mut unpacked =
            zstd::Decoder::new(bytes).map_err(CommitError::Packed)?.take(MAX_UNPACKED_BYTES + 1);
        unpacked.read_to_end(&mut json).map_err(CommitError::Packed)?;
        if json.len() as u64 > MAX_UNPACKED_BYTES {
            return Err(CommitError::TooLarge(MAX_UNPACKED_BYTES));
        }
        Preamble::check(&json)?;
        let stored: Stored = serde_json::from_slice(&json).map_err(CommitError::Malformed)?;
        let files = stored
            .files
            .into_iter()
            .map(|StoredFile { path, content, commit }| {
                let Content { sha256: hash, size, mtime, version } = content;
                (path, RemoteFile { hash, size, mtime, version, commit: Some(commit) })
            })
            .collect();
        Ok(Self { head: Head { number: stored.number, hash: stored.commit_sha256 }, files })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{ContentHash, FileTime, Version};

    fn snapshot() -> Snapshot {
        let file = RemoteFile {
            hash: ContentHash::of(b"x"),
            size: 1,
            mtime: FileTime(-5),
            version: Version::new("v"),
            commit: Some(CommitNumber(3)),
        };
        Snapshot {
            head: Head { number: CommitNumber(64), hash: ContentHash::of(b"head") },
            files: [(RelPath::new("a/b").unwrap(), file)].into(),
        }
    }

    #[test]
    fn a_snapshot_reads_back_as_written() {
        let bytes = snapshot().to_bytes().unwrap();
        assert_eq!(Snapshot::from_bytes(&bytes).unwrap(), snapshot());
    }

    #[test]
    fn damaged_snapshots_are_errors() {
        let bytes = snapshot().to_bytes().unwrap();
        assert!(Snapshot::from_bytes(&bytes[..bytes.len() / 2]).is_err());
        assert!(Snapshot::from_bytes(b"plain text").is_err());
    }
}
