//! `FakeTree`: a folder in memory that can be edited while it is read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;

use super::lock;
use crate::files::{ContentHash, FileTime, LocalFile, Unknown};
use crate::path::RelPath;
use crate::ports::{
    Body, BodyError, Clock, FileStat, LocalContent, LocalError, LocalTree, Scan, ScanDepth, ScanNote,
    StatRecord, StatRecords,
};

/// Pieces in which a file too large to be read at once is handed out.
const PIECE_BYTES: usize = 64 << 10;

/// A hash is trusted if it was made so long after the file's times.
const RACY_NS: i64 = 2_000_000_000;

#[derive(Debug, Clone)]
struct FakeFile {
    bytes: Bytes,
    stat: FileStat,
}

type Meanwhile = Box<dyn FnOnce(&FakeTree) + Send>;

#[derive(Default)]
struct Folder {
    files: BTreeMap<RelPath, FakeFile>,
    unreadable: BTreeSet<RelPath>,
    excluded: Vec<RelPath>,
    notes: Vec<ScanNote>,
    meanwhile: HashMap<RelPath, Meanwhile>,
    inodes: u64,
    hashed: usize,
}

/// A folder in memory. What one clone does, all see.
#[derive(Clone)]
pub struct FakeTree {
    clock: Arc<dyn Clock>,
    folder: Arc<Mutex<Folder>>,
}

impl fmt::Debug for FakeTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(lock(&self.folder).files.iter()).finish()
    }
}

impl FakeTree {
    /// An empty folder whose times this clock gives.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, folder: Arc::default() }
    }

    fn now(&self) -> i64 {
        self.clock.now().timestamp_nanos_opt().unwrap_or_default()
    }

    /// Writes a file beside and renames it: a new inode.
    pub fn write(&self, path: &str, bytes: impl Into<Bytes>) {
        self.write_at(path, bytes, FileTime(self.now()));
    }

    /// The same, with a modification time of the caller's choice, as `tar` or `git checkout` would.
    pub fn write_at(&self, path: &str, bytes: impl Into<Bytes>, mtime: FileTime) {
        let (path, bytes, ctime) = (parsed(path), bytes.into(), self.now());
        let mut folder = lock(&self.folder);
        folder.inodes += 1;
        let stat = FileStat { size: bytes.len() as u64, mtime, ctime, inode: folder.inodes };
        folder.files.insert(path, FakeFile { bytes, stat });
    }

    /// Changes a file's bytes in place, and nothing of its stat but the change time and the size.
    pub fn edit_in_place(&self, path: &str, bytes: impl Into<Bytes>) {
        let (bytes, ctime) = (bytes.into(), self.now());
        if let Some(file) = lock(&self.folder).files.get_mut(path) {
            file.stat.size = bytes.len() as u64;
            file.stat.ctime = ctime;
            file.bytes = bytes;
        }
    }

    /// Sets a file's times to now.
    pub fn touch(&self, path: &str) {
        let now = self.now();
        if let Some(file) = lock(&self.folder).files.get_mut(path) {
            file.stat.mtime = FileTime(now);
            file.stat.ctime = now;
        }
    }

    /// Removes a file.
    pub fn remove(&self, path: &str) -> bool {
        lock(&self.folder).files.remove(path).is_some()
    }

    /// Makes a file, or a folder with all that is below it, unreadable.
    pub fn forbid(&self, path: &str) {
        lock(&self.folder).unreadable.insert(parsed(path));
    }

    /// Adds an ignore rule for a file, or for a folder with all that is below it.
    pub fn exclude(&self, path: &str) {
        lock(&self.folder).excluded.push(parsed(path));
    }

    /// Lets every scan mention this.
    pub fn note(&self, note: ScanNote) {
        lock(&self.folder).notes.push(note);
    }

    /// Does something when the file is next read: after its first bytes were seen, before its last.
    pub fn while_reading(&self, path: &str, meanwhile: impl FnOnce(&Self) + Send + 'static) {
        lock(&self.folder).meanwhile.insert(parsed(path), Box::new(meanwhile));
    }

    /// Every file's bytes.
    pub fn files(&self) -> BTreeMap<String, Bytes> {
        let bytes = |(path, file): (&RelPath, &FakeFile)| (path.to_string(), file.bytes.clone());
        lock(&self.folder).files.iter().map(bytes).collect()
    }

    /// Files whose content scans had to read since this was last asked.
    pub fn take_hashed(&self) -> usize {
        std::mem::take(&mut lock(&self.folder).hashed)
    }

    fn current(&self, path: &RelPath) -> Option<FakeFile> {
        lock(&self.folder).files.get(path).cloned()
    }

    /// What became of a file between its first byte and its last.
    fn since(&self, path: &RelPath, before: &FakeFile) -> Result<(), Turn> {
        match self.current(path) {
            Some(after) if after.stat.inode != before.stat.inode => Ok(()),
            Some(after) if after.stat.size < before.stat.size => Err(Turn::Truncated),
            Some(after) if after.stat != before.stat || after.bytes != before.bytes => Err(Turn::Changed),
            // Also where it was removed or renamed away: whoever has it open still sees its bytes.
            None | Some(_) => Ok(()),
        }
    }
}

enum Turn {
    Changed,
    Truncated,
}

fn parsed(path: &str) -> RelPath {
    RelPath::new(path).expect("a test names a path of the tree")
}

fn covers(folders: &[RelPath], path: &RelPath) -> bool {
    folders.iter().any(|folder| path.is_within(folder))
}

#[async_trait]
impl LocalTree for FakeTree {
    fn root(&self) -> String {
        "~/.devlog".to_owned()
    }

    async fn scan(&self, known: StatRecords, depth: ScanDepth) -> Result<Scan, LocalError> {
        let recorded = self.now();
        let mut folder = lock(&self.folder);
        let mut scan = Scan { notes: folder.notes.clone(), ..Scan::default() };
        for path in &folder.unreadable {
            let why = Unknown::Unreadable("permission denied".to_owned());
            scan.local.unknown.insert(path.clone(), why);
        }
        for (path, FakeFile { bytes, stat }) in &folder.files {
            if covers(&folder.excluded, path) || scan.local.unknown.get(path).is_some() {
                continue;
            }
            let is_settled =
                |record: &StatRecord| record.recorded > stat.mtime.0.max(stat.ctime).saturating_add(RACY_NS);
            let record = known.get(path).filter(|record| {
                depth == ScanDepth::TrustStats && record.stat == *stat && is_settled(record)
            });
            let hash = record.map_or_else(|| ContentHash::of(bytes), |record| record.hash);
            if record.is_none() {
                scan.bytes_hashed += stat.size;
                let (path, stat) = (path.clone(), *stat);
                scan.learned.push((path, StatRecord { stat, hash, recorded }));
            }
            let file = LocalFile { hash, size: stat.size, mtime: stat.mtime };
            scan.local.files.insert(path.clone(), file);
        }
        let is_gone = |path: &&RelPath| !folder.files.contains_key(*path);
        scan.forgotten = known.keys().filter(is_gone).cloned().collect();
        folder.hashed += scan.learned.len();
        Ok(scan)
    }

    fn is_excluded(&self, path: &RelPath) -> bool {
        covers(&lock(&self.folder).excluded, path)
    }

    async fn read(&self, path: &RelPath, inline_limit: u64) -> Result<LocalContent, LocalError> {
        let file = self.current(path).ok_or(LocalError::Vanished)?;
        let mtime = file.stat.mtime;
        let meanwhile = lock(&self.folder).meanwhile.remove(path);
        if file.stat.size <= inline_limit {
            if let Some(meanwhile) = meanwhile {
                meanwhile(self);
            }
            let body = match self.since(path, &file) {
                Ok(()) => Body::Bytes(file.bytes),
                Err(Turn::Changed) => return Err(LocalError::Changed),
                Err(Turn::Truncated) => return Err(LocalError::Truncated),
            };
            return Ok(LocalContent { mtime, body });
        }
        let pieces = (0..file.bytes.len()).step_by(PIECE_BYTES).map({
            let bytes = file.bytes.clone();
            move |from| Ok(bytes.slice(from..bytes.len().min(from + PIECE_BYTES)))
        });
        let (tree, path, len) = (self.clone(), path.clone(), file.stat.size);
        let last = futures_util::stream::once(async move {
            if let Some(meanwhile) = meanwhile {
                meanwhile(&tree);
            }
            match tree.since(&path, &file) {
                Ok(()) => None,
                Err(Turn::Changed) => Some(Err(BodyError::Changed)),
                Err(Turn::Truncated) => Some(Err(BodyError::Truncated)),
            }
        });
        let stream = futures_util::stream::iter(pieces).chain(last.filter_map(std::future::ready)).boxed();
        Ok(LocalContent { mtime, body: Body::Stream { len, stream } })
    }
}
