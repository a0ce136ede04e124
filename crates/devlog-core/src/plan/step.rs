//! `Plan`, `Action`, `Step`, `Note`: what a run is about to do, as values.

use std::fmt;

use crate::conflict::{Clash, Conflict};
use crate::files::{ContentHash, RemoteFile, Unknown, Version};
use crate::path::RelPath;

/// What a run does: sorted by path, at most one entry a path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// What is carried out.
    pub actions: Vec<Action>,
    /// What waits for a person.
    pub conflicts: Vec<Conflict>,
    /// What is left out, and why.
    pub notes: Vec<Note>,
}

/// One step for one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Which file.
    pub path: RelPath,
    /// What is done.
    pub step: Step,
    /// The conflict that this step settles by the strategy.
    pub settles: Option<Clash>,
}

/// An object's state as the plan saw it: what a step expects to replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Which state.
    pub version: Version,
    /// Its content, under which it goes to the history.
    pub hash: ContentHash,
    /// In bytes.
    pub size: u64,
}

impl From<&RemoteFile> for Seen {
    fn from(file: &RemoteFile) -> Self {
        Self { version: file.version.clone(), hash: file.hash, size: file.size }
    }
}

/// What is done to one path. Each step carries what it expects to find, so that a stale plan is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send the local file.
    Upload {
        /// Its content when it was scanned.
        hash: ContentHash,
        /// In bytes, when it was scanned.
        size: u64,
        /// The object it replaces; `None` creates it.
        replaces: Option<Seen>,
    },
    /// Fetch the remote file.
    Download {
        /// What is fetched.
        file: RemoteFile,
        /// The local content it replaces; `None` creates it.
        replaces: Option<ContentHash>,
    },
    /// Delete the object.
    DeleteRemote {
        /// What is deleted.
        seen: Seen,
    },
    /// Delete the local file (to the trash).
    DeleteLocal {
        /// What is deleted.
        hash: ContentHash,
        /// In bytes.
        size: u64,
    },
    /// Both sides have the same bytes and the chain knows it: remember that they agree.
    Adopt {
        /// The remote's file.
        file: RemoteFile,
    },
    /// Both sides have the same bytes and the chain does *not* know it (an upload without its commit, another tool):
    /// commit what is there.
    Record {
        /// The object as it was seen.
        file: RemoteFile,
    },
    /// Gone on both sides: drop the base row.
    Forget,
    /// Gone here, kept there: remember that it was meant.
    MarkDeleted,
    /// Bring both versions together into one.
    Merge {
        /// The local content.
        local: ContentHash,
        /// What both sides last agreed on.
        base: Option<ContentHash>,
        /// The remote's file.
        remote: RemoteFile,
        /// Where the local version goes if they cannot be merged.
        copy: RelPath,
    },
    /// The local version moves to `copy`; the remote keeps the name.
    KeepBoth {
        /// The local content.
        local: ContentHash,
        /// The remote's file; `None` where a folder of the remote's takes the name.
        remote: Option<RemoteFile>,
        /// The local version's new name.
        copy: RelPath,
    },
    /// A local folder keeps the name; the remote's file is stored as `copy`.
    SetAsideRemote {
        /// The remote's file.
        remote: RemoteFile,
        /// Its new name.
        copy: RelPath,
    },
}

/// A step without its particulars: for counting and for names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the step of the same name")]
pub enum StepKind {
    Upload,
    Download,
    DeleteRemote,
    DeleteLocal,
    Adopt,
    Record,
    Forget,
    MarkDeleted,
    Merge,
    KeepBoth,
    SetAsideRemote,
}

/// What a step changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The remote alone.
    Remote,
    /// This disk alone, or this disk and then the remote.
    Local,
    /// Nothing but what devlog remembers.
    State,
}

impl StepKind {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Download => "download",
            Self::DeleteRemote => "delete_remote",
            Self::DeleteLocal => "delete_local",
            Self::Adopt => "adopt",
            Self::Record => "record",
            Self::Forget => "forget",
            Self::MarkDeleted => "mark_deleted",
            Self::Merge => "merge",
            Self::KeepBoth => "keep_both",
            Self::SetAsideRemote => "set_aside_remote",
        }
    }

    /// What it changes.
    pub const fn side(self) -> Side {
        match self {
            Self::Upload | Self::DeleteRemote | Self::Record => Side::Remote,
            Self::Download | Self::DeleteLocal | Self::Merge | Self::KeepBoth | Self::SetAsideRemote => {
                Side::Local
            }
            Self::Adopt | Self::Forget | Self::MarkDeleted => Side::State,
        }
    }
}

impl Step {
    /// Which step it is.
    pub const fn kind(&self) -> StepKind {
        match self {
            Self::Upload { .. } => StepKind::Upload,
            Self::Download { .. } => StepKind::Download,
            Self::DeleteRemote { .. } => StepKind::DeleteRemote,
            Self::DeleteLocal { .. } => StepKind::DeleteLocal,
            Self::Adopt { .. } => StepKind::Adopt,
            Self::Record { .. } => StepKind::Record,
            Self::Forget => StepKind::Forget,
            Self::MarkDeleted => StepKind::MarkDeleted,
            Self::Merge { .. } => StepKind::Merge,
            Self::KeepBoth { .. } => StepKind::KeepBoth,
            Self::SetAsideRemote { .. } => StepKind::SetAsideRemote,
        }
    }

    /// Bytes that it moves over the network.
    pub const fn bytes(&self) -> u64 {
        match self {
            Self::Upload { size, .. } => *size,
            Self::Download { file, .. } => file.size,
            Self::Merge { remote, .. } | Self::SetAsideRemote { remote, .. } => remote.size,
            Self::KeepBoth { remote, .. } => match remote {
                Some(remote) => remote.size,
                None => 0,
            },
            Self::DeleteRemote { .. }
            | Self::DeleteLocal { .. }
            | Self::Adopt { .. }
            | Self::Record { .. }
            | Self::Forget
            | Self::MarkDeleted => 0,
        }
    }
}

impl Plan {
    /// How many steps are of this kind.
    pub fn count(&self, kind: StepKind) -> usize {
        self.actions.iter().filter(|action| action.step.kind() == kind).count()
    }

    /// Whether any step changes this side.
    pub fn touches(&self, side: Side) -> bool {
        self.actions.iter().any(|action| action.step.kind().side() == side)
    }

    /// Conflicts that the strategy settles.
    pub fn settled(&self) -> usize {
        self.actions.iter().filter(|action| action.settles.is_some()).count()
    }

    /// Bytes that the plan moves over the network.
    pub fn bytes(&self) -> u64 {
        self.actions.iter().map(|action| action.step.bytes()).sum()
    }
}

/// Something that a run leaves alone and mentions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The path, or the name on disk where that is no path; safe to print.
    pub subject: String,
    /// What is to be said.
    pub kind: NoteKind,
}

/// Why something was left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoteKind {
    /// The remote has news that a push does not fetch.
    RemoteAhead,
    /// This disk has news that a pull does not send.
    LocalAhead,
    /// Deleted here, and deletions are not passed on.
    DeletionKeptRemote,
    /// Deleted there, and deletions are not passed on.
    DeletionKeptLocal,
    /// Edited on one side and deleted on the other: the edit wins, and this run may not carry it.
    EditBeatsDeletion,
    /// Nothing can be said about this disk's file.
    UnknownHere(Unknown),
    /// Nothing can be said about the remote's file.
    UnknownThere(Unknown),
    /// A symbolic link: not followed.
    Symlink,
    /// A socket, pipe or device.
    Special,
    /// A name that cannot be synced; the text says why.
    UnusableName(String),
    /// The same name as another in Unicode's composed form.
    Twin,
    /// An object whose key cannot be a path here; the text says why.
    UnusableKey(String),
}

impl Note {
    /// Whether the run cannot claim to have done everything.
    pub fn is_partial(&self) -> bool {
        match &self.kind {
            NoteKind::UnknownHere(Unknown::Excluded | Unknown::Vanished)
            | NoteKind::UnknownThere(Unknown::Excluded) => false,
            NoteKind::UnknownHere(_)
            | NoteKind::UnknownThere(_)
            | NoteKind::UnusableName(_)
            | NoteKind::Twin
            | NoteKind::UnusableKey(_) => true,
            NoteKind::RemoteAhead
            | NoteKind::LocalAhead
            | NoteKind::DeletionKeptRemote
            | NoteKind::DeletionKeptLocal
            | NoteKind::EditBeatsDeletion
            | NoteKind::Symlink
            | NoteKind::Special => false,
        }
    }
}

impl Note {
    /// Whether an object is missing or damaged.
    pub const fn is_corrupt(&self) -> bool {
        matches!(self.kind, NoteKind::UnknownThere(Unknown::Missing(_) | Unknown::Corrupt))
    }
}

impl fmt::Display for NoteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unknown = |f: &mut fmt::Formatter<'_>, why: &Unknown| match why {
            Unknown::Unreadable(reason) => write!(f, "cannot be read: {reason}"),
            Unknown::Vanished => f.write_str("it went while the run was at work"),
            Unknown::Excluded => f.write_str("excluded by an ignore rule"),
            Unknown::Missing(_) => f.write_str("the remote's log names it, but the object is missing"),
            Unknown::Corrupt => f.write_str("the object's content is not what the remote's log says"),
        };
        match self {
            Self::RemoteAhead => f.write_str("newer on the remote"),
            Self::LocalAhead => f.write_str("newer here"),
            Self::DeletionKeptRemote => f.write_str("deleted here, kept on the remote"),
            Self::DeletionKeptLocal => f.write_str("deleted on the remote, kept here"),
            Self::EditBeatsDeletion => {
                f.write_str("edited on one side and deleted on the other; the edit is kept")
            }
            Self::UnknownHere(why) | Self::UnknownThere(why) => unknown(f, why),
            Self::Symlink => f.write_str("a symbolic link, not followed"),
            Self::Special => f.write_str("not a regular file"),
            Self::UnusableName(why) => write!(f, "the name cannot be synced: {why}"),
            Self::Twin => f.write_str("another file has the same name in another Unicode form"),
            Self::UnusableKey(why) => write!(f, "the object's name cannot be a file's: {why}"),
        }
    }
}
