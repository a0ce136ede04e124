//! Finds out whether a remote honours conditional writes, before anything is entrusted to it.

use bytes::Bytes;

use crate::files::Version;
use crate::ports::{Clock, ObjectKey, Precondition, RemoteError, RemoteStorage, ReservedKey};

/// What is wrong with a remote's conditional writes.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// A write that had to be refused was carried out: two devices would overwrite each other unseen.
    #[error("the server ignores conditional writes ({0}), so two devices could overwrite each other unseen")]
    Ignored(&'static str),
    /// The server does not know conditional writes at all.
    #[error("the server rejects conditional writes")]
    Rejected(#[source] RemoteError),
    /// The probe could not be made.
    #[error(transparent)]
    Remote(RemoteError),
}

/// Writes, replaces and deletes one throw-away object, each once as it must fail and once as it must succeed.
pub async fn probe(remote: &dyn RemoteStorage, clock: &dyn Clock) -> Result<(), ProbeError> {
    let key = ObjectKey::from(ReservedKey::Probe(clock.ulid().to_string()));
    let body = || Bytes::from_static(b"devlog tries conditional writes").into();
    let created = remote.put(&key, body(), Precondition::Absent).await.map_err(rejected)?;
    let verdict = refuses_what_it_must(remote, &key, body).await;
    let removed = match remote.delete(&key, &created).await {
        // Where the server ignored a precondition, the object is no longer the one that was created.
        Err(RemoteError::PreconditionFailed | RemoteError::NotFound) if verdict.is_err() => {
            remove_leftover(remote, &key).await
        }
        other => other,
    };
    verdict?;
    removed.map_err(ProbeError::Remote)
}

async fn refuses_what_it_must(
    remote: &dyn RemoteStorage,
    key: &ObjectKey,
    body: impl Fn() -> crate::ports::Body,
) -> Result<(), ProbeError> {
    match remote.put(key, body(), Precondition::Absent).await {
        Err(RemoteError::PreconditionFailed) => {}
        Ok(_) => return Err(ProbeError::Ignored("it created an object that exists")),
        Err(error) => return Err(rejected(error)),
    }
    let stale = Version::new("\"00000000000000000000000000000000\"");
    match remote.put(key, body(), Precondition::Matches(stale)).await {
        Err(RemoteError::PreconditionFailed) => Ok(()),
        Ok(_) => Err(ProbeError::Ignored("it replaced an object in another state than expected")),
        Err(error) => Err(rejected(error)),
    }
}

async fn remove_leftover(remote: &dyn RemoteStorage, key: &ObjectKey) -> Result<(), RemoteError> {
    match remote.head(key).await? {
        Some(object) => remote.delete(key, &object.version).await,
        None => Ok(()),
    }
}

fn rejected(error: RemoteError) -> ProbeError {
    match error {
        RemoteError::Other { .. } => ProbeError::Rejected(error),
        other => ProbeError::Remote(other),
    }
}
