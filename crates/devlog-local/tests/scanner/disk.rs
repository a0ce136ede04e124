//! A root of a test's own, and short words for what a scan found.

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use devlog_core::files::{ContentHash, FileTime};
use devlog_core::path::RelPath;
use devlog_core::ports::{FileStat, Scan, ScanDepth, ScanNoteKind, StatRecord, StatRecords};
use devlog_local::ignore_rules::IgnoreRules;
use devlog_local::root::Root;
use devlog_local::scanner::{FileScanner, Scanned};
use tempfile::TempDir;

/// A root of its own, and what its scans have learned.
pub(crate) struct Disk {
    pub(crate) folder: TempDir,
    pub(crate) root: Root,
    pub(crate) known: StatRecords,
}

impl Disk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path()).unwrap();
        Self { folder, root, known: StatRecords::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn set_mtime(&self, name: &str, mtime: SystemTime) {
        File::open(self.path(name)).unwrap().set_times(FileTimes::new().set_modified(mtime)).unwrap();
    }

    /// Lets the time pass after which a record counts, without waiting for it.
    pub(crate) fn age_records(&mut self) {
        for record in self.known.values_mut() {
            record.recorded += 3_000_000_000;
        }
    }

    pub(crate) fn scan_with(&mut self, depth: ScanDepth) -> Scanned {
        let rules = IgnoreRules::load(self.root.path()).unwrap();
        let scanned = FileScanner::new(&self.root, &rules).depth(depth).scan(&self.known).unwrap();
        self.known.extend(scanned.scan.learned.iter().cloned());
        scanned
    }

    pub(crate) fn scan(&mut self) -> Scan {
        self.scan_with(ScanDepth::TrustStats).scan
    }

    /// Scans, and remembers everything as if it had been recorded much later.
    pub(crate) fn settle(&mut self) {
        // The rule is checked at `stat`; here the files are old enough because their records say so.
        std::thread::sleep(Duration::from_millis(10));
        let scan = self.scan();
        for (path, file) in scan.local.files {
            let found = self.path(path.as_str()).metadata().unwrap();
            let stat = stat_of(&found);
            let recorded = stat.mtime.0.max(stat.ctime) + 3_000_000_000;
            self.known.insert(path, StatRecord { stat, hash: file.hash, recorded });
        }
    }
}

pub(crate) fn stat_of(found: &fs::Metadata) -> FileStat {
    FileStat {
        size: found.size(),
        mtime: FileTime(found.mtime() * 1_000_000_000 + found.mtime_nsec()),
        ctime: found.ctime() * 1_000_000_000 + found.ctime_nsec(),
        inode: found.ino(),
    }
}

pub(crate) fn rel(text: &str) -> RelPath {
    RelPath::new(text).unwrap()
}

pub(crate) fn names(scan: &Scan) -> Vec<&str> {
    scan.local.files.keys().map(RelPath::as_str).collect()
}

pub(crate) fn hash_in(scan: &Scan, name: &str) -> ContentHash {
    scan.local.files[&rel(name)].hash
}

pub(crate) fn notes(scan: &Scan) -> Vec<(&str, &ScanNoteKind)> {
    scan.notes.iter().map(|note| (note.name.as_str(), &note.kind)).collect()
}
