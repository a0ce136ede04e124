//! Where one side has a file and the other a folder of the same name.
//!
//! A file that became a folder (or the reverse) is a deletion and an addition. The deletion is carried out even where
//! deletions are not passed on: the two names cannot both exist on a disk. Where both sides brought news, the folder
//! keeps the name and the file becomes a conflict copy.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::decide::{Change, Decision, Row};
use super::step::Step;
use super::{Draft, Trees, waits};
use crate::conflict::{Clash, ConflictSide, Strategy};
use crate::files::{LocalFile, RemoteFile};
use crate::path::RelPath;

/// Overrides the decisions of every file that meets a folder of its own name.
pub(super) fn settle(trees: &Trees<'_>, draft: &mut Draft) {
    for file in meeting_points(trees, draft) {
        let row = trees.row(&file);
        let remote_below: Vec<RelPath> = below(&trees.remote.files, &file)
            .map(|(path, _)| path.clone())
            .collect();
        let local_below: Vec<RelPath> = below(&trees.local.files, &file)
            .map(|(path, _)| path.clone())
            .collect();
        let involved = || remote_below.iter().chain(&local_below).chain([&file]);
        if involved().any(|path| !is_open(trees, path)) {
            hold(draft, &file, &row, involved());
        } else if let (Some(local), false) = (row.local, remote_below.is_empty()) {
            local_file_meets_folder(trees, draft, &file, &row, local, &remote_below);
        } else if let (Some(remote), false) = (row.remote, local_below.is_empty()) {
            remote_file_meets_folder(trees, draft, &file, &row, remote, &local_below);
        }
    }
}

/// Files of one side at whose name the other side has a folder, outermost first.
fn meeting_points(trees: &Trees<'_>, draft: &Draft) -> Vec<RelPath> {
    let meets = |path: &RelPath| {
        (trees.local.files.contains_key(path) && below(&trees.remote.files, path).next().is_some())
            || (trees.remote.files.contains_key(path) && below(&trees.local.files, path).next().is_some())
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

fn below<'a, T>(
    files: &'a BTreeMap<RelPath, T>,
    folder: &RelPath,
) -> impl Iterator<Item = (&'a RelPath, &'a T)> {
    let folder = folder.clone();
    // Names such as `a-b` sort between `a` and `a/x`, so the walk begins at the slash.
    files
        .range::<str, _>((Bound::Excluded(format!("{folder}/").as_str()), Bound::Unbounded))
        .take_while(move |(path, _)| path.is_within(&folder))
}

fn is_open(trees: &Trees<'_>, path: &RelPath) -> bool {
    trees.policy.scope.includes(path)
        && trees.local.unknown.get(path).is_none()
        && trees.remote.unknown.get(path).is_none()
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
    let folder_is_old = remote_below
        .iter()
        .all(|path| trees.row(path).remote_change() == Change::Same);
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
            draft.put(
                file,
                Step::DeleteLocal {
                    hash: local.hash,
                    size: local.size,
                }
                .into(),
            );
        }
    } else if trees.policy.strategy == Strategy::Manual || !direction.writes_local() {
        hold(draft, file, row, remote_below.iter().chain([file]));
    } else {
        let copy = trees.copy_name(file, &ConflictSide::from(local), &mut draft.taken);
        draft.put(
            file,
            match copy {
                Some(copy) => settled(Step::KeepBoth {
                    local: local.hash,
                    remote: None,
                    copy,
                }),
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
                draft.put(
                    path,
                    Step::DeleteLocal {
                        hash: local.hash,
                        size: local.size,
                    }
                    .into(),
                );
            }
        }
    } else if trees.policy.strategy == Strategy::Manual || !direction.writes_local() {
        hold(draft, file, row, local_below.iter().chain([file]));
    } else {
        let copy = trees.copy_name(file, &ConflictSide::from(remote), &mut draft.taken);
        draft.put(
            file,
            match copy {
                Some(copy) => settled(Step::SetAsideRemote {
                    remote: remote.clone(),
                    copy,
                }),
                None => waits(file, Clash::FileAndFolder, row.local, row.remote),
            },
        );
    }
}

fn settled(step: Step) -> Decision {
    Decision::Act {
        step,
        settles: Some(Clash::FileAndFolder),
    }
}
