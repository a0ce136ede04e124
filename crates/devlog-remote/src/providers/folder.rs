//! A folder as a remote: a disk, a network share. Versions from the file's identity and times; create by hard link, replace
//! and delete under a lock file.

mod disk;

use std::cmp::Ordering::{Equal, Greater, Less};
use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use devlog_core::files::Version;
use devlog_core::ports::{
    Body, BodyError, Fetched, ObjectKey, Precondition, RemoteError, RemoteObject, RemoteStorage,
};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};

use crate::factory::Limits;
use crate::throttle::Throttle;
use disk::{Disk, Opened};

/// Pieces in which large files travel.
const PIECE_BYTES: usize = 1 << 20;

/// A folder remote.
#[derive(Debug)]
pub(crate) struct Folder {
    disk: Arc<Disk>,
    throttle: Arc<Throttle>,
    requests: AtomicU64,
}

impl Folder {
    pub(crate) fn new(path: &str, limits: &Limits) -> Self {
        Self {
            disk: Arc::new(Disk::new(PathBuf::from(path))),
            throttle: Arc::new(limits.throttle()),
            requests: AtomicU64::new(0),
        }
    }

    /// One operation, on a thread that may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Disk) -> Result<T, RemoteError> + Send + 'static,
    ) -> Result<T, RemoteError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let disk = Arc::clone(&self.disk);
        blocking(move || work(&disk)).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RemoteError> + Send + 'static,
) -> Result<T, RemoteError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(RemoteError::Other { message: "a disk operation broke off".into(), source: Some(error.into()) })
    })
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file://{}", self.disk.root().display())
    }
}

#[async_trait]
impl RemoteStorage for Folder {
    fn list(&self, prefix: &str) -> BoxStream<'_, Result<RemoteObject, RemoteError>> {
        let prefix = prefix.to_owned();
        let listing = async move { self.blocking(move |disk| disk.list(&prefix)).await };
        stream::once(listing)
            .map_ok(|objects| stream::iter(objects.into_iter().map(Ok)))
            .try_flatten()
            .boxed()
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<RemoteObject>, RemoteError> {
        let key = key.clone();
        self.blocking(move |disk| match disk.open(&key) {
            Ok(opened) => Ok(Some(opened.object)),
            Err(RemoteError::NotFound) => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    async fn get(&self, key: &ObjectKey, expect: Option<&Version>) -> Result<Fetched, RemoteError> {
        let (key, expect) = (key.clone(), expect.cloned());
        let (object, body) = self
            .blocking(move |disk| {
                let mut opened = disk.open(&key)?;
                if expect.is_some_and(|expected| expected != opened.object.version) {
                    return Err(RemoteError::PreconditionFailed);
                }
                let object = opened.object.clone();
                if object.size > PIECE_BYTES as u64 {
                    return Ok((object, Err(opened)));
                }
                let mut bytes = Vec::with_capacity(usize::try_from(object.size).unwrap_or(0));
                opened.file.read_to_end(&mut bytes).map_err(disk::failed)?;
                opened.check_unchanged().map_err(|_| RemoteError::PreconditionFailed)?;
                Ok((object, Ok(Bytes::from(bytes))))
            })
            .await?;
        let body = match body {
            Ok(bytes) => {
                self.throttle.pass(bytes.len()).await;
                Body::Bytes(bytes)
            }
            Err(opened) => {
                Body::Stream { len: object.size, stream: read_in_pieces(opened, Arc::clone(&self.throttle)) }
            }
        };
        Ok(Fetched { object, body })
    }

    async fn put(&self, key: &ObjectKey, body: Body, when: Precondition) -> Result<Version, RemoteError> {
        let key = key.clone();
        match body {
            Body::Bytes(bytes) => {
                self.throttle.pass(bytes.len()).await;
                self.blocking(move |disk| {
                    let mut staged = disk.stage()?;
                    std::io::Write::write_all(&mut staged, &bytes).map_err(disk::failed)?;
                    disk.publish(&key, staged, &when)
                })
                .await
            }
            Body::Stream { len, mut stream } => {
                let mut staged = self.blocking(Disk::stage).await?;
                let mut written = 0;
                while let Some(piece) = stream.try_next().await.map_err(RemoteError::Body)? {
                    written += piece.len() as u64;
                    self.throttle.pass(piece.len()).await;
                    staged = blocking(move || {
                        std::io::Write::write_all(&mut staged, &piece).map_err(disk::failed)?;
                        Ok(staged)
                    })
                    .await?;
                }
                match written.cmp(&len) {
                    Less => return Err(RemoteError::Body(BodyError::Truncated)),
                    Greater => return Err(RemoteError::Body(BodyError::Changed)),
                    Equal => {}
                }
                let disk = Arc::clone(&self.disk);
                blocking(move || disk.publish(&key, staged, &when)).await
            }
        }
    }

    async fn copy(&self, from: &ObjectKey, expect: &Version, to: &ObjectKey) -> Result<(), RemoteError> {
        let (from, expect, to) = (from.clone(), expect.clone(), to.clone());
        self.blocking(move |disk| disk.copy(&from, &expect, &to)).await
    }

    async fn delete(&self, key: &ObjectKey, when: &Version) -> Result<(), RemoteError> {
        let (key, when) = (key.clone(), when.clone());
        self.blocking(move |disk| disk.delete(&key, &when)).await
    }

    fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

/// The file's pieces; the last answer is an error where the file was changed meanwhile.
fn read_in_pieces(opened: Opened, throttle: Arc<Throttle>) -> BoxStream<'static, Result<Bytes, BodyError>> {
    let broken = |error: RemoteError| BodyError::Broken(error.into());
    stream::try_unfold((opened, throttle), move |(opened, throttle)| async move {
        let read = blocking(move || {
            let mut opened = opened;
            let mut piece = vec![0; PIECE_BYTES];
            let count = opened.file.read(&mut piece).map_err(disk::failed)?;
            piece.truncate(count);
            if count == 0 {
                opened.check_unchanged()?;
            }
            Ok((opened, piece))
        });
        let (opened, piece) = read.await.map_err(broken)?;
        throttle.pass(piece.len()).await;
        Ok((!piece.is_empty()).then(|| (Bytes::from(piece), (opened, throttle))))
    })
    .boxed()
}
