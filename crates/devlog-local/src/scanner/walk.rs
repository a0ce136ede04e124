//! The walk: every name below the root, sorted into files, notes and what cannot be read.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use devlog_core::files::LocalFile;
use devlog_core::path::RelPath;
use devlog_core::ports::{LocalError, ScanNote, ScanNoteKind, StatRecords};
use ignore::{DirEntry, WalkBuilder, WalkState};

use crate::ignore_rules::IgnoreRules;
use crate::root::Root;
use crate::sqlite_snapshot::wal_stat;
use crate::stat;

/// A regular file that the walk met.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: RelPath,
    /// Relative to the root, where it is not `path`.
    pub(super) disk_name: Option<PathBuf>,
    pub(super) size: u64,
    /// The file as recorded, where its stat says that it is unchanged.
    pub(super) known: Option<LocalFile>,
}

impl Found {
    pub(super) fn name_on_disk(&self) -> &Path {
        self.disk_name.as_deref().unwrap_or(Path::new(self.path.as_str()))
    }
}

/// What the walk met.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) found: Vec<Found>,
    pub(super) notes: Vec<ScanNote>,
    /// Files and folders, with the system's reason.
    pub(super) unreadable: Vec<(RelPath, String)>,
    /// An error of which nobody can say what it hides.
    failed: Option<io::Error>,
}

impl Walked {
    fn append(&mut self, mut other: Self) {
        self.found.append(&mut other.found);
        self.notes.append(&mut other.notes);
        self.unreadable.append(&mut other.unreadable);
        self.failed = self.failed.take().or(other.failed);
    }
}

/// Walks the whole root with `threads` threads.
pub(super) fn walk(
    root: &Root,
    rules: &IgnoreRules,
    known: &StatRecords,
    threads: usize,
) -> Result<Walked, LocalError> {
    let all = Mutex::new(Walked::default());
    // The crate's own filters are all off: the rules are asked once, here, and mean the same to a pull.
    let walker = WalkBuilder::new(root.path())
        .standard_filters(false)
        .follow_links(false)
        .threads(threads)
        .build_parallel();
    walker.run(|| {
        let mut visitor = Visitor { root: root.path(), rules, known, walked: Walked::default(), all: &all };
        Box::new(move |entry| visitor.visit(entry))
    });
    let walked = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    match walked.failed {
        Some(error) => Err(error.into()),
        None => Ok(walked),
    }
}

/// One thread's part of the walk; handed in when the thread is done.
struct Visitor<'a> {
    root: &'a Path,
    rules: &'a IgnoreRules,
    known: &'a StatRecords,
    walked: Walked,
    all: &'a Mutex<Walked>,
}

impl Drop for Visitor<'_> {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.append(std::mem::take(&mut self.walked));
    }
}

impl Visitor<'_> {
    fn visit(&mut self, entry: Result<DirEntry, ignore::Error>) -> WalkState {
        match entry {
            Ok(entry) => self.met(&entry),
            Err(error) => self.stumbled(error),
        }
    }

    fn met(&mut self, entry: &DirEntry) -> WalkState {
        let relative = match entry.path().strip_prefix(self.root) {
            Ok(relative) if !relative.as_os_str().is_empty() => relative,
            _ => return WalkState::Continue,
        };
        let kind = entry.file_type();
        let is_folder = kind.is_some_and(|kind| kind.is_dir());
        let path = match path_of(relative) {
            Ok(path) => path,
            // `.devlog` itself is no `RelPath`; it is covered by the rules like a name that cannot be one.
            Err(_) if self.rules.covers(relative, is_folder) => return WalkState::Skip,
            Err(why) => return self.note(relative, ScanNoteKind::Name(why)),
        };
        if self.rules.covers(Path::new(path.as_str()), is_folder) {
            return WalkState::Skip;
        }
        match kind {
            Some(kind) if kind.is_dir() => WalkState::Continue,
            Some(kind) if kind.is_symlink() => self.note(relative, ScanNoteKind::Symlink),
            Some(kind) if kind.is_file() => self.file(entry, relative, path),
            _ => self.note(relative, ScanNoteKind::Special),
        }
    }

    fn file(&mut self, entry: &DirEntry, relative: &Path, path: RelPath) -> WalkState {
        let found = match entry.metadata() {
            Ok(found) => found,
            Err(error) => return self.stumbled(error),
        };
        let now = stat::of(&found);
        let known = self
            .known
            .get(&path)
            .filter(|record| stat::is_as_recorded(record, &now, || wal_stat(entry.path())))
            // A database's record has the later time of the database and its log, as reading it would.
            .map(|record| LocalFile { hash: record.hash, size: record.stat.size, mtime: record.stat.mtime });
        let same = relative.as_os_str().as_bytes() == path.as_str().as_bytes();
        let disk_name = (!same).then(|| relative.to_owned());
        self.walked.found.push(Found { path, disk_name, size: now.size, known });
        WalkState::Continue
    }

    /// Something could not be read. Gone since it was listed is no error; anything else hides what it stands for.
    fn stumbled(&mut self, error: ignore::Error) -> WalkState {
        let place = place_of(&error).and_then(|place| place.strip_prefix(self.root).ok()).map(Path::to_owned);
        let reason = error.into_io_error().unwrap_or_else(|| io::Error::other("the folder cannot be walked"));
        let known_place = place.filter(|place| !place.as_os_str().is_empty());
        match (known_place, reason.kind()) {
            (Some(_), io::ErrorKind::NotFound) => WalkState::Continue,
            (Some(place), _) => match path_of(&place) {
                Ok(path) => {
                    self.walked.unreadable.push((path, reason.to_string()));
                    WalkState::Continue
                }
                Err(why) => self.note(&place, ScanNoteKind::Name(why)),
            },
            (None, _) => {
                self.walked.failed = Some(reason);
                WalkState::Quit
            }
        }
    }

    /// Leaves the name out, and everything below it.
    fn note(&mut self, name: &Path, kind: ScanNoteKind) -> WalkState {
        self.walked.notes.push(ScanNote { name: shown(name), kind });
        WalkState::Skip
    }
}

/// The path that a disk's name stands for, or why it cannot be one.
fn path_of(relative: &Path) -> Result<RelPath, String> {
    let text = relative.to_str().ok_or_else(|| "the name is not UTF-8".to_owned())?;
    RelPath::new(text).map_err(|why| why.to_string())
}

fn place_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => place_of(err),
        ignore::Error::Partial(errors) => errors.first().and_then(place_of),
        _ => None,
    }
}

/// A name as people can read it: control characters and bytes that are not UTF-8 are escaped.
pub(super) fn shown(name: &Path) -> String {
    let mut text = String::new();
    for chunk in name.as_os_str().as_bytes().utf8_chunks() {
        for char in chunk.valid().chars() {
            if char.is_control() {
                text.extend(char.escape_default());
            } else {
                text.push(char);
            }
        }
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn names_are_shown_without_surprises() {
        let name = OsStr::from_bytes(b"a/\xff\x1b[31m\xc3\xa9\n");
        assert_eq!(shown(Path::new(name)), "a/\\xff\\u{1b}[31mé\\n");
    }
}
