//! Reads the commit chain up to its end, and keeps what is known in step with it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt;

use super::error::SyncFailure;
use crate::commit::{self, Commit, CommitError, Identity, MAX_COMMIT_BYTES, Snapshot};
use crate::files::{CommitNumber, ContentHash};
use crate::path::RelPath;
use crate::ports::{
    BodyError, Intent, Known, ObjectKey, RemoteError, RemoteId, RemoteStorage, ReservedKey, StateChange,
    StateError, StateStore,
};

/// `remote.json` is some 120 bytes.
const MAX_IDENTITY_BYTES: u64 = 64 << 10;

/// The remote's history as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// Whose history it is; `None` for a remote that nobody has pushed to.
    pub(super) id: Option<RemoteId>,
    /// What is remembered, up to date with all that was read.
    pub(super) known: Known,
    /// What this device sent, or was about to send, and knows of no commit for. An object outside the chain that holds
    /// just that is its own: a run died between an upload and its commit.
    pub(super) attempted: BTreeMap<RelPath, BTreeSet<ContentHash>>,
    /// What of it the state store does not have yet.
    unsaved: Vec<StateChange>,
}

/// What came since the chain was last read.
#[derive(Debug, Default)]
pub(super) struct News {
    /// The ids of the commits.
    pub(super) commits: Vec<String>,
    /// The paths they changed.
    pub(super) paths: Vec<RelPath>,
}

impl Chain {
    /// Loads what is remembered of the remote and reads what came since. Writes nothing.
    ///
    /// A remote that was seen before costs one request when nothing came since.
    pub(super) async fn read(
        remote: &dyn RemoteStorage,
        state: &dyn StateStore,
    ) -> Result<Self, SyncFailure> {
        let id = match state.identity(&remote.to_string())? {
            Some(id) => Some(id),
            None => read_identity(remote).await?,
        };
        let Some(id) = id else { return Ok(Self::default()) };
        let known = state.load(&id)?;
        let mut attempted: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (path, hash) in known.intent.iter().flat_map(Intent::contents) {
            attempted.entry(path).or_default().insert(hash);
        }
        let mut chain = Self { id: Some(id), known, attempted, unsaved: Vec::new() };
        if chain.known.head.is_none() {
            chain.start_from_snapshot(remote).await?;
        }
        chain.follow(remote).await?;
        Ok(chain)
    }

    /// Reads the commits that came since.
    pub(super) async fn follow(&mut self, remote: &dyn RemoteStorage) -> Result<News, SyncFailure> {
        let mut news = News::default();
        loop {
            let next = self.known.head.map_or(CommitNumber(1), |head| head.number.next());
            let Some(bytes) = fetch(remote, ReservedKey::Commit(next), MAX_COMMIT_BYTES).await? else {
                return Ok(news);
            };
            let (commit, head) =
                Commit::from_bytes(&bytes, self.known.head).map_err(broken(ReservedKey::Commit(next)))?;
            let mut changes = commit::advance(&commit, head);
            if let Some(intent) = self.known.intent.as_ref().filter(|intent| intent.number == next) {
                if intent.commit_id == commit.id {
                    changes.extend(intent.rows.iter().map(|(path, row)| match row {
                        Some(row) => StateChange::Agree(path.clone(), row.clone()),
                        None => StateChange::Forget(path.clone()),
                    }));
                }
                changes.push(StateChange::ClearIntent);
            }
            news.commits.push(commit.id);
            news.paths.extend(commit.changes.into_iter().map(|change| change.path));
            self.learn(changes);
        }
    }

    /// Takes changes into what is known; [`Self::save`] hands them to the store.
    pub(super) fn learn(&mut self, changes: Vec<StateChange>) {
        self.unsaved.extend(changes.iter().cloned());
        commit::apply(&mut self.known, changes);
    }

    /// Makes what was learned durable, in one transaction.
    pub(super) fn save(&mut self, state: &dyn StateStore) -> Result<(), StateError> {
        match &self.id {
            Some(id) if !self.unsaved.is_empty() => {
                state.apply(id, &self.unsaved)?;
                self.unsaved.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn start_from_snapshot(&mut self, remote: &dyn RemoteStorage) -> Result<(), SyncFailure> {
        let folder = ObjectKey::from(ReservedKey::Snapshot(CommitNumber(0)));
        let folder = folder.as_str().trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
        let mut numbers: Vec<u64> = remote
            .list(&folder)
            .try_filter_map(|object| {
                let name = object.key.rsplit('/').next().unwrap_or_default();
                std::future::ready(Ok(name.parse::<u64>().ok()))
            })
            .try_collect()
            .await?;
        numbers.sort_unstable();
        // A snapshot saves time and nothing else: one that cannot be used is passed over for an older one.
        while let Some(number) = numbers.pop() {
            let key = ReservedKey::Snapshot(CommitNumber(number));
            let Some(bytes) = fetch(remote, key, commit::MAX_SNAPSHOT_BYTES).await? else {
                continue;
            };
            if let Ok(snapshot) = Snapshot::from_bytes(&bytes)
                && snapshot.head.number.0 == number
            {
                self.learn(commit::begin(&snapshot, &self.known));
                return Ok(());
            }
        }
        Ok(())
    }
}

/// The identity that is in the bucket now.
pub(super) async fn read_identity(remote: &dyn RemoteStorage) -> Result<Option<RemoteId>, SyncFailure> {
    let Some(bytes) = fetch(remote, ReservedKey::Identity, MAX_IDENTITY_BYTES).await? else {
        return Ok(None);
    };
    let identity = Identity::from_bytes(&bytes).map_err(broken(ReservedKey::Identity))?;
    Ok(Some(identity.id))
}

async fn fetch(
    remote: &dyn RemoteStorage,
    key: ReservedKey,
    limit: u64,
) -> Result<Option<bytes::Bytes>, SyncFailure> {
    let object = ObjectKey::from(key);
    let fetched = match remote.get(&object, None).await {
        Ok(fetched) => fetched,
        Err(RemoteError::NotFound) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if fetched.body.len() > limit {
        return Err(SyncFailure::Chain { object: object.to_string(), source: CommitError::TooLarge(limit) });
    }
    match fetched.body.collect(limit).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(BodyError::Broken(source)) => Err(RemoteError::Offline(source).into()),
        Err(error) => Err(RemoteError::Body(error).into()),
    }
}

fn broken(key: ReservedKey) -> impl FnOnce(CommitError) -> SyncFailure {
    move |source| SyncFailure::Chain { object: ObjectKey::from(key).to_string(), source }
}
