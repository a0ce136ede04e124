//! Three trees at random, and what becomes of them when a plan is carried out.

use std::collections::{BTreeMap, BTreeSet};

use devlog_core::conflict::{ConflictSide, Strategy as Settle, copy_name};
use devlog_core::files::{
    BaseFile, BaseFiles, CommitNumber, ContentHash, FileTime, LocalFile, LocalFiles, RemoteFile, RemoteFiles,
    Unknown, Version,
};
use devlog_core::path::RelPath;
use devlog_core::plan::{Deletions, Direction, Plan, Scope, Seen, Side, Step, SyncPolicy};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// Names of which some are folders of others, and some sort between a folder and what is in it.
const NAMES: [&str; 10] = ["a", "a/b", "a/b/c", "a/d", "a-b", "a.md", "b", "b/c.md", "b-", "events/1.jsonl"];

/// The commit that the base was written by, the one that is new, and the one that a run writes.
const OLD: CommitNumber = CommitNumber(1);
const NEW: CommitNumber = CommitNumber(2);
const OURS: CommitNumber = CommitNumber(3);

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) local: LocalFiles,
    pub(crate) base: BaseFiles,
    pub(crate) remote: RemoteFiles,
    pub(crate) policy: SyncPolicy,
}

/// What one side did to a path since the base.
#[derive(Debug, Clone, Copy)]
enum Turn {
    Leave,
    Delete,
    Write(u8),
}

fn path(name: &str) -> RelPath {
    RelPath::new(name).expect("the names are plain")
}

fn text(content: u8) -> Vec<u8> {
    vec![b'x'; usize::from(content)]
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = prop_oneof![
        4 => Just(Turn::Leave),
        1 => Just(Turn::Delete),
        2 => (0..5u8).prop_map(Turn::Write),
    ];
    proptest::collection::vec(turn, NAMES.len())
}

/// Puts a file at a name, and out of its way what stands there.
fn put(tree: &mut BTreeMap<RelPath, u8>, name: RelPath, content: u8) {
    tree.retain(|other, _| *other == name || !(other.is_within(&name) || name.is_within(other)));
    tree.insert(name, content);
}

fn turned(base: &BTreeMap<RelPath, u8>, turns: &[Turn]) -> BTreeMap<RelPath, u8> {
    let mut tree = base.clone();
    for (name, turn) in NAMES.iter().zip(turns) {
        match turn {
            Turn::Leave => {}
            Turn::Delete => drop(tree.remove(&path(name))),
            Turn::Write(content) => put(&mut tree, path(name), *content),
        }
    }
    tree
}

fn policies() -> impl Strategy<Value = SyncPolicy> {
    (
        select(vec![Direction::Push, Direction::Pull, Direction::Sync]),
        select(vec![Deletions::Propagate, Deletions::Keep]),
        select(Settle::ALL.to_vec()),
        prop_oneof![3 => Just(vec![]), 1 => subsequence(NAMES.to_vec(), 1..3)],
    )
        .prop_map(|(direction, deletions, strategy, scope)| SyncPolicy {
            direction,
            deletions,
            strategy,
            device: "xps".into(),
            scope: Scope::of(scope.into_iter().map(path).collect()),
        })
}

pub(crate) fn world() -> impl Strategy<Value = World> {
    let marked = subsequence(NAMES.to_vec(), 0..3);
    let unreadable = prop_oneof![3 => Just(vec![]), 1 => subsequence(NAMES.to_vec(), 1..3)];
    let missing = prop_oneof![3 => Just(vec![]), 1 => subsequence(NAMES.to_vec(), 1..3)];
    let occupied = proptest::collection::vec((0..NAMES.len(), 0..6u8, 0..5u8), 0..3);
    (turns(), turns(), turns(), marked, unreadable, missing, occupied, policies()).prop_map(
        |(base, local, remote, marked, unreadable, missing, occupied, policy)| {
            let base = turned(&BTreeMap::new(), &base);
            let mut local = turned(&base, &local);
            let remote = turned(&base, &remote);
            // A file that was deleted here and whose deletion was not passed on.
            for name in &marked {
                local.remove(&path(name));
            }
            let mut world = World::of(&local, &base, &remote, policy);
            for name in marked {
                if let Some(row) = world.base.get_mut(&path(name)) {
                    row.deleted_here = true;
                }
            }
            for (at, way, content) in occupied {
                world.occupy(&path(NAMES[at]), way, content);
            }
            for name in unreadable {
                let name = path(name);
                // What cannot be read is there: a folder cannot be, below a file.
                let names = world.local_names();
                let is_below_a_file = name.ancestors().any(|folder| names.contains(&folder));
                if !is_below_a_file && world.local.unknown.above_and_below(&name).next().is_none() {
                    world.local.files.retain(|file, _| !file.is_within(&name));
                    world.local.unknown.insert(name, Unknown::Unreadable("no".into()));
                }
            }
            for name in missing {
                if let Some(file) = world.remote.files.remove(name) {
                    world.remote.unknown.insert(path(name), Unknown::Missing(file.commit));
                }
            }
            world
        },
    )
}

impl World {
    fn of(
        local: &BTreeMap<RelPath, u8>,
        base: &BTreeMap<RelPath, u8>,
        remote: &BTreeMap<RelPath, u8>,
        policy: SyncPolicy,
    ) -> Self {
        let agreed = |(name, content): (&RelPath, &u8)| {
            (name.clone(), BaseFile::agreed(&remote_file(*content, OLD), OLD))
        };
        let there = |(name, content): (&RelPath, &u8)| {
            let commit = if base.get(name) == Some(content) { OLD } else { NEW };
            (name.clone(), remote_file(*content, commit))
        };
        Self {
            local: LocalFiles {
                files: local.iter().map(|(name, content)| (name.clone(), local_file(*content))).collect(),
                ..LocalFiles::default()
            },
            base: base.iter().map(agreed).collect(),
            remote: RemoteFiles { files: remote.iter().map(there).collect(), ..RemoteFiles::default() },
            policy,
        }
    }

    /// Puts something where this path's conflict copy would go.
    fn occupy(&mut self, name: &RelPath, way: u8, content: u8) {
        let sides = [
            self.local.files.get(name).map(ConflictSide::from),
            self.remote.files.get(name).map(ConflictSide::from),
        ];
        for side in sides.into_iter().flatten() {
            let same = u8::try_from(side.size).expect("the files are tiny");
            let Some(copy) = copy_name(name, &side, &self.policy.device, 0) else {
                continue;
            };
            let below = copy.with_file_name(&format!("{}/x", copy.file_name())).expect("the names are plain");
            let is_free = |name: &RelPath| {
                let names = self.local_names().into_iter().chain(self.remote_names());
                !names.into_iter().any(|other| other.is_within(name) || name.is_within(&other))
            };
            if !is_free(&copy) {
                continue;
            }
            match way {
                0 => drop(self.local.files.insert(copy, local_file(content))),
                1 => drop(self.remote.files.insert(copy, remote_file(content, NEW))),
                2 => drop(self.remote.files.insert(below, remote_file(content, NEW))),
                3 => drop(self.local.files.insert(below, local_file(content))),
                // Agreed on, and since deleted on one side.
                4 => {
                    let file = remote_file(same, OLD);
                    self.base.insert(copy.clone(), BaseFile::agreed(&file, OLD));
                    self.local.files.insert(copy, local_file(same));
                }
                _ => {
                    let file = remote_file(same, OLD);
                    self.base.insert(copy.clone(), BaseFile::agreed(&file, OLD));
                    self.remote.files.insert(copy, file);
                }
            }
        }
    }

    /// Every name that is taken on this disk.
    pub(crate) fn local_names(&self) -> BTreeSet<RelPath> {
        let unknown = self.local.unknown.iter().map(|(path, _)| path.clone());
        self.local.files.keys().cloned().chain(unknown).collect()
    }

    /// Every name that the chain knows.
    pub(crate) fn remote_names(&self) -> BTreeSet<RelPath> {
        let unknown = self.remote.unknown.iter().map(|(path, _)| path.clone());
        self.remote.files.keys().cloned().chain(unknown).collect()
    }

    fn send(&mut self, path: &RelPath, content: &LocalFile) {
        let file = RemoteFile {
            hash: content.hash,
            size: content.size,
            mtime: content.mtime,
            version: Version::new(format!("ours of {}", content.hash)),
            commit: Some(OURS),
        };
        self.base.insert(path.clone(), BaseFile::agreed(&file, OURS));
        self.remote.unknown = without(&self.remote, path);
        self.remote.files.insert(path.clone(), file);
    }

    fn drop_there(&mut self, path: &RelPath) {
        self.remote.files.remove(path);
        self.remote.unknown = without(&self.remote, path);
        self.base.remove(path);
    }

    fn fetch(&mut self, path: &RelPath, file: &RemoteFile) {
        self.local.files.insert(path.clone(), as_local(file));
        let commit = file.commit.expect("every object of these trees is in the chain");
        self.base.insert(path.clone(), BaseFile::agreed(file, commit));
    }

    /// The world once every step is done, each on the condition that it finds what it expects.
    pub(crate) fn carry_out(mut self, plan: &Plan) -> Self {
        let both = self.policy.direction == Direction::Sync;
        // As the engine does: the remote's steps come first.
        let mut actions: Vec<_> = plan.actions.iter().collect();
        actions.sort_by_key(|action| action.step.kind().side() != Side::Remote);
        for action in actions {
            let path = &action.path;
            match &action.step {
                Step::Upload { hash, replaces, .. } => {
                    let file = self.local.files[path].clone();
                    assert_eq!(file.hash, *hash);
                    assert_eq!(self.remote.files.get(path).map(Seen::from), *replaces);
                    self.send(path, &file);
                }
                Step::Download { file, replaces } => {
                    assert_eq!(self.local.files.get(path).map(|file| file.hash), *replaces);
                    self.fetch(path, file);
                }
                Step::DeleteRemote { .. } => self.drop_there(path),
                Step::DeleteLocal { hash, .. } => {
                    assert_eq!(self.local.files.remove(path).map(|file| file.hash), Some(*hash));
                    self.base.remove(path);
                }
                Step::Adopt { file } | Step::Record { file } => {
                    let commit = file.commit.unwrap_or(OURS);
                    self.base.insert(path.clone(), BaseFile::agreed(file, commit));
                }
                Step::Forget => drop(self.base.remove(path)),
                Step::MarkDeleted => self.base.get_mut(path).expect("a row to mark").deleted_here = true,
                Step::Merge { remote, .. } => {
                    self.fetch(path, remote);
                    let merged = LocalFile {
                        hash: ContentHash::of(format!("merged {path}").as_bytes()),
                        ..as_local(remote)
                    };
                    self.local.files.insert(path.clone(), merged.clone());
                    if both {
                        self.send(path, &merged);
                    }
                }
                Step::KeepBoth { remote, copy, .. } => {
                    let ours = self.local.files.remove(path).expect("a file to move");
                    self.local.files.insert(copy.clone(), ours.clone());
                    match remote {
                        Some(remote) => self.fetch(path, remote),
                        None => drop(self.base.remove(path)),
                    }
                    if both && !self.remote.files.contains_key(copy) {
                        self.send(copy, &ours);
                    }
                }
                Step::SetAsideRemote { remote, copy } => {
                    self.local.files.insert(copy.clone(), as_local(remote));
                    self.drop_there(path);
                    self.send(copy, &as_local(remote));
                }
            }
        }
        self
    }
}

fn without(remote: &RemoteFiles, path: &RelPath) -> devlog_core::files::UnknownPaths {
    let mut rest = devlog_core::files::UnknownPaths::default();
    let others = remote.unknown.iter().filter(|(other, _)| *other != path);
    others.for_each(|(other, why)| rest.insert(other.clone(), why.clone()));
    rest
}

fn local_file(content: u8) -> LocalFile {
    LocalFile {
        hash: ContentHash::of(&text(content)),
        size: u64::from(content),
        mtime: FileTime(i64::from(content) * 7 % 5),
    }
}

fn remote_file(content: u8, commit: CommitNumber) -> RemoteFile {
    let LocalFile { hash, size, mtime } = local_file(content);
    RemoteFile {
        hash,
        size,
        mtime,
        version: Version::new(format!("{commit} of {content}")),
        commit: Some(commit),
    }
}

fn as_local(file: &RemoteFile) -> LocalFile {
    LocalFile { hash: file.hash, size: file.size, mtime: file.mtime }
}

/// Names that are a file's and a folder's at once.
pub(crate) fn clashes(names: &BTreeSet<RelPath>) -> Vec<String> {
    let is_folder = |name: &&RelPath| names.iter().any(|other| other != *name && other.is_within(name));
    names.iter().filter(is_folder).map(ToString::to_string).collect()
}
