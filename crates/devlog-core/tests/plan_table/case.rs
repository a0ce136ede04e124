//! One path in every state that the three trees can give it.

use devlog_core::conflict::Strategy;
use devlog_core::files::{
    BaseFile, BaseFiles, CommitNumber, ContentHash, FileTime, LocalFile, LocalFiles, RemoteFile, RemoteFiles,
    Unknown, Version,
};
use devlog_core::path::RelPath;
use devlog_core::plan::{Deletions, Direction, Scope, SyncPolicy};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bytes {
    Agreed,
    Ours,
    Theirs,
    Empty,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum There {
    Absent,
    /// These bytes, by this commit; the base row is of commit 5.
    File(Bytes, Option<u64>),
    Unknown(Blank),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Here {
    Absent,
    File(Bytes),
    Unreadable,
    Excluded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blank {
    MissingSinceBase,
    MissingNewer,
    MissingUnknown,
    Corrupt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    None,
    Agreed,
    DeletedHere,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) path: &'static str,
    pub(crate) here: Here,
    pub(crate) row: Row,
    pub(crate) there: There,
    pub(crate) direction: Direction,
    pub(crate) deletions: Deletions,
    pub(crate) strategy: Strategy,
    /// Modification times here and there.
    pub(crate) times: (i64, i64),
}

pub(crate) fn hash(bytes: Bytes) -> ContentHash {
    ContentHash::of(content(bytes))
}

pub(crate) fn content(bytes: Bytes) -> &'static [u8] {
    match bytes {
        Bytes::Agreed => b"agreed",
        Bytes::Ours => b"ours",
        Bytes::Theirs => b"theirs",
        Bytes::Empty => b"",
    }
}

pub(crate) fn size(bytes: Bytes) -> u64 {
    content(bytes).len() as u64
}

impl Case {
    pub(crate) fn path(&self) -> RelPath {
        RelPath::new(self.path).expect("the paths are plain")
    }

    pub(crate) fn local(&self) -> LocalFiles {
        let mut local = LocalFiles::default();
        match self.here {
            Here::Absent => {}
            Here::File(bytes) => {
                let file = LocalFile { hash: hash(bytes), size: size(bytes), mtime: FileTime(self.times.0) };
                local.files.insert(self.path(), file);
            }
            Here::Unreadable => local.unknown.insert(self.path(), Unknown::Unreadable("no".into())),
            Here::Excluded => local.unknown.insert(self.path(), Unknown::Excluded),
        }
        local
    }

    pub(crate) fn base(&self) -> BaseFiles {
        let row = BaseFile {
            hash: hash(Bytes::Agreed),
            size: size(Bytes::Agreed),
            mtime: FileTime(0),
            version: Version::new("v5"),
            commit: CommitNumber(5),
            deleted_here: self.row == Row::DeletedHere,
        };
        match self.row {
            Row::None => BaseFiles::new(),
            Row::Agreed | Row::DeletedHere => [(self.path(), row)].into(),
        }
    }

    pub(crate) fn remote(&self) -> RemoteFiles {
        let mut remote = RemoteFiles::default();
        match self.there {
            There::Absent => {}
            There::File(bytes, commit) => {
                let file = RemoteFile {
                    hash: hash(bytes),
                    size: size(bytes),
                    mtime: FileTime(self.times.1),
                    version: Version::new(format!("v{}", commit.unwrap_or(99))),
                    commit: commit.map(CommitNumber),
                };
                remote.files.insert(self.path(), file);
            }
            There::Unknown(blank) => {
                let why = match blank {
                    Blank::MissingSinceBase => Unknown::Missing(Some(CommitNumber(5))),
                    Blank::MissingNewer => Unknown::Missing(Some(CommitNumber(6))),
                    Blank::MissingUnknown => Unknown::Missing(None),
                    Blank::Corrupt => Unknown::Corrupt,
                };
                remote.unknown.insert(self.path(), why);
            }
        }
        remote
    }

    pub(crate) fn policy(&self) -> SyncPolicy {
        SyncPolicy {
            direction: self.direction,
            deletions: self.deletions,
            strategy: self.strategy,
            device: "xps".into(),
            scope: Scope::everything(),
        }
    }

    pub(crate) fn letter_here(&self) -> char {
        match (self.row, self.here) {
            (Row::None, Here::Absent) => '=',
            (Row::None, Here::File(_)) => 'A',
            (_, Here::Absent) => 'D',
            (_, Here::File(Bytes::Agreed)) => '=',
            (_, Here::File(_)) => 'M',
            (_, Here::Unreadable | Here::Excluded) => 'U',
        }
    }

    pub(crate) fn letter_there(&self) -> char {
        match (self.row, self.there) {
            (Row::None, There::Absent) => '=',
            (Row::None, There::File(..)) => 'A',
            (_, There::Absent) => 'D',
            (_, There::File(Bytes::Agreed, Some(5))) => '=',
            (_, There::File(..)) => 'M',
            (_, There::Unknown(_)) => 'U',
        }
    }

    pub(crate) fn up(&self) -> bool {
        self.direction != Direction::Pull
    }

    pub(crate) fn down(&self) -> bool {
        self.direction != Direction::Push
    }
}

pub(crate) fn every_case(mut visit: impl FnMut(Case)) {
    use Bytes::{Agreed, Empty, Ours, Theirs};
    let heres = [
        Here::Absent,
        Here::File(Agreed),
        Here::File(Ours),
        Here::File(Theirs),
        Here::File(Empty),
        Here::Unreadable,
        Here::Excluded,
    ];
    let theres = [
        There::Absent,
        There::File(Agreed, Some(5)),
        There::File(Agreed, Some(6)),
        There::File(Agreed, None),
        There::File(Theirs, Some(6)),
        There::File(Theirs, None),
        There::File(Empty, Some(6)),
        There::Unknown(Blank::MissingSinceBase),
        There::Unknown(Blank::MissingNewer),
        There::Unknown(Blank::MissingUnknown),
        There::Unknown(Blank::Corrupt),
    ];
    for path in ["events/20250911.jsonl", "notes/a.md", "palace.sqlite"] {
        for here in heres {
            for row in [Row::None, Row::Agreed, Row::DeletedHere] {
                for there in theres {
                    for direction in [Direction::Push, Direction::Pull, Direction::Sync] {
                        for deletions in [Deletions::Propagate, Deletions::Keep] {
                            for strategy in Strategy::ALL {
                                for times in [(1, 2), (2, 1), (1, 1)] {
                                    visit(Case {
                                        path,
                                        here,
                                        row,
                                        there,
                                        direction,
                                        deletions,
                                        strategy,
                                        times,
                                    });
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
