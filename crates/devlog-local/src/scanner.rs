//! `FileScanner`: finds every file below a root and learns its hash, reading only what may have changed.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use devlog_core::files::Unknown;
use devlog_core::path::RelPath;
use devlog_core::ports::{LocalError, Scan, ScanDepth, ScanNote, ScanNoteKind, StatRecord, StatRecords};

use crate::ignore_rules::IgnoreRules;
use crate::root::{Access, Root};
use crate::stat;

mod digest;
mod walk;

use digest::{Digested, Reader};
use walk::Found;

/// Names as the disk has them, where they differ from their [`RelPath`] (a disk that hands out decomposed names).
pub type DiskNames = HashMap<RelPath, PathBuf>;

/// The outcome of a scan, with the disk's own names.
#[derive(Debug, Default)]
pub struct Scanned {
    /// What the engine is told.
    pub scan: Scan,
    /// Where a file's name on disk is not its path.
    pub names: DiskNames,
}

/// Scans one root. Links are not followed; nothing below the root is written.
#[derive(Debug)]
pub struct FileScanner<'a> {
    root: &'a Root,
    rules: &'a IgnoreRules,
    access: Access,
    depth: ScanDepth,
    threads: usize,
}

impl<'a> FileScanner<'a> {
    /// A scanner of `root` that leaves out what `rules` cover and uses every core.
    pub fn new(root: &'a Root, rules: &'a IgnoreRules) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { root, rules, access: Access::ReadOnly, depth: ScanDepth::TrustStats, threads }
    }

    /// How far records are trusted; without this, as far as they can be.
    pub fn depth(mut self, depth: ScanDepth) -> Self {
        self.depth = depth;
        self
    }

    /// Whether databases may be staged in `.devlog/tmp`; without this they are staged outside the root.
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Walks the root and reads the files whose stat is not as in `known`. Blocks.
    pub fn scan(&self, known: &StatRecords) -> Result<Scanned, LocalError> {
        self.root.require()?;
        // Taken before anything is read, so that a record never claims to be newer than the content it stands for.
        let recorded = stat::now();
        let nothing = StatRecords::new();
        let known = if self.depth == ScanDepth::HashAll { (&nothing, known) } else { (known, known) };
        let mut walked = walk::walk(self.root, self.rules, known.0, self.threads)?;
        let mut notes = walked.notes;
        drop_twins(&mut walked.found, &mut notes);

        let read = self.read_all(&walked.found);
        let mut scan = Scan::default();
        for (path, reason) in walked.unreadable {
            scan.local.unknown.insert(path, Unknown::Unreadable(reason));
        }
        let mut names = DiskNames::new();
        let mut files = Vec::with_capacity(walked.found.len());
        let mut read = read.into_iter().peekable();
        for (index, found) in walked.found.into_iter().enumerate() {
            let file = match read.next_if(|(of, _)| *of == index) {
                None => found.known,
                Some((_, Digested::Gone)) => None,
                Some((_, Digested::Unreadable(reason))) => {
                    scan.local.unknown.insert(found.path.clone(), Unknown::Unreadable(reason));
                    None
                }
                Some((_, Digested::Read { file, stat })) => {
                    scan.bytes_hashed += file.size;
                    let learned = stat.map(|stat| StatRecord { stat, hash: file.hash, recorded });
                    if let Some(record) = learned.filter(|record| is_news(record, known.1.get(&found.path))) {
                        scan.learned.push((found.path.clone(), record));
                    }
                    Some(file)
                }
            };
            let Some(file) = file else { continue };
            if let Some(name) = found.disk_name {
                names.insert(found.path.clone(), name);
            }
            files.push((found.path, file));
        }
        scan.local.files = BTreeMap::from_iter(files);
        notes.sort_by(|a, b| a.name.cmp(&b.name));
        scan.notes = notes;
        Ok(Scanned { scan, names })
    }

    /// Reads what the walk could not settle, on every core. In the order of `found`, with the index there.
    fn read_all(&self, found: &[Found]) -> Vec<(usize, Digested)> {
        let mut unsettled: Vec<usize> =
            (0..found.len()).filter(|index| found[*index].known.is_none()).collect();
        // The largest first: one that comes last would keep a single core busy at the end.
        unsettled.sort_by_key(|index| std::cmp::Reverse(found[*index].size));
        let next = AtomicUsize::new(0);
        let work = || {
            let mut reader = Reader::new(self.root, self.access);
            let mut done = Vec::new();
            while let Some(index) = unsettled.get(next.fetch_add(1, Ordering::Relaxed)) {
                done.push((*index, reader.digest(found[*index].name_on_disk())));
            }
            done
        };
        let mut read: Vec<(usize, Digested)> = std::thread::scope(|scope| {
            let helpers = self.threads.min(unsettled.len()).saturating_sub(1);
            let helpers: Vec<_> = (0..helpers).map(|_| scope.spawn(work)).collect();
            let mut read = work();
            for helper in helpers {
                match helper.join() {
                    Ok(part) => read.extend(part),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            read
        });
        read.sort_unstable_by_key(|(index, _)| *index);
        read
    }
}

/// Whether a record is worth keeping: it can be trusted some day, or it contradicts the one that is kept.
fn is_news(record: &StatRecord, kept: Option<&StatRecord>) -> bool {
    match kept {
        Some(kept) if kept.stat == record.stat && kept.hash == record.hash => {
            !stat::is_settled(kept) && stat::is_settled(record)
        }
        Some(_) => true,
        None => stat::is_settled(record),
    }
}

/// Keeps one of several names that are one path, and folders where a file has the name of one.
fn drop_twins(found: &mut Vec<Found>, notes: &mut Vec<ScanNote>) {
    found.sort_unstable_by(|a, b| a.path.cmp(&b.path).then_with(|| a.name_on_disk().cmp(b.name_on_disk())));
    let mut twin = |found: &Found| {
        notes.push(ScanNote { name: walk::shown(found.name_on_disk()), kind: ScanNoteKind::Twin });
    };
    found.dedup_by(|second, first| {
        let same = second.path == first.path;
        if same {
            twin(second);
        }
        same
    });
    // Only a decomposed name can make one path both a file and a folder.
    let renamed: Vec<RelPath> =
        found.iter().filter(|found| found.disk_name.is_some()).map(|found| found.path.clone()).collect();
    if renamed.is_empty() {
        return;
    }
    let folders: std::collections::HashSet<RelPath> =
        renamed.iter().chain(found.iter().map(|found| &found.path)).flat_map(RelPath::ancestors).collect();
    found.retain(|found| {
        let is_folder = folders.contains(&found.path);
        if is_folder {
            twin(found);
        }
        !is_folder
    });
}
