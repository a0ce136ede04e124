//! `plan(local, base, remote, policy) -> Plan`: pure, total, sorted.

mod decide;
mod folders;
mod join;
mod policy;
mod step;

use std::collections::{BTreeMap, BTreeSet};

pub use decide::{Change, detect_changes};
pub use policy::{Deletions, Direction, Scope, SyncPolicy};
pub use step::{Action, Note, NoteKind, Plan, Seen, Side, Step, StepKind};

use crate::conflict::{self, Conflict, ConflictSide};
use crate::files::{BaseFile, BaseFiles, LocalFile, LocalFiles, RemoteFile, RemoteFiles, Unknown};
use crate::path::RelPath;
use decide::{Decision, Row};

/// Decides what a run does, from the three trees alone. The same trees give the same plan.
///
/// The rules are the table of `docs/sync-model.md`; `plan/decide.rs` holds it row by row, `plan/folders.rs` what happens where one
/// side has a file and the other a folder of the same name.
pub fn plan(local: &LocalFiles, base: &BaseFiles, remote: &RemoteFiles, policy: &SyncPolicy) -> Plan {
    let trees = Trees { local, base, remote, policy };
    let mut draft = Draft::default();
    for (path, row) in join::rows(local, base, remote) {
        if policy.scope.includes(path) {
            let decision = decide::decide(&trees, path, &row, &mut draft.taken);
            draft.put(path, decision);
        }
    }
    folders::settle(&trees, &mut draft);
    draft.mention_unknown(&trees);
    draft.finish()
}

/// The three trees and the rules of the run.
struct Trees<'a> {
    local: &'a LocalFiles,
    base: &'a BaseFiles,
    remote: &'a RemoteFiles,
    policy: &'a SyncPolicy,
}

impl<'a> Trees<'a> {
    fn row(&self, path: &RelPath) -> Row<'a> {
        Row {
            local: self.local.files.get(path),
            base: self.base.get(path),
            remote: self.remote.files.get(path),
        }
    }

    /// A name for a conflict copy that nothing else in this run touches.
    fn copy_name(
        &self,
        path: &RelPath,
        file: &ConflictSide,
        taken: &mut BTreeSet<RelPath>,
    ) -> Option<RelPath> {
        (0..1000).find_map(|salt| {
            let name = conflict::copy_name(path, file, &self.policy.device, salt)?;
            (self.is_free(&name, file) && taken.insert(name.clone())).then_some(name)
        })
    }

    /// Whether no side knows the name, or it already holds exactly these bytes and will go on holding them: on both
    /// sides, or here alone, which is a copy that was made by a run that died.
    fn is_free(&self, name: &RelPath, file: &ConflictSide) -> bool {
        let Row { local, base, remote } = self.row(name);
        let is_same = match (local, remote) {
            (None, remote) => base.is_none() && remote.is_none(),
            (Some(local), None) => base.is_none() && local.hash == file.hash,
            (Some(local), Some(remote)) => local.hash == file.hash && remote.hash == file.hash,
        };
        is_same
            && self.local.unknown.get(name).is_none()
            && self.remote.unknown.exactly(name).is_none()
            && folders::is_no_folder(self, name)
    }
}

/// The plan while it is being made: at most one decision a path.
#[derive(Default)]
struct Draft {
    decisions: BTreeMap<RelPath, Decision>,
    taken: BTreeSet<RelPath>,
}

impl Draft {
    fn put(&mut self, path: &RelPath, decision: Decision) {
        match decision {
            Decision::Nothing => self.decisions.remove(path),
            other => self.decisions.insert(path.clone(), other),
        };
    }

    /// Whether the object is deleted by this plan.
    fn deletes(&self, path: &RelPath) -> bool {
        let is_deletion =
            |decision: &Decision| matches!(decision, Decision::Act { step: Step::DeleteRemote { .. }, .. });
        self.decisions.get(path).is_some_and(is_deletion)
    }

    /// What no tree speaks of is mentioned all the same: a folder that cannot be read, an object that went missing
    /// before it was ever fetched. A rule that excludes what was never synced is not worth a word.
    fn mention_unknown(&mut self, trees: &Trees<'_>) {
        let here = trees.local.unknown.iter();
        let there = trees.remote.unknown.iter();
        let notes = here
            .map(|(path, why)| (path, why, NoteKind::UnknownHere(why.clone())))
            .chain(there.map(|(path, why)| (path, why, NoteKind::UnknownThere(why.clone()))));
        for (path, why, note) in notes {
            let is_excluded = [Some(why), trees.local.unknown.get(path)].contains(&Some(&Unknown::Excluded));
            if !is_excluded && trees.policy.scope.includes(path) {
                self.decisions.entry(path.clone()).or_insert(Decision::Tell(note));
            }
        }
    }

    fn finish(self) -> Plan {
        let mut plan = Plan::default();
        for (path, decision) in self.decisions {
            match decision {
                Decision::Nothing => {}
                Decision::Act { step, settles } => plan.actions.push(Action { path, step, settles }),
                Decision::Wait(conflict) => plan.conflicts.push(conflict),
                Decision::Tell(kind) => plan.notes.push(Note { subject: path.to_string(), kind }),
            }
        }
        plan
    }
}

fn waits(
    path: &RelPath,
    clash: conflict::Clash,
    local: Option<&LocalFile>,
    remote: Option<&RemoteFile>,
) -> Decision {
    Decision::Wait(Conflict {
        path: path.clone(),
        clash,
        local: local.map(ConflictSide::from),
        remote: remote.map(ConflictSide::from),
        detected_at: None,
    })
}

/// Whether the remote still is as both sides agreed: the same content, written by the same commit.
fn remote_is_as_agreed(base: &BaseFile, remote: &RemoteFile) -> bool {
    base.hash == remote.hash && remote.commit == Some(base.commit)
}
