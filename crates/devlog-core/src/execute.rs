//! Carries out a plan's remote steps with bounded concurrency; each slice of results is then committed.

mod upload;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use futures_util::StreamExt;

use crate::commit::{CommitChange, Content};
use crate::files::RemoteFile;
use crate::path::RelPath;
use crate::plan::{Action, Seen, Side, Step};
use crate::ports::{Clock, LocalTree, ObjectKey, RemoteError, RemoteStorage, ReservedKey};
use crate::progress::{Outcome, ProgressReporter, SMALL_BYTES, SyncEvent};

/// Files up to this size travel a few at a time; larger ones one by one, in parallel parts.
const MEDIUM_BYTES: u64 = 8 << 20;
const MEDIUM_WIDTH: usize = 4;

/// A long push commits at least so often: what is done stays done, and others see it.
const SLICE_FILES: usize = 2000;
const SLICE_SECONDS: i64 = 30;

/// What carrying out remote steps needs.
pub(crate) struct Executor<'a> {
    pub(crate) local: &'a dyn LocalTree,
    pub(crate) remote: &'a dyn RemoteStorage,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) reporter: Arc<dyn ProgressReporter>,
    pub(crate) interrupted: &'a AtomicBool,
    pub(crate) width: usize,
}

/// One remote step that was carried out: what the next commit says of it.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) step: Step,
    pub(crate) path: RelPath,
    /// What the path holds now; `None` if it was deleted.
    pub(crate) file: Option<RemoteFile>,
    pub(crate) replaced: Option<Seen>,
}

impl Published {
    pub(crate) fn to_change(&self) -> CommitChange {
        CommitChange {
            path: self.path.clone(),
            content: self.file.as_ref().map(Content::from),
            replaced: self.replaced.as_ref().map(|seen| seen.hash),
        }
    }
}

/// Why a step was not carried out.
#[derive(Debug)]
pub(crate) enum Miss {
    /// The object is not what the plan saw.
    RemoteMoved,
    /// The file is not what the plan saw.
    LocalMoved,
    /// The file is gone since the scan: the next run decides.
    Vanished,
    /// This file failed; others go on.
    Failed(String),
    /// Nothing goes on.
    Halt(RemoteError),
}

/// What became of a slice.
#[derive(Debug, Default)]
pub(crate) struct Slice {
    pub(crate) published: Vec<Published>,
    pub(crate) remote_moved: Vec<RelPath>,
    pub(crate) local_moved: Vec<RelPath>,
    pub(crate) vanished: Vec<RelPath>,
    pub(crate) failed: Vec<(RelPath, String)>,
    /// What stopped everything; steps not begun stay in the queue.
    pub(crate) halt: Option<RemoteError>,
}

/// The remote steps of a plan in the order in which they may be carried out: deletions first, because a file may be
/// about to take a deleted folder's name.
pub(crate) fn remote_steps(actions: Vec<Action>) -> VecDeque<Action> {
    let (deletions, others): (Vec<_>, Vec<_>) = actions
        .into_iter()
        .filter(|action| action.step.kind().side() == Side::Remote)
        .partition(|action| matches!(action.step, Step::DeleteRemote { .. }));
    deletions.into_iter().chain(others).collect()
}

/// Takes the steps of the next commit from `queue`: at most [`SLICE_FILES`], and deletions by themselves.
pub(crate) fn next_batch(queue: &mut VecDeque<Action>) -> Vec<Action> {
    let deletions = queue.iter().take_while(|a| matches!(a.step, Step::DeleteRemote { .. })).count();
    let count = if deletions > 0 { deletions } else { queue.len() };
    queue.drain(..count.min(SLICE_FILES)).collect()
}

impl Executor<'_> {
    /// Carries out the steps of one batch, for at most about [`SLICE_SECONDS`]; what was not begun goes back to `queue`.
    pub(crate) async fn slice(&self, batch: Vec<Action>, queue: &mut VecDeque<Action>) -> Slice {
        let ends = self.clock.now() + TimeDelta::seconds(SLICE_SECONDS);
        let mut slice = Slice::default();
        let (small, large): (Vec<_>, Vec<_>) = batch.into_iter().partition(|a| a.step.bytes() <= SMALL_BYTES);
        let (medium, large): (Vec<_>, Vec<_>) =
            large.into_iter().partition(|a| a.step.bytes() <= MEDIUM_BYTES);
        let halt: Mutex<Option<RemoteError>> = Mutex::new(None);
        let go_on = || {
            !self.interrupted.load(Ordering::Relaxed)
                && self.clock.now() < ends
                && halt.lock().is_ok_and(|halt| halt.is_none())
        };
        let lane = |actions: Vec<Action>, width: usize| {
            futures_util::stream::iter(actions)
                .map(|action| async {
                    if !go_on() {
                        return (action, None);
                    }
                    let result = self.carry_out(&action).await;
                    let result = result.map_err(|miss| match miss {
                        Miss::Halt(error) => {
                            if let Ok(mut halt) = halt.lock() {
                                halt.get_or_insert(error);
                            }
                            None
                        }
                        other => Some(other),
                    });
                    (action, Some(result))
                })
                .buffer_unordered(width)
        };
        let lanes = futures_util::stream::select(
            lane(small, self.width),
            futures_util::stream::select(lane(medium, MEDIUM_WIDTH.min(self.width)), lane(large, 1)),
        );
        let mut lanes = std::pin::pin!(lanes);
        let mut postponed = Vec::new();
        while let Some((action, result)) = lanes.next().await {
            match result {
                None | Some(Err(None)) => postponed.push(action),
                Some(Ok(published)) => slice.published.push(published),
                Some(Err(Some(miss))) => slice.file(action, miss),
            }
        }
        postponed.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        for action in postponed.into_iter().rev() {
            queue.push_front(action);
        }
        slice.halt = halt.lock().ok().and_then(|mut halt| halt.take());
        slice
    }

    async fn carry_out(&self, action: &Action) -> Result<Published, Miss> {
        let Action { path, step, .. } = action;
        self.reporter.report(&SyncEvent::ActionStarted { path, step });
        let result = match step {
            Step::Upload { hash, replaces, .. } => self.upload(action, *hash, replaces.as_ref()).await,
            Step::DeleteRemote { seen } => self.delete(action, seen).await,
            Step::Record { file } => Ok(Published {
                step: step.clone(),
                path: path.clone(),
                file: Some(file.clone()),
                replaced: None,
            }),
            Step::Download { .. }
            | Step::DeleteLocal { .. }
            | Step::Adopt { .. }
            | Step::Forget
            | Step::MarkDeleted
            | Step::Merge { .. }
            | Step::KeepBoth { .. }
            | Step::SetAsideRemote { .. } => {
                unreachable!("`remote_steps` lets only steps of the remote side through")
            }
        };
        let outcome = match &result {
            Ok(_) => Outcome::Done,
            Err(Miss::RemoteMoved | Miss::LocalMoved | Miss::Vanished) => Outcome::Stale,
            Err(Miss::Failed(message)) => Outcome::Failed(message),
            Err(Miss::Halt(_)) => Outcome::Failed("stopped"),
        };
        self.reporter.report(&SyncEvent::ActionFinished { path, step, outcome });
        result
    }

    async fn delete(&self, action: &Action, seen: &Seen) -> Result<Published, Miss> {
        let key = ObjectKey::from(&action.path);
        let done = Published {
            step: action.step.clone(),
            path: action.path.clone(),
            file: None,
            replaced: Some(seen.clone()),
        };
        match self.keep_history(&key, seen).await {
            // Gone already: a run that died between its deletions and its commit, whose history copy came first.
            Err(Miss::RemoteMoved) if self.is_gone(&key).await? => return Ok(done),
            other => other?,
        }
        match self.remote.delete(&key, &seen.version).await {
            Ok(()) | Err(RemoteError::NotFound) => Ok(done),
            Err(error) => Err(miss(error)),
        }
    }

    /// Copies what is about to be replaced or deleted to the history, on the condition that it is what the plan saw.
    async fn keep_history(&self, key: &ObjectKey, seen: &Seen) -> Result<(), Miss> {
        let history = ObjectKey::from(ReservedKey::History(seen.hash));
        self.remote.copy(key, &seen.version, &history).await.map_err(miss)
    }

    async fn is_gone(&self, key: &ObjectKey) -> Result<bool, Miss> {
        Ok(self.remote.head(key).await.map_err(miss)?.is_none())
    }
}

impl Slice {
    fn file(&mut self, action: Action, miss: Miss) {
        match miss {
            Miss::RemoteMoved => self.remote_moved.push(action.path),
            Miss::LocalMoved => self.local_moved.push(action.path),
            Miss::Vanished => self.vanished.push(action.path),
            Miss::Failed(message) => self.failed.push((action.path, message)),
            Miss::Halt(error) => self.halt = Some(error),
        }
    }
}

/// What a remote error means for the one step that met it, or for all.
fn miss(error: RemoteError) -> Miss {
    match error {
        RemoteError::NotFound | RemoteError::PreconditionFailed => Miss::RemoteMoved,
        RemoteError::Denied(_)
        | RemoteError::Offline(_)
        | RemoteError::Unusable(_)
        | RemoteError::Throttled { .. } => Miss::Halt(error),
        RemoteError::Body(body) => upload::body_miss(body),
        RemoteError::Corrupt(_) | RemoteError::Other { .. } => Miss::Failed(chain_of(&error)),
    }
}

/// An error and its causes in one line.
pub(crate) fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
