//! Commits of the log in the bucket: format, chain, snapshot; pure.

mod format;
mod snapshot;

pub use format::{Commit, CommitChange, CommitError, Content, Identity};
pub(crate) use snapshot::MAX_SNAPSHOT_BYTES;
pub use snapshot::Snapshot;

use std::collections::BTreeMap;

use crate::files::{CommitNumber, RemoteFile};
use crate::path::RelPath;
use crate::ports::{Head, Known, StateChange};

/// The format that this program writes, in every object below `.devlog/`.
pub const FORMAT: u32 = 1;

/// A snapshot of the whole tree is written every so many commits.
pub const SNAPSHOT_EVERY: u64 = 64;

/// The largest commit that is read. A commit of 2,000 files takes about 0.6 MB.
pub const MAX_COMMIT_BYTES: u64 = 64 << 20;

/// The tree R that `known` remembers: the base with what is ahead of it laid over.
pub fn remembered(known: &Known) -> BTreeMap<RelPath, RemoteFile> {
    let mut files: BTreeMap<RelPath, RemoteFile> =
        known.base.iter().map(|(path, row)| (path.clone(), row.as_remote())).collect();
    for (path, ahead) in &known.ahead {
        match ahead {
            Some(file) => files.insert(path.clone(), file.clone()),
            None => files.remove(path),
        };
    }
    files
}

/// What is to be remembered when `commit`, whose bytes hash to `head`, follows what was known.
pub fn advance(commit: &Commit, head: Head) -> Vec<StateChange> {
    let mut changes: Vec<StateChange> = commit
        .changes
        .iter()
        .map(|change| StateChange::Ahead(change.path.clone(), change.file(commit.number)))
        .collect();
    changes.push(StateChange::Head(head));
    changes
}

/// What is to be remembered of a remote that was never read, or whose chain was read anew from a snapshot.
pub fn begin(snapshot: &Snapshot, known: &Known) -> Vec<StateChange> {
    let files =
        snapshot.files.iter().map(|(path, file)| StateChange::Ahead(path.clone(), Some(file.clone())));
    let gone = known
        .base
        .keys()
        .filter(|path| !snapshot.files.contains_key(*path))
        .map(|path| StateChange::Ahead(path.clone(), None));
    files.chain(gone).chain([StateChange::Head(snapshot.head)]).collect()
}

/// Keeps `known` in step with changes that were handed to the store.
pub fn apply(known: &mut Known, changes: Vec<StateChange>) {
    for change in changes {
        match change {
            StateChange::Head(head) => known.head = Some(head),
            StateChange::Agree(path, row) => {
                known.ahead.remove(&path);
                known.base.insert(path, row);
            }
            StateChange::Forget(path) => {
                known.ahead.remove(&path);
                known.base.remove(&path);
            }
            StateChange::MarkDeleted(path) => {
                if let Some(row) = known.base.get_mut(&path) {
                    row.deleted_here = true;
                }
            }
            StateChange::Ahead(path, file) => {
                known.ahead.insert(path, file);
            }
            StateChange::Intend(intent) => known.intent = Some(intent),
            StateChange::ClearIntent => known.intent = None,
        }
    }
}

/// Whether a snapshot is due after this commit.
pub const fn is_snapshot_due(number: CommitNumber) -> bool {
    number.0.is_multiple_of(SNAPSHOT_EVERY)
}
