//! The write side of the protocol: identity, intent, commit, base rows, snapshot.

use bytes::Bytes;

use super::chain::{Chain, read_identity};
use super::error::SyncFailure;
use super::{Ports, SyncManager};
use crate::commit::{self, Commit, Identity, Snapshot};
use crate::execute::Published;
use crate::files::{BaseFile, CommitNumber, ContentHash, FileTime, Version};
use crate::guard::Guard;
use crate::path::RelPath;
use crate::plan::{Action, Step};
use crate::ports::{Head, Intent, ObjectKey, Precondition, RemoteError, RemoteId, ReservedKey, StateChange};
use crate::probe;
use crate::progress::SyncEvent;

/// What became of a commit.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CommitOutcome {
    /// It is in the chain.
    Landed,
    /// Another device took its number; these paths changed meanwhile.
    Raced(Vec<RelPath>),
}

impl SyncManager {
    /// Makes sure that what is about to be written goes to the remote that the plan was made for.
    ///
    /// A remote that nobody has pushed to is tried for conditional writes and gets its identity.
    pub(super) async fn prepare_remote(&self, chain: &mut Chain) -> Result<Option<Guard>, SyncFailure> {
        let Ports { remote, clock, .. } = &self.ports;
        let found = read_identity(remote.as_ref()).await?;
        let tracked = chain.known.base.values().filter(|row| !row.deleted_here).count();
        let id = match (&chain.id, found) {
            (Some(expected), Some(found)) if *expected == found => {
                return Ok(None);
            }
            (Some(expected), Some(found)) => {
                return Ok(Some(Guard::OtherRemote { expected: expected.clone(), found }));
            }
            (Some(_), None) if tracked > 0 || chain.known.head.is_some() => {
                return Ok(Some(Guard::RemoteEmptied { tracked, confirm: None }));
            }
            (None, Some(found)) => found,
            (_, None) => {
                if !remote.single_writer() {
                    probe::probe(remote.as_ref(), clock.as_ref()).await.map_err(SyncFailure::Unsafe)?;
                }
                self.found_remote().await?
            }
        };
        chain.id = Some(id);
        self.remember_url(chain)?;
        Ok(None)
    }

    /// Remembers which remote was found at this URL, so that the next run need not ask.
    pub(super) fn remember_url(&self, chain: &Chain) -> Result<(), SyncFailure> {
        let Ports { remote, state, .. } = &self.ports;
        let url = remote.to_string();
        match &chain.id {
            Some(id) if state.identity(&url)?.as_ref() != Some(id) => Ok(state.bind(&url, id)?),
            _ => Ok(()),
        }
    }

    /// The guard that a broken chain is a case of, where another log is stored there now.
    pub(super) async fn other_remote(&self) -> Result<Option<Guard>, SyncFailure> {
        let Ports { remote, state, .. } = &self.ports;
        let expected = state.identity(&remote.to_string())?;
        let found = read_identity(remote.as_ref()).await?;
        Ok(match (expected, found) {
            (Some(expected), Some(found)) if expected != found => {
                Some(Guard::OtherRemote { expected, found })
            }
            _ => None,
        })
    }

    /// Remembers what is about to be sent, so that an object without its commit is known as our own should the run die.
    pub(super) fn intend(&self, chain: &mut Chain, batch: &[Action]) -> Result<(), SyncFailure> {
        let mut is_sending = false;
        for Action { path, step, .. } in batch {
            if let Step::Upload { hash, .. } = step {
                chain.attempted.entry(path.clone()).or_default().insert(*hash);
                is_sending = true;
            }
        }
        if !is_sending {
            return Ok(());
        }
        let number = chain.known.head.map_or(CommitNumber(1), |head| head.number.next());
        let row = |hash: ContentHash| BaseFile {
            hash,
            size: 0,
            mtime: FileTime::default(),
            version: Version::new(""),
            commit: number,
            deleted_here: false,
        };
        let sending = chain.attempted.iter();
        let rows = sending
            .flat_map(|(path, hashes)| hashes.iter().map(|hash| (path.clone(), Some(row(*hash)))))
            .collect();
        chain.learn(vec![StateChange::Intend(Intent { commit_id: String::new(), number, rows })]);
        Ok(chain.save(self.ports.state.as_ref())?)
    }

    /// Writes `remote.json`, or reads the one of a device that was faster.
    async fn found_remote(&self) -> Result<RemoteId, SyncFailure> {
        let Ports { remote, clock, .. } = &self.ports;
        let id = RemoteId(clock.ulid().to_string());
        let bytes = Identity::new(id.clone(), clock.now()).to_bytes();
        match remote.put(&ReservedKey::Identity.into(), Bytes::from(bytes).into(), Precondition::Absent).await
        {
            Ok(_) => Ok(id),
            Err(RemoteError::PreconditionFailed) => {
                read_identity(remote.as_ref()).await?.ok_or_else(|| RemoteError::NotFound.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the next commit: intent row, commit, base rows. Exactly one of two racing devices lands.
    pub(super) async fn commit(
        &self,
        chain: &mut Chain,
        published: &[Published],
    ) -> Result<CommitOutcome, SyncFailure> {
        let Ports { remote, state, clock, reporter, .. } = &self.ports;
        let commit = Commit::following(
            chain.known.head,
            clock.ulid().to_string(),
            self.device.clone(),
            clock.now(),
            published.iter().map(Published::to_change).collect(),
        );
        let rows: Vec<(RelPath, Option<BaseFile>)> = published
            .iter()
            .map(|one| {
                (one.path.clone(), one.file.as_ref().map(|file| BaseFile::agreed(file, commit.number)))
            })
            .collect();
        let intent = Intent { commit_id: commit.id.clone(), number: commit.number, rows: rows.clone() };
        chain.learn(vec![StateChange::Intend(intent)]);
        chain.save(state.as_ref())?;

        let bytes = Bytes::from(commit.to_bytes());
        let head = Head { number: commit.number, hash: ContentHash::of(&bytes) };
        match remote.put(&ReservedKey::Commit(commit.number).into(), bytes.into(), Precondition::Absent).await
        {
            Ok(_) => {}
            // Either another device was faster, or our own write landed and its answer was lost. Reading on tells:
            // the chain knows our intent.
            Err(RemoteError::PreconditionFailed) => return self.read_on(chain, &commit).await,
            Err(error) => return Err(error.into()),
        }
        let mut changes: Vec<StateChange> = rows
            .into_iter()
            .map(|(path, row)| match row {
                Some(row) => StateChange::Agree(path, row),
                None => StateChange::Forget(path),
            })
            .collect();
        changes.extend([StateChange::Head(head), StateChange::ClearIntent]);
        for one in published {
            chain.attempted.remove(&one.path);
        }
        chain.learn(changes);
        chain.save(state.as_ref())?;
        reporter.report(&SyncEvent::Committed { number: commit.number, paths: published.len() });
        self.snapshot_if_due(chain, head).await;
        Ok(CommitOutcome::Landed)
    }

    /// Reads what took the commit's number: another device's commit, or our own whose answer was lost.
    async fn read_on(&self, chain: &mut Chain, commit: &Commit) -> Result<CommitOutcome, SyncFailure> {
        let news = chain.follow(self.ports.remote.as_ref()).await?;
        chain.save(self.ports.state.as_ref())?;
        if news.commits.is_empty() {
            let key = ObjectKey::from(ReservedKey::Commit(commit.number));
            return Err(RemoteError::Unusable(format!(
                "the remote refuses to create `{key}`, which does not exist"
            ))
            .into());
        }
        Ok(if news.commits.contains(&commit.id) {
            CommitOutcome::Landed
        } else {
            CommitOutcome::Raced(news.paths)
        })
    }

    /// A snapshot only saves other devices time: one that cannot be written is left to the next occasion.
    async fn snapshot_if_due(&self, chain: &Chain, head: Head) {
        if !commit::is_snapshot_due(head.number) {
            return;
        }
        let snapshot = Snapshot { head, files: commit::remembered(&chain.known) };
        if let Ok(bytes) = snapshot.to_bytes() {
            let key = ReservedKey::Snapshot(head.number).into();
            let _ = self.ports.remote.put(&key, Bytes::from(bytes).into(), Precondition::Absent).await;
        }
    }
}
