//! `Clash` and `Strategy`: what kind of conflict it is, and what settles it.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::files::{ContentHash, FileTime, LocalFile, RemoteFile, Version};
use crate::path::RelPath;

/// How two sides that both changed are brought together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// Event files by union, text by three-way merge, anything else like [`Strategy::KeepBoth`].
    #[default]
    Merge,
    /// The remote keeps the name; the local version is kept beside it as a conflict copy.
    KeepBoth,
    /// The later modification time wins; the loser stays recoverable.
    LastWriteWins,
    /// The remote wins; the local version goes to the trash.
    ServerPreferred,
    /// This device wins; the remote version goes to the history.
    LocalPreferred,
    /// Neither side is touched until a person decides.
    Manual,
}

impl Strategy {
    /// Every strategy, in the order of the documentation.
    pub const ALL: [Self; 6] = [
        Self::Merge,
        Self::KeepBoth,
        Self::LastWriteWins,
        Self::ServerPreferred,
        Self::LocalPreferred,
        Self::Manual,
    ];

    /// The name in configuration and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::KeepBoth => "keep_both",
            Self::LastWriteWins => "last_write_wins",
            Self::ServerPreferred => "server_preferred",
            Self::LocalPreferred => "local_preferred",
            Self::Manual => "manual",
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Strategy {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|strategy| strategy.name() == text).ok_or(())
    }
}

/// In what way two sides contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clash {
    /// Both created the path, with different content.
    BothAdded,
    /// Both changed it, differently.
    BothModified,
    /// A file here, a folder of the same name there (or the reverse), both new.
    FileAndFolder,
}

impl Clash {
    /// The name in JSON and in the state.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BothAdded => "both_added",
            Self::BothModified => "both_modified",
            Self::FileAndFolder => "file_and_folder",
        }
    }
}

/// One side of a conflict, as far as it has a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictSide {
    /// Of the content.
    pub hash: ContentHash,
    /// In bytes.
    pub size: u64,
    /// Modification time.
    pub mtime: FileTime,
    /// The object's version; the remote side alone has one.
    pub version: Option<Version>,
}

impl From<&LocalFile> for ConflictSide {
    fn from(file: &LocalFile) -> Self {
        Self { hash: file.hash, size: file.size, mtime: file.mtime, version: None }
    }
}

impl From<&RemoteFile> for ConflictSide {
    fn from(file: &RemoteFile) -> Self {
        Self { hash: file.hash, size: file.size, mtime: file.mtime, version: Some(file.version.clone()) }
    }
}

/// A conflict that waits for a decision. Neither side is touched meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The path that both sides claim.
    pub path: RelPath,
    /// The kind.
    pub clash: Clash,
    /// This device's file; `None` where it has a folder of that name.
    pub local: Option<ConflictSide>,
    /// The remote's file; `None` where it has a folder of that name.
    pub remote: Option<ConflictSide>,
    /// When it was first seen; `None` until it was recorded.
    pub detected_at: Option<DateTime<Utc>>,
}

impl Conflict {
    /// A stable id of eight hex digits: the same path and versions give the same id on every run.
    pub fn id(&self) -> String {
        let side = |side: &Option<ConflictSide>| side.as_ref().map_or(String::new(), |s| s.hash.to_string());
        ContentHash::of(format!("{}\0{}\0{}", self.path, side(&self.local), side(&self.remote)).as_bytes())
            .short()
    }
}

/// The name of a conflict copy: `stem.conflict-<device>-<UTC time>-<8 hex>.ext`.
///
/// Made from the file alone, so that planning twice gives one name. `salt` is 0, or counts up while names are taken.
pub fn copy_name(path: &RelPath, file: &ConflictSide, device: &str, salt: u32) -> Option<RelPath> {
    let name = path.file_name();
    let (stem, extension) = match name.rfind('.') {
        Some(dot) if dot > 0 => name.split_at(dot),
        _ => (name, ""),
    };
    let device: String = device.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).take(32).collect();
    let time = file.mtime.to_utc().format("%Y%m%dT%H%M%SZ");
    let salt = if salt == 0 { String::new() } else { format!("-{salt}") };
    let mark = format!(".conflict-{device}-{time}-{}{salt}", file.hash.short());
    let room = crate::path::MAX_NAME_BYTES.saturating_sub(mark.len() + extension.len());
    let mut keep = stem.len().min(room);
    while !stem.is_char_boundary(keep) {
        keep -= 1;
    }
    path.with_file_name(&format!("{}{mark}{extension}", &stem[..keep])).ok()
}
