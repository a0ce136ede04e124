//! The JSON of `remote.json` and of commits.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::FORMAT;
use crate::files::{CommitNumber, ContentHash, FileTime, RemoteFile, Version};
use crate::path::RelPath;
use crate::ports::{Head, RemoteId};

/// An object below `.devlog/` that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Not JSON of the expected shape.
    #[error("it is not in the expected form")]
    Malformed(#[source] serde_json::Error),
    /// Written by a newer devlog.
    #[error("it was written by a newer devlog (format {0}, this one knows {FORMAT})")]
    TooNew(u32),
    /// Encrypted, which this version does not read.
    #[error("it is encrypted with `{0}`, which this devlog does not know")]
    Encrypted(String),
    /// Its number or parent is not what the chain demands.
    #[error("it does not follow commit {0}: the chain is broken")]
    Broken(CommitNumber),
    /// Unpacked, it is larger than is sensible.
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    /// The snapshot's compression is damaged.
    #[error("it cannot be unpacked")]
    Packed(#[source] std::io::Error),
}

/// What every object below `.devlog/` begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Preamble {
    pub(super) format: u32,
    /// Place for an encryption suite; this version writes and reads none.
    #[serde(default)]
    pub(super) suite: Option<String>,
}

impl Preamble {
    pub(super) const fn current() -> Self {
        Self { format: FORMAT, suite: None }
    }

    /// Checked before anything else is parsed, so that a newer format gives a clear answer.
    pub(super) fn check(bytes: &[u8]) -> Result<(), CommitError> {
        let preamble: Self = serde_json::from_slice(bytes).map_err(CommitError::Malformed)?;
        match preamble {
            Self { format, .. } if format > FORMAT => Err(CommitError::TooNew(format)),
            Self { suite: Some(suite), .. } => Err(CommitError::Encrypted(suite.chars().take(40).collect())),
            Self { .. } => Ok(()),
        }
    }
}

/// `remote.json`: says which remote this is. Written once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    #[serde(flatten)]
    preamble: Preamble,
    /// Random, for ever.
    pub id: RemoteId,
    /// When it was written.
    pub created: DateTime<Utc>,
}

impl Identity {
    /// A new identity.
    pub const fn new(id: RemoteId, created: DateTime<Utc>) -> Self {
        Self { preamble: Preamble::current(), id, created }
    }

    /// As stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and times always serialise")
    }

    /// From what is stored.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CommitError> {
        Preamble::check(bytes)?;
        serde_json::from_slice(bytes).map_err(CommitError::Malformed)
    }
}

/// Commit n of the chain: what one device changed at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    #[serde(flatten)]
    preamble: Preamble,
    /// Its place in the chain.
    pub number: CommitNumber,
    /// Random: how a device knows its own commit again.
    pub id: String,
    /// SHA-256 of the bytes of commit n-1; `None` for the first.
    pub parent: Option<ContentHash>,
    /// The device that wrote it.
    pub device: String,
    /// When, by that device's clock.
    pub time: DateTime<Utc>,
    /// What it changed, each path once.
    pub changes: Vec<CommitChange>,
}

/// What a commit did to one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitChange {
    /// Which path.
    pub path: RelPath,
    /// What it holds since; `None` is a deletion.
    pub content: Option<Content>,
    /// The content it held before, found under `history/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<ContentHash>,
}

/// A path's content as of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Of the bytes.
    pub sha256: ContentHash,
    /// In bytes.
    pub size: u64,
    /// Modification time on the device that wrote it, nanoseconds since 1970.
    pub mtime: FileTime,
    /// The object's version.
    pub version: Version,
}

impl CommitChange {
    /// The remote's file as of this change, where it is not a deletion.
    pub fn file(&self, number: CommitNumber) -> Option<RemoteFile> {
        self.content.as_ref().map(|content| RemoteFile {
            hash: content.sha256,
            size: content.size,
            mtime: content.mtime,
            version: content.version.clone(),
            commit: Some(number),
        })
    }
}

impl From<&RemoteFile> for Content {
    fn from(file: &RemoteFile) -> Self {
        Self { sha256: file.hash, size: file.size, mtime: file.mtime, version: file.version.clone() }
    }
}

impl Commit {
    /// The commit that follows `head`.
    pub fn following(
        head: Option<Head>,
        id: String,
        device: String,
        time: DateTime<Utc>,
        changes: Vec<CommitChange>,
    ) -> Self {
        let number = head.map_or(CommitNumber(1), |head| head.number.next());
        let parent = head.map(|head| head.hash);
        Self { preamble: Preamble::current(), number, id, parent, device, time, changes }
    }

    /// As stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings, numbers and times always serialise")
    }

    /// Reads the commit that must follow `head`, and the head it makes.
    pub fn from_bytes(bytes: &[u8], head: Option<Head>) -> Result<(Self, Head), CommitError> {
        Preamble::check(bytes)?;
        let commit: Self = serde_json::from_slice(bytes).map_err(CommitError::Malformed)?;
        let expected = head.map_or(CommitNumber(1), |head| head.number.next());
        if commit.number != expected || commit.parent != head.map(|head| head.hash) {
            return Err(CommitError::Broken(CommitNumber(expected.0 - 1)));
        }
        Ok((commit, Head { number: expected, hash: ContentHash::of(bytes) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(head: Option<Head>) -> Commit {
        let change = CommitChange {
            path: RelPath::new("a.md").unwrap(),
            content: Some(Content {
                sha256: ContentHash::of(b"a"),
                size: 1,
                mtime: FileTime(7),
                version: Version::new("\"e\""),
            }),
            replaced: None,
        };
        Commit::following(head, "id".into(), "xps".into(), DateTime::UNIX_EPOCH, vec![change])
    }

    #[test]
    fn a_chain_reads_back_as_written() {
        let first = commit(None);
        let (read, head) = Commit::from_bytes(&first.to_bytes(), None).unwrap();
        assert_eq!(read, first);
        let second = commit(Some(head));
        assert_eq!(second.number, CommitNumber(2));
        assert_eq!(Commit::from_bytes(&second.to_bytes(), Some(head)).unwrap().0, second);
    }

    #[test]
    fn the_stored_form_is_the_documented_one() {
        let text = String::from_utf8(commit(None).to_bytes()).unwrap();
        assert_eq!(
            text,
            r#"{"format":1,"suite":null,"number":1,"id":"id","parent":null,"device":"xps","time":"1970-01-01T00:00:00Z","changes":[{"path":"a.md","content":{"sha256":"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb","size":1,"mtime":7,"version":"\"e\""}}]}"#
        );
    }

    #[test]
    fn an_altered_parent_breaks_the_chain() {
        let (_, head) = Commit::from_bytes(&commit(None).to_bytes(), None).unwrap();
        let other = Head { hash: ContentHash::of(b"altered"), ..head };
        let second = commit(Some(head)).to_bytes();
        assert!(matches!(
            Commit::from_bytes(&second, Some(other)),
            Err(CommitError::Broken(CommitNumber(1)))
        ));
    }

    #[test]
    fn newer_encrypted_and_hostile_commits_are_refused() {
        let newer = br#"{"format":2,"anything":[]}"#;
        assert!(matches!(Commit::from_bytes(newer, None), Err(CommitError::TooNew(2))));
        let encrypted = br#"{"format":1,"suite":"age"}"#;
        assert!(matches!(Commit::from_bytes(encrypted, None), Err(CommitError::Encrypted(_))));
        let text = String::from_utf8(commit(None).to_bytes()).unwrap();
        for path in ["../x", "/etc/x", ".devlog/state.db", "a\\\\b"] {
            let hostile = text.replace("a.md", path);
            assert!(
                matches!(Commit::from_bytes(hostile.as_bytes(), None), Err(CommitError::Malformed(_))),
                "{path}"
            );
        }
    }
}
