//! Sends one file, and records the hash of the bytes that were really sent.

use std::sync::{Arc, Mutex};

use futures_util::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};

use super::{Executor, Miss, Published, chain_of, miss};
use crate::files::{ContentHash, RemoteFile};
use crate::path::RelPath;
use crate::plan::{Action, Seen};
use crate::ports::{Body, BodyError, LocalError, ObjectKey, Precondition};
use crate::progress::{ProgressReporter, SMALL_BYTES, SyncEvent};

impl Executor<'_> {
    pub(super) async fn upload(
        &self,
        action: &Action,
        planned: ContentHash,
        replaces: Option<&Seen>,
    ) -> Result<Published, Miss> {
        let content = self.local.read(&action.path, SMALL_BYTES).await.map_err(local_miss)?;
        let size = content.body.len();
        let (body, hash) = Hashed::wrap(content.body, &action.path, &self.reporter);
        let key = ObjectKey::from(&action.path);
        let when = match replaces {
            Some(seen) => {
                // A file that was edited back since the scan needs no new object; the next plan sees that.
                if hash.known() == Some(seen.hash) && planned != seen.hash {
                    return Err(Miss::LocalMoved);
                }
                self.keep_history(&key, seen).await?;
                Precondition::Matches(seen.version.clone())
            }
            None => Precondition::Absent,
        };
        let version = self.remote.put(&key, body, when).await.map_err(miss)?;
        let hash =
            hash.known().ok_or_else(|| Miss::Failed("the provider did not read the whole file".into()))?;
        let file = RemoteFile { hash, size, mtime: content.mtime, version, commit: None };
        Ok(Published {
            step: action.step.clone(),
            path: action.path.clone(),
            file: Some(file),
            replaced: replaces.cloned(),
        })
    }
}

/// The hash of a body, known once its last byte has passed.
#[derive(Clone, Default)]
struct Hashed(Arc<Mutex<Option<ContentHash>>>);

impl Hashed {
    fn known(&self) -> Option<ContentHash> {
        self.0.lock().ok().and_then(|hash| *hash)
    }

    fn set(&self, digest: Sha256) {
        if let Ok(mut hash) = self.0.lock() {
            *hash = Some(ContentHash::from_digest(digest));
        }
    }

    fn wrap(body: Body, path: &RelPath, reporter: &Arc<dyn ProgressReporter>) -> (Body, Self) {
        let hashed = Self::default();
        let body = match body {
            Body::Bytes(bytes) => {
                hashed.set(Sha256::new_with_prefix(&bytes));
                Body::Bytes(bytes)
            }
            Body::Stream { len, stream } => {
                let (told, path, reporter) = (hashed.clone(), path.clone(), Arc::clone(reporter));
                let mut digest = Some(Sha256::new());
                let pieces = stream.inspect_ok(move |piece| {
                    reporter.report(&SyncEvent::Transferred { path: &path, bytes: piece.len() as u64 });
                });
                let hashing =
                    pieces.map(Some).chain(futures_util::stream::iter([None])).filter_map(move |next| {
                        match (&next, digest.as_mut()) {
                            (Some(Ok(piece)), Some(digest)) => digest.update(piece),
                            (Some(Err(_)), _) => digest = None,
                            (None, _) => digest.take().into_iter().for_each(|digest| told.set(digest)),
                            (Some(Ok(_)), None) => {}
                        }
                        std::future::ready(next)
                    });
                Body::Stream { len, stream: hashing.boxed() }
            }
        };
        (body, hashed)
    }
}

fn local_miss(error: LocalError) -> Miss {
    match error {
        LocalError::Vanished => Miss::Vanished,
        LocalError::Changed => Miss::LocalMoved,
        LocalError::Truncated | LocalError::NoRoot(_) | LocalError::Full | LocalError::Io(_) => {
            Miss::Failed(chain_of(&error))
        }
    }
}

pub(super) fn body_miss(error: BodyError) -> Miss {
    match error {
        BodyError::Changed => Miss::LocalMoved,
        BodyError::Truncated | BodyError::Read(_) | BodyError::Broken(_) => Miss::Failed(chain_of(&error)),
    }
}
