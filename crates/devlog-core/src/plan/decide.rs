//! The table: what happens to one path, from what the three trees say of it.

use std::collections::BTreeSet;

use super::step::{NoteKind, Seen, Step};
use super::{Deletions, Direction, SyncPolicy, Trees, remote_is_as_agreed, waits};
use crate::conflict::{Clash, ConflictSide, Strategy};
use crate::files::{BaseFile, BaseFiles, LocalFile, LocalFiles, RemoteFile, Unknown};
use crate::path::RelPath;

/// What the three trees say of one path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) local: Option<&'a LocalFile>,
    pub(super) base: Option<&'a BaseFile>,
    pub(super) remote: Option<&'a RemoteFile>,
}

/// What is decided for one path.
#[derive(Debug)]
pub(super) enum Decision {
    Nothing,
    Act { step: Step, settles: Option<Clash> },
    Wait(crate::conflict::Conflict),
    Tell(NoteKind),
}

impl From<Step> for Decision {
    fn from(step: Step) -> Self {
        Self::Act { step, settles: None }
    }
}

/// One side against the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// As agreed, or absent on both.
    Same,
    /// There, and no base row.
    Added,
    /// There, and not as agreed.
    Modified,
    /// Gone, and there is a base row.
    Deleted,
}

/// What differs on this disk from what both sides last agreed on, sorted by path.
pub fn detect_changes(local: &LocalFiles, base: &BaseFiles) -> Vec<(RelPath, Change)> {
    let none = crate::files::RemoteFiles::default();
    super::join::rows(local, base, &none)
        .filter(|(path, _)| local.unknown.get(path).is_none())
        .filter(|(_, row)| row.local.is_some() || row.base.is_some_and(|base| !base.deleted_here))
        .map(|(path, row)| (path.clone(), row.local_change()))
        .filter(|(_, change)| *change != Change::Same)
        .collect()
}

impl Row<'_> {
    pub(super) fn local_change(&self) -> Change {
        match (self.base, self.local) {
            (None, None) => Change::Same,
            (None, Some(_)) => Change::Added,
            (Some(_), None) => Change::Deleted,
            (Some(base), Some(local)) if base.hash == local.hash => Change::Same,
            (Some(_), Some(_)) => Change::Modified,
        }
    }

    pub(super) fn remote_change(&self) -> Change {
        match (self.base, self.remote) {
            (None, None) => Change::Same,
            (None, Some(_)) => Change::Added,
            (Some(_), None) => Change::Deleted,
            (Some(base), Some(remote)) if remote_is_as_agreed(base, remote) => Change::Same,
            (Some(_), Some(_)) => Change::Modified,
        }
    }
}

/// Decides one path. Names of conflict copies that it gives out are added to `taken`.
pub(super) fn decide(
    trees: &Trees<'_>,
    path: &RelPath,
    row: &Row<'_>,
    taken: &mut BTreeSet<RelPath>,
) -> Decision {
    if let Some(why) = trees.local.unknown.get(path) {
        return unknown(row.base.is_some() || row.remote.is_some(), NoteKind::UnknownHere(why.clone()), why);
    }
    if let Some(why) = trees.remote.unknown.exactly(path) {
        return heal(trees.policy, row, why);
    }
    match (row.local, row.remote) {
        (None, None) => forget(row),
        (Some(local), Some(remote)) if local.hash == remote.hash => {
            agree(trees.policy.direction, row.base, remote)
        }
        (Some(local), None) => only_here(trees, row, local),
        (None, Some(remote)) => only_there(trees, row, remote),
        (Some(local), Some(remote)) => both(trees, path, row, local, remote, taken),
    }
}

fn unknown(is_tracked: bool, note: NoteKind, why: &Unknown) -> Decision {
    match why {
        // A rule that excludes what was never synced is not worth a word.
        Unknown::Excluded if !is_tracked => Decision::Nothing,
        _ => Decision::Tell(note),
    }
}

/// An object that the chain names and the bucket lacks says nothing of its own. Where the chain has no news of it, what
/// this disk did counts: the file is sent again, or its deletion committed.
fn heal(policy: &SyncPolicy, row: &Row<'_>, why: &Unknown) -> Decision {
    let tell = || Decision::Tell(NoteKind::UnknownThere(why.clone()));
    let (Unknown::Missing(Some(commit)), Some(base)) = (why, row.base) else {
        return tell();
    };
    if *commit != base.commit || !policy.direction.writes_remote() {
        return tell();
    }
    match (row.local, policy.deletions) {
        (Some(local), _) => upload(local, None),
        (None, Deletions::Propagate) => Step::DeleteRemote { seen: (&base.as_remote()).into() }.into(),
        (None, Deletions::Keep) => tell(),
    }
}

fn forget(row: &Row<'_>) -> Decision {
    match row.base {
        Some(_) => Step::Forget.into(),
        None => Decision::Nothing,
    }
}

fn agree(direction: Direction, base: Option<&BaseFile>, remote: &RemoteFile) -> Decision {
    match base {
        Some(base) if remote_is_as_agreed(base, remote) && !base.deleted_here => Decision::Nothing,
        _ if remote.commit.is_some() => Step::Adopt { file: remote.clone() }.into(),
        _ if direction.writes_remote() => Step::Record { file: remote.clone() }.into(),
        _ => Decision::Nothing,
    }
}

fn only_here(trees: &Trees<'_>, row: &Row<'_>, local: &LocalFile) -> Decision {
    let policy = trees.policy;
    match row.local_change() {
        Change::Added if policy.direction.writes_remote() => upload(local, None),
        Change::Added => Decision::Tell(NoteKind::LocalAhead),
        // The remote deleted what was edited here: an edit beats a deletion.
        Change::Modified if policy.direction.writes_remote() => upload(local, None),
        Change::Modified => Decision::Tell(NoteKind::EditBeatsDeletion),
        Change::Same | Change::Deleted => match (policy.direction.writes_local(), policy.deletions) {
            (true, Deletions::Propagate) => Step::DeleteLocal { hash: local.hash, size: local.size }.into(),
            (true, Deletions::Keep) => Decision::Tell(NoteKind::DeletionKeptLocal),
            (false, _) => Decision::Tell(NoteKind::RemoteAhead),
        },
    }
}

fn only_there(trees: &Trees<'_>, row: &Row<'_>, remote: &RemoteFile) -> Decision {
    let policy = trees.policy;
    match row.remote_change() {
        Change::Added if policy.direction.writes_local() => download(remote, None),
        Change::Added => Decision::Tell(NoteKind::RemoteAhead),
        // This disk deleted what was edited there: an edit beats a deletion.
        Change::Modified if policy.direction.writes_local() => download(remote, None),
        Change::Modified => Decision::Tell(NoteKind::EditBeatsDeletion),
        Change::Same | Change::Deleted => match (policy.direction.writes_remote(), policy.deletions) {
            (true, Deletions::Propagate) => Step::DeleteRemote { seen: remote.into() }.into(),
            (true, Deletions::Keep) if row.base.is_some_and(|base| base.deleted_here) => Decision::Nothing,
            (true, Deletions::Keep) => Step::MarkDeleted.into(),
            (false, _) => Decision::Nothing,
        },
    }
}

fn both(
    trees: &Trees<'_>,
    path: &RelPath,
    row: &Row<'_>,
    local: &LocalFile,
    remote: &RemoteFile,
    taken: &mut BTreeSet<RelPath>,
) -> Decision {
    let direction = trees.policy.direction;
    match (row.local_change(), row.remote_change()) {
        (Change::Modified, Change::Same) if direction.writes_remote() => upload(local, Some(remote)),
        (Change::Modified, Change::Same) => Decision::Tell(NoteKind::LocalAhead),
        (Change::Same, Change::Modified) if direction.writes_local() => download(remote, Some(local)),
        (Change::Same, Change::Modified) => Decision::Tell(NoteKind::RemoteAhead),
        (Change::Added, _) => clash(trees, path, Clash::BothAdded, row, local, remote, taken),
        _ => clash(trees, path, Clash::BothModified, row, local, remote, taken),
    }
}

/// A file changed on both sides. Where the strategy needs a side that this run may not change, the conflict waits.
fn clash(
    trees: &Trees<'_>,
    path: &RelPath,
    clash: Clash,
    row: &Row<'_>,
    local: &LocalFile,
    remote: &RemoteFile,
    taken: &mut BTreeSet<RelPath>,
) -> Decision {
    let direction = trees.policy.direction;
    let settled = |step: Step| Decision::Act { step, settles: Some(clash) };
    let ours = || match direction.writes_remote() {
        true => settled(Step::Upload { hash: local.hash, size: local.size, replaces: Some(remote.into()) }),
        false => waits(path, clash, Some(local), Some(remote)),
    };
    let theirs = || match direction.writes_local() {
        true => settled(Step::Download { file: remote.clone(), replaces: Some(local.hash) }),
        false => waits(path, clash, Some(local), Some(remote)),
    };
    let mut together = |merge: bool| {
        if !direction.writes_local() {
            return waits(path, clash, Some(local), Some(remote));
        }
        let Some(copy) = trees.copy_name(path, &ConflictSide::from(local), taken) else {
            return waits(path, clash, Some(local), Some(remote));
        };
        settled(if merge {
            let base = row.base.map(|base| base.hash);
            Step::Merge { local: local.hash, base, remote: remote.clone(), copy }
        } else {
            Step::KeepBoth { local: local.hash, remote: Some(remote.clone()), copy }
        })
    };
    match trees.policy.strategy {
        Strategy::Manual => waits(path, clash, Some(local), Some(remote)),
        Strategy::LocalPreferred => ours(),
        Strategy::ServerPreferred => theirs(),
        // Equal times are settled by content, so that every device picks the same winner.
        Strategy::LastWriteWins if (local.mtime, local.hash) > (remote.mtime, remote.hash) => ours(),
        Strategy::LastWriteWins => theirs(),
        Strategy::Merge => together(is_mergeable(path, row.base)),
        Strategy::KeepBoth => together(false),
    }
}

/// Event files merge by the ids of their events; text needs the version both sides started from.
fn is_mergeable(path: &RelPath, base: Option<&BaseFile>) -> bool {
    let extension = path.file_name().rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "jsonl" => path.as_str().starts_with("events/"),
        "md" | "markdown" | "txt" => base.is_some(),
        _ => false,
    }
}

fn upload(local: &LocalFile, replaces: Option<&RemoteFile>) -> Decision {
    Step::Upload { hash: local.hash, size: local.size, replaces: replaces.map(Seen::from) }.into()
}

fn download(remote: &RemoteFile, replaces: Option<&LocalFile>) -> Decision {
    Step::Download { file: remote.clone(), replaces: replaces.map(|local| local.hash) }.into()
}
