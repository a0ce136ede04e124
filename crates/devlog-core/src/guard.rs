//! What a plan must not do unasked: mass deletion, an emptied remote, a vanished root.

use std::collections::BTreeSet;
use std::fmt;

use crate::files::{BaseFiles, ContentHash, LocalFiles, RemoteFiles};
use crate::path::RelPath;
use crate::plan::{Plan, Step, StepKind};
use crate::ports::RemoteId;

/// The file that alone does not make a root count as filled.
const CONFIG_FILE: &str = "config.toml";

/// Why a run was stopped before it did anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// The root holds none of the files that were there before.
    RootEmptied {
        /// How many there were.
        tracked: usize,
        /// What `--confirm-delete` must name to go on.
        confirm: usize,
    },
    /// The remote holds nothing of what was there before, its identity included.
    RemoteEmptied {
        /// How many files there were.
        tracked: usize,
        /// What `--confirm-delete` must name to go on; `None` where the remote has lost its identity as well.
        confirm: Option<usize>,
    },
    /// Another remote is found at the same place.
    OtherRemote {
        /// The identity that was there before.
        expected: RemoteId,
        /// The one that is there now.
        found: RemoteId,
    },
    /// More deletions than anybody means by accident.
    MassDeletion {
        /// Deletions, and files that would become empty.
        destructive: usize,
        /// How many are let through unasked.
        limit: usize,
        /// Of how many files.
        tracked: usize,
        /// What `--confirm-delete` must name to go on.
        confirm: usize,
    },
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RootEmptied { tracked, .. } => {
                write!(
                    f,
                    "the folder is empty, but {tracked} files were here at the last run; is a disk not mounted?"
                )
            }
            Self::RemoteEmptied { tracked, .. } => {
                write!(f, "the remote is empty, but it held {tracked} files at the last run")
            }
            Self::OtherRemote { expected, found } => {
                write!(f, "another log is stored there now (identity {}, expected {})", found.0, expected.0)
            }
            Self::MassDeletion { destructive, limit, tracked, .. } => {
                write!(
                    f,
                    "{destructive} of {tracked} files would be deleted or emptied; more than {limit} need a word from you"
                )
            }
        }
    }
}

impl Guard {
    /// The number that `--confirm-delete` must name; `None` where nothing of the kind helps.
    pub const fn confirm(&self) -> Option<usize> {
        match self {
            Self::RootEmptied { confirm, .. } | Self::MassDeletion { confirm, .. } => Some(*confirm),
            Self::RemoteEmptied { confirm, .. } => *confirm,
            Self::OtherRemote { .. } => None,
        }
    }
}

/// What `--confirm-delete` must name for this plan: its deletions on both sides.
pub fn deletions(plan: &Plan) -> usize {
    plan.count(StepKind::DeleteLocal) + plan.count(StepKind::DeleteRemote)
}

/// Checks a plan. `confirmed` is what the person said the plan deletes; it covers this plan alone.
pub fn check(
    plan: &Plan,
    local: &LocalFiles,
    base: &BaseFiles,
    remote: &RemoteFiles,
    confirmed: Option<usize>,
) -> Result<(), Guard> {
    let confirm = deletions(plan);
    if confirmed == Some(confirm) {
        return Ok(());
    }
    let tracked = base.values().filter(|row| !row.deleted_here).count();
    if is_emptied(local, base) {
        return Err(Guard::RootEmptied { tracked, confirm });
    }
    if tracked > 0 && remote.files.is_empty() && remote.unknown.iter().next().is_none() && confirm > 0 {
        return Err(Guard::RemoteEmptied { tracked, confirm: Some(confirm) });
    }
    let destructive = destructive(plan, local, base);
    let limit = (base.len() / 5).clamp(10, 50);
    if destructive > limit {
        return Err(Guard::MassDeletion { destructive, limit, tracked: base.len(), confirm });
    }
    Ok(())
}

/// Whether of the files that were here, `config.toml` aside, nothing is left: neither under its name, nor moved, nor
/// replaced by a folder or the reverse. Files of which nothing can be said may well be there.
fn is_emptied(local: &LocalFiles, base: &BaseFiles) -> bool {
    let mut expected =
        base.iter().filter(|(path, row)| !row.deleted_here && path.as_str() != CONFIG_FILE).peekable();
    if expected.peek().is_none() {
        return false;
    }
    let is_here = |path: &RelPath| local.files.contains_key(path) || local.unknown.get(path).is_some();
    if expected.clone().any(|(path, _)| is_here(path)) {
        return false;
    }
    let contents: BTreeSet<ContentHash> = local.files.values().map(|file| file.hash).collect();
    let folders: BTreeSet<RelPath> = local.files.keys().flat_map(RelPath::ancestors).collect();
    let is_replaced = |path: &RelPath| {
        folders.contains(path) || path.ancestors().any(|folder| local.files.contains_key(&folder))
    };
    !expected.any(|(path, row)| contents.contains(&row.hash) || is_replaced(path))
}

/// Steps that destroy content under its name. A deletion whose bytes appear elsewhere in the same plan is a rename.
fn destructive(plan: &Plan, local: &LocalFiles, base: &BaseFiles) -> usize {
    let arriving: BTreeSet<ContentHash> = plan
        .actions
        .iter()
        .filter_map(|action| match &action.step {
            Step::Upload { hash, replaces: None, .. } => Some(*hash),
            Step::Download { file, replaces: None } => Some(file.hash),
            _ => None,
        })
        .collect();
    plan.actions
        .iter()
        .filter(|action| match &action.step {
            Step::DeleteRemote { seen } => !arriving.contains(&seen.hash),
            Step::DeleteLocal { hash, .. } => !arriving.contains(hash),
            Step::Upload { size: 0, replaces: Some(seen), .. } => seen.size > 0,
            Step::Download { file, replaces: Some(_) } if file.size == 0 => {
                local
                    .files
                    .get(&action.path)
                    .map(|file| file.size)
                    .or(base.get(&action.path).map(|row| row.size))
                    > Some(0)
            }
            _ => false,
        })
        .count()
}
