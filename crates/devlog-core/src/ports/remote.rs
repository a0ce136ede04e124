//! `RemoteStorage`: what devlog asks of a bucket, whoever runs it.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};

use crate::files::{CommitNumber, ContentHash, Version};
use crate::path::{RESERVED_DIR, RelPath};

/// The name of an object below the remote's prefix. Made only from a [`RelPath`] or a [`ReservedKey`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(String);

/// The objects under `.devlog/` that devlog writes for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReservedKey {
    /// The remote's identity.
    Identity,
    /// One commit of the chain.
    Commit(CommitNumber),
    /// The whole tree as of one commit.
    Snapshot(CommitNumber),
    /// Bytes that a commit replaced or deleted.
    History(ContentHash),
    /// A throw-away object with which conditional writes are tried.
    Probe(String),
}

impl ObjectKey {
    /// The key as the provider sees it, without the remote's prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&RelPath> for ObjectKey {
    fn from(path: &RelPath) -> Self {
        Self(path.as_str().to_owned())
    }
}

impl From<ReservedKey> for ObjectKey {
    fn from(key: ReservedKey) -> Self {
        Self(match key {
            ReservedKey::Identity => format!("{RESERVED_DIR}/remote.json"),
            ReservedKey::Commit(number) => format!("{RESERVED_DIR}/commits/{:016}.json", number.0),
            ReservedKey::Snapshot(number) => format!("{RESERVED_DIR}/snapshots/{:016}", number.0),
            ReservedKey::History(hash) => format!("{RESERVED_DIR}/history/{hash}"),
            ReservedKey::Probe(name) => format!("{RESERVED_DIR}/probe/{name}"),
        })
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// An object as a listing or a HEAD tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteObject {
    /// Below the remote's prefix, exactly as stored. Somebody else may have chosen it: it need not be a [`RelPath`].
    pub key: String,
    /// In bytes.
    pub size: u64,
    /// Which state of the object this is.
    pub version: Version,
    /// When the provider stored it.
    pub modified: DateTime<Utc>,
}

/// What must be true of an object for a write to happen. There is no unconditional write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// No object has this key.
    Absent,
    /// The object is in exactly this state.
    Matches(Version),
}

/// Why a body ended before its last byte.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The local file changed while it was read; what was sent so far must not be published.
    #[error("the file changed while it was read")]
    Changed,
    /// The local file became shorter while it was read.
    #[error("the file became shorter while it was read")]
    Truncated,
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] std::io::Error),
    /// The network ended a download early.
    #[error("the download broke off")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Content on its way: its length is known, its bytes may still be to come.
///
/// A provider publishes a streamed body only after the stream has *ended*: an error in the last place, after all
/// bytes, means "do not publish".
pub enum Body {
    /// All in memory.
    Bytes(Bytes),
    /// `len` bytes in pieces of any size.
    Stream {
        /// How many bytes the stream carries.
        len: u64,
        /// The bytes in order.
        stream: BoxStream<'static, Result<Bytes, BodyError>>,
    },
}

impl Body {
    /// In bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Stream { len, .. } => *len,
        }
    }

    /// Whether there is no content.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The content as a stream, whichever form it has.
    pub fn into_stream(self) -> BoxStream<'static, Result<Bytes, BodyError>> {
        match self {
            Self::Bytes(bytes) => futures_util::stream::iter([Ok(bytes)]).boxed(),
            Self::Stream { stream, .. } => stream,
        }
    }

    /// Reads everything into memory; fails where there is more than `limit` bytes, whatever the stated length.
    pub async fn collect(self, limit: u64) -> Result<Bytes, BodyError> {
        let too_large =
            || BodyError::Read(std::io::Error::other(format!("more than {limit} bytes where fewer belong")));
        if self.len() > limit {
            return Err(too_large());
        }
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Stream { len, mut stream } => {
                let mut all = BytesMut::with_capacity(usize::try_from(len).unwrap_or(0));
                while let Some(piece) = stream.try_next().await? {
                    if (all.len() + piece.len()) as u64 > limit {
                        return Err(too_large());
                    }
                    all.extend_from_slice(&piece);
                }
                if (all.len() as u64) < len {
                    return Err(BodyError::Truncated);
                }
                Ok(all.freeze())
            }
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.len())
    }
}

/// A download that has begun.
#[derive(Debug)]
pub struct Fetched {
    /// The object as it was when the download began.
    pub object: RemoteObject,
    /// Its content; a stream fails if the object is replaced under it.
    pub body: Body,
}

/// What went wrong, sorted by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// No such object: treat as absent.
    #[error("no such object")]
    NotFound,
    /// Somebody was faster, or the object is not what we thought: plan again.
    #[error("the object is not in the expected state")]
    PreconditionFailed,
    /// Credentials or permission: stop at once, tell the person. The text names what was refused, never a secret.
    #[error("access denied: {0}")]
    Denied(String),
    /// The remote cannot be reached: queue the request.
    #[error("the remote cannot be reached")]
    Offline(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Still too many requests after all retries: try later.
    #[error("the remote asks to slow down")]
    Throttled {
        /// What the server asked for, where it did.
        retry_after: Option<Duration>,
    },
    /// Bytes arrived damaged, or were stored damaged.
    #[error("the content was damaged on its way: {0}")]
    Corrupt(String),
    /// The bucket or container itself does not exist, or the remote is set up in a way that cannot work.
    #[error("{0}")]
    Unusable(String),
    /// The body that was to be sent could not be read to its end; nothing was published.
    #[error("the content could not be read")]
    Body(#[source] BodyError),
    /// Anything else: report it.
    #[error("{message}")]
    Other {
        /// What the provider said.
        message: String,
        /// Its error.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

/// A bucket, container or folder, already narrowed to the remote's prefix.
///
/// Implementations retry transient failures themselves, with a deadline, and count every request they send.
/// `Display` is the remote's URL without secrets.
#[async_trait]
pub trait RemoteStorage: fmt::Display + fmt::Debug + Send + Sync {
    /// Every object whose key starts with `prefix`, in no particular order. A page that cannot be read is an error,
    /// never the end. Marker objects (zero bytes, name ending in `/`) are left out.
    fn list(&self, prefix: &str) -> BoxStream<'_, Result<RemoteObject, RemoteError>>;

    /// The object, or `None` where there is none.
    async fn head(&self, key: &ObjectKey) -> Result<Option<RemoteObject>, RemoteError>;

    /// Begins a download; with `expect`, only of that state ([`RemoteError::PreconditionFailed`] otherwise).
    async fn get(&self, key: &ObjectKey, expect: Option<&Version>) -> Result<Fetched, RemoteError>;

    /// Stores `body` if `when` holds at that instant; the answer is the new state. All or nothing.
    async fn put(&self, key: &ObjectKey, body: Body, when: Precondition) -> Result<Version, RemoteError>;

    /// Copies on the server, if `from` is in the state `expect`. The target is overwritten: it is meant for keys
    /// that name their content.
    async fn copy(&self, from: &ObjectKey, expect: &Version, to: &ObjectKey) -> Result<(), RemoteError>;

    /// Deletes if `when` holds. An object that is not there is [`RemoteError::NotFound`].
    async fn delete(&self, key: &ObjectKey, when: &Version) -> Result<(), RemoteError>;

    /// Requests sent since this value was made, retries included.
    fn requests(&self) -> u64;

    /// Whether the person vouched that nobody else writes here, so that conditional writes need not be probed.
    fn single_writer(&self) -> bool {
        false
    }
}
