//! Where one side has a file and the other a folder of the same name.
//!
//! A file that became a folder (or the reverse) is a deletion and an addition. The deletion is carried out even where
//! deletions are not passed on: the two names cannot both exist on a disk. Where both sides brought news, the folder
//! keeps the name and the file becomes a conflict copy.

use super::decide::{Change, Decision, Row};
use super::step::Step;
use super::{Direction, Draft, Trees, waits};
use crate::conflict::{Clash, ConflictSide, Strategy};
use crate::files::{LocalFile, RemoteFile};
use crate::path::RelPath;

/// Overrides the decisions of every file that meets a folder of its own name.
pub(super) fn settle(trees: &Trees<'_>, draft: &mut Draft) {
    for file in meeting_points(trees, draft) {
        let row = trees.row(&file);
        let remote_below: Vec<RelPath> =
            file.below(&trees.remote.files).map(|(path, _)| path.clone()).collect();
        let local_below: Vec<RelPath> =
            file.below(&trees.local.files).map(|(path, _)| path.clone()).collect();
        let involved = || remote_below.iter().chain(&local_below).chain([&file]);
        if involved().any(|path| !is_open(trees, path)) || is_beside_unknown(trees, draft, &file) {
            hold(draft, &file, &row, involved());
        } else if let (Some(local), false) = (row.local, remote_below.is_empty()) {
            local_file_meets_folder(trees, draft, &file, &row, local, &remote_below);
        } else if let (Some(remote), false) = (row.remote, local_below.is_empty()) {
            remote_file_meets_folder(trees, draft, &file, &row, remote, &local_below);
        }
    }
    spare_unknown(trees, draft);
}

/// Files of one side at whose name the other side has a folder, outermost first.
fn meeting_points(trees: &Trees<'_>, draft: &Draft) -> Vec<RelPath> {
    let meets = |path: &RelPath| {
        (trees.local.files.contains_key(path) && path.below(&trees.remote.files).next().is_some())
            || (trees.remote.files.contains_key(path) && path.below(&trees.local.files).next().is_some())
    };
    // The base is free of such meetings, so one of the two sides must have changed and be in the draft.
    let mut points: Vec<RelPath> = draft
        .decisions
        .keys()
        .flat_map(|path| path.ancestors().chain([path.clone()]))
        .filter(meets)
        .collect();
    points.sort_unstable();
    points.dedup();
    points
}

fn is_open(trees: &Trees<'_>, path: &RelPath) -> bool {
    trees.policy.scope.includes(path)
        && trees.local.unknown.get(path).is_none()
        && trees.remote.unknown.exactly(path).is_none()
}

/// Whether something of which nothing can be said lies above or below the name, and will go on lying there.
fn is_beside_unknown(trees: &Trees<'_>, draft: &Draft, name: &RelPath) -> bool {
    [&trees.local.unknown, &trees.remote.unknown]
        .into_iter()
        .any(|unknown| unknown.above_and_below(name).any(|path| !draft.deletes(path)))
}

/// Lets files wait that would take a name above or below something of which nothing can be said.
fn spare_unknown(trees: &Trees<'_>, draft: &mut Draft) {
    let takes_name = |decision: &Decision| {
        let Decision::Act { step, .. } = decision else {
            return false;
        };
        matches!(step, Step::Upload { replaces: None, .. } | Step::Download { replaces: None, .. })
    };
    let waiting: Vec<RelPath> = draft
        .decisions
        .iter()
        .filter(|(path, decision)| takes_name(decision) && is_beside_unknown(trees, draft, path))
        .map(|(path, _)| path.clone())
        .collect();
    for path in waiting {
        let row = trees.row(&path);
        draft.put(&path, waits(&path, Clash::FileAndFolder, row.local, row.remote));
    }
}

/// Whether neither side has anything below the name.
pub(super) fn is_no_folder(trees: &Trees<'_>, name: &RelPath) -> bool {
    name.below(&trees.local.files).next().is_none()
        && name.below(&trees.remote.files).next().is_none()
        && trees.local.unknown.above_and_below(name).next().is_none()
        && trees.remote.unknown.above_and_below(name).next().is_none()
}

/// Leaves everything as it is and lets the file wait.
fn hold<'a>(draft: &mut Draft, file: &RelPath, row: &Row<'_>, involved: impl Iterator<Item = &'a RelPath>) {
    for path in involved {
        draft.decisions.remove(path);
    }
    draft.put(file, waits(file, Clash::FileAndFolder, row.local, row.remote));
}

fn local_file_meets_folder(
    trees: &Trees<'_>,
    draft: &mut Draft,
    file: &RelPath,
    row: &Row<'_>,
    local: &LocalFile,
    remote_below: &[RelPath],
) {
    let direction = trees.policy.direction;
    let folder_is_old = remote_below.iter().all(|path| trees.row(path).remote_change() == Change::Same);
    if folder_is_old {
        // This disk replaced the folder by a file.
        for path in remote_below {
            if let (true, Some(remote)) = (direction.writes_remote(), trees.row(path).remote) {
                draft.put(path, Step::DeleteRemote { seen: remote.into() }.into());
            }
        }
    } else if row.local_change() == Change::Same {
        // The remote replaced the file by a folder.
        if direction.writes_local() {
            draft.put(file, Step::DeleteLocal { hash: local.hash, size: local.size }.into());
        }
    } else if trees.policy.strategy == Strategy::Manual || !direction.writes_local() {
        hold(draft, file, row, remote_below.iter().chain([file]));
    } else {
        let copy = trees.copy_name(file, &ConflictSide::from(local), &mut draft.taken);
        draft.put(
            file,
            match copy {
                Some(copy) => settled(Step::KeepBoth { local: local.hash, remote: None, copy }),
                None => waits(file, Clash::FileAndFolder, row.local, row.remote),
            },
        );
    }
}

fn remote_file_meets_folder(
    trees: &Trees<'_>,
    draft: &mut Draft,
    file: &RelPath,
    row: &Row<'_>,
    remote: &RemoteFile,
    local_below: &[RelPath],
) {
    let direction = trees.policy.direction;
    let folder_is_old = local_below.iter().all(|path| {
        let row = trees.row(path);
        row.local_change() == Change::Same && row.base.is_some()
    });
    if row.remote_change() == Change::Same {
        // This disk replaced the file by a folder.
        if direction.writes_remote() {
            draft.put(file, Step::DeleteRemote { seen: remote.into() }.into());
        }
    } else if folder_is_old {
        // The remote replaced the folder by a file.
        for path in local_below {
            if let (true, Some(local)) = (direction.writes_local(), trees.row(path).local) {
                draft.put(path, Step::DeleteLocal { hash: local.hash, size: local.size }.into());
            }
        }
    } else if trees.policy.strategy == Strategy::Manual || direction != Direction::Sync {
        // The remote's file takes another name, and this disk the same: only a run that changes both can do that.
        hold(draft, file, row, local_below.iter().chain([file]));
    } else {
        let copy = trees.copy_name(file, &ConflictSide::from(remote), &mut draft.taken);
        draft.put(
            file,
            match copy {
                Some(copy) => settled(Step::SetAsideRemote { remote: remote.clone(), copy }),
                None => waits(file, Clash::FileAndFolder, row.local, row.remote),
            },
        );
    }
}

fn settled(step: Step) -> Decision {
    Decision::Act { step, settles: Some(Clash::FileAndFolder) }
}
