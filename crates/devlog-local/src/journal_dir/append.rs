//! One more line in a day's file: whole, on the disk, and never glued to a torn one.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use devlog_core::journal::{Event, day_file_name};

use super::{JournalDir, JournalError};

/// The end of a file that a crash had torn, and the file that it was moved to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Where the piece is now.
    pub file: PathBuf,
}

/// How often a file may be replaced under our hands before that is an error.
const REPLACEMENTS: usize = 100;

/// How much is read at once while the beginning of the last line is looked for.
const TAIL_PIECE: u64 = 64 * 1024;

impl JournalDir {
    /// Appends an event to the file of its entry's day: one line, under the file's lock, on the disk when this returns.
    ///
    /// Costs the same whatever the size of the journal. Should the file end in a torn line, that piece is moved to
    /// `<day>.torn-<n>` beside it first.
    pub fn append(&self, event: &Event) -> Result<Option<SetAside>, JournalError> {
        let day = event.at.map_or_else(|| event.ts.date_naive(), |at| at.date_naive());
        let path = self.folder.join(day_file_name(day));
        self.append_line(&path, &event.to_line()).map_err(|source| JournalError::Write { file: path, source })
    }

    fn append_line(&self, path: &Path, line: &str) -> io::Result<Option<SetAside>> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let file = open_locked(path)?;
        let length = file.metadata()?.len();
        let (keep, bridge, set_aside) = match last_line(&file, length)? {
            None => (length, "", None),
            // A whole event of a program that writes no final line break.
            Some((_, piece)) if is_event(&piece) => (length, "\n", None),
            Some((start, piece)) => {
                let aside = set_aside(path, &piece)?;
                file.set_len(start)?;
                (start, "", Some(aside))
            }
        };
        let text = format!("{bridge}{line}\n");
        let written = (&file).write_all(text.as_bytes()).and_then(|()| file.sync_all());
        if let Err(error) = written {
            // Half a line would be worse than none. Shrinking needs no space.
            file.set_len(keep).ok();
            return Err(error);
        }
        if length == 0 {
            File::open(&self.folder)?.sync_all()?;
        }
        Ok(set_aside)
    }
}

/// Opens a day's file and locks it. The lock ends when the file is closed.
fn open_locked(path: &Path) -> io::Result<File> {
    for _ in 0..REPLACEMENTS {
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        match file.lock() {
            Ok(()) => {}
            // Some network disks have no locks; there, one write in append mode must do.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(file),
            Err(error) => return Err(error),
        }
        // A pull may have put another file in its place while we waited: a line in the old one would be lost.
        let ours = file.metadata()?;
        match path.metadata() {
            Ok(named) if (named.dev(), named.ino()) == (ours.dev(), ours.ino()) => return Ok(file),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("the file is replaced again and again"))
}

/// Where the last line begins and what it holds; `None` where it ends as it should.
fn last_line(file: &File, length: u64) -> io::Result<Option<(u64, Vec<u8>)>> {
    let mut line = Vec::new();
    let mut start = length;
    while start > 0 {
        let from = start.saturating_sub(if line.is_empty() { 1 } else { TAIL_PIECE });
        let mut piece = vec![0; usize::try_from(start - from).unwrap_or(0)];
        file.read_exact_at(&mut piece, from)?;
        let line_break = piece.iter().rposition(|byte| *byte == b'\n');
        let kept = line_break.map_or(0, |at| at + 1);
        start = from + kept as u64;
        line.splice(0..0, piece.drain(kept..));
        if line_break.is_some() {
            break;
        }
    }
    Ok((!line.is_empty()).then_some((start, line)))
}

fn is_event(piece: &[u8]) -> bool {
    std::str::from_utf8(piece).is_ok_and(|line| Event::parse(line).is_ok())
}

/// Keeps a torn piece beside the day's file, on the disk before it is cut off.
fn set_aside(path: &Path, piece: &[u8]) -> io::Result<SetAside> {
    for number in 1.. {
        let file = path.with_extension(format!("torn-{number}"));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file) {
            Ok(mut aside) => {
                aside.write_all(piece)?;
                aside.sync_all()?;
                File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
                return Ok(SetAside { file });
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("no name is left for the torn line"))
}
