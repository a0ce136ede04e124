//! Reading the journal: only the days that are needed, and past lines that are no events.

use std::fs;
use std::io;
use std::path::PathBuf;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use devlog_core::journal::{EVENTS_DIR, Entry, Event, Filter, Ulid, day_of_file, fold};

use super::{JournalDir, JournalError};

/// One file of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayFile {
    /// The day whose entries it holds; `None` for others, such as conflict copies, which hold any.
    pub day: Option<NaiveDate>,
    name: String,
    path: PathBuf,
}

/// A line that was passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file, relative to the root.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// Why it is no event.
    pub reason: String,
}

/// What was read.
#[derive(Debug, Default)]
pub struct Selection {
    /// Those entries that are asked for, in no particular order.
    pub entries: Vec<Entry>,
    /// Lines that were passed over in the files that were read.
    pub skipped: Vec<Skipped>,
    /// The ids of all entries in the files that were read.
    pub ids: Vec<Ulid>,
    /// Files that cannot hold anything asked for.
    pub unread: Vec<DayFile>,
}

impl JournalDir {
    /// All files of the journal, the latest day first, those of no day before them.
    pub fn files(&self) -> Result<Vec<DayFile>, JournalError> {
        let failed = |source| JournalError::Read { file: self.folder.clone(), source };
        let listing = match fs::read_dir(&self.folder) {
            Ok(listing) => listing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut files = Vec::new();
        for found in listing {
            let found = found.map_err(failed)?;
            let path = found.path();
            // A folder holds no events, and a pipe would never answer.
            let is_file =
                found.file_type().is_ok_and(|kind| kind.is_file() || (kind.is_symlink() && path.is_file()));
            // Names that are not UTF-8 are none of ours.
            let Ok(name) = found.file_name().into_string() else { continue };
            if is_file && path.extension().is_some_and(|extension| extension == "jsonl") {
                files.push(DayFile { day: day_of_file(&name), path, name });
            }
        }
        files.sort_unstable_by(|a, b| {
            (a.day.is_some(), b.day, &a.name).cmp(&(b.day.is_some(), a.day, &b.name))
        });
        Ok(files)
    }

    /// The entries that a filter asks for; with a limit, at least the latest so many of them.
    pub fn select(&self, filter: &Filter, limit: Option<usize>) -> Result<Selection, JournalError> {
        let mut selection =
            self.read(|day| filter.may_match_day(day), |entry| filter.matches(entry), limit)?;
        selection.entries.retain(|entry| filter.matches(entry));
        Ok(selection)
    }

    /// Every entry, the deleted ones too.
    pub fn all(&self) -> Result<Selection, JournalError> {
        self.read(|_| true, |_| true, None)
    }

    fn read(
        &self,
        may_match: impl Fn(NaiveDate) -> bool,
        matches: impl Fn(&Entry) -> bool,
        limit: Option<usize>,
    ) -> Result<Selection, JournalError> {
        let mut selection = Selection::default();
        let mut events = Vec::new();
        let mut found = Latest { times: Vec::new(), limit };
        for file in self.files()? {
            if file.day.is_some_and(|day| found.is_complete_before(day) || !may_match(day)) {
                selection.unread.push(file);
                continue;
            }
            let more = file.events(&mut selection.skipped)?;
            // An entry of a file without a day may be changed by other files, so it is counted with those.
            if limit.is_some() && file.day.is_some() {
                found.add(fold(more.clone()).iter().filter(|entry| matches(entry)));
            }
            events.extend(more);
        }
        selection.entries = fold(events);
        selection.ids = selection.entries.iter().map(|entry| entry.id).collect();
        Ok(selection)
    }

    /// The ids of entries in files, told from the lines without reading them as a whole.
    pub fn ids_in(&self, files: &[DayFile]) -> Result<Vec<Ulid>, JournalError> {
        let mut ids = Vec::new();
        for file in files {
            for line in file.text()?.split(|byte| *byte == b'\n') {
                ids.extend(entry_of(line));
            }
        }
        Ok(ids)
    }

    /// The lines about an entry exactly as they were written, in the order of days and lines.
    pub fn lines_of(&self, entry: Ulid) -> Result<Vec<String>, JournalError> {
        let mut lines = Vec::new();
        for file in self.files()?.iter().rev() {
            for line in file.text()?.split(|byte| *byte == b'\n') {
                if entry_of(line) == Some(entry)
                    && let Ok(line) = std::str::from_utf8(line)
                {
                    lines.push(line.to_owned());
                }
            }
        }
        Ok(lines)
    }
}

impl DayFile {
    fn events(&self, skipped: &mut Vec<Skipped>) -> Result<Vec<Event>, JournalError> {
        let text = self.text()?;
        let mut events = Vec::new();
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let reason = match std::str::from_utf8(line).map(Event::parse) {
                Ok(Ok(event)) => {
                    events.push(event);
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => "not an event: not UTF-8".to_owned(),
            };
            skipped.push(Skipped { file: format!("{EVENTS_DIR}/{}", self.name), line: index + 1, reason });
        }
        Ok(events)
    }

    /// The whole file; nothing where it is gone meanwhile.
    fn text(&self) -> Result<Vec<u8>, JournalError> {
        match fs::read(&self.path) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(JournalError::Read { file: self.path.clone(), source }),
        }
    }
}

/// The latest entries found so far, to tell when no other file can hold a later one.
struct Latest {
    times: Vec<DateTime<Utc>>,
    limit: Option<usize>,
}

impl Latest {
    fn add<'a>(&mut self, entries: impl Iterator<Item = &'a Entry>) {
        self.times.extend(entries.map(|entry| entry.at.to_utc()));
        self.times.sort_unstable_by(|a, b| b.cmp(a));
        self.times.truncate(self.limit.unwrap_or(usize::MAX));
    }

    /// Whether everything on this day, as its writers saw it, is earlier than all that is asked for.
    fn is_complete_before(&self, day: NaiveDate) -> bool {
        match self.limit {
            None => false,
            Some(0) => true,
            Some(limit) => {
                // The day ends last at 12 hours behind UTC.
                let end = NaiveTime::from_hms_opt(12, 0, 0)
                    .map(|noon| (day + Days::new(1)).and_time(noon).and_utc());
                self.times.get(limit - 1).zip(end).is_some_and(|(earliest, end)| *earliest >= end)
            }
        }
    }
}

/// The entry that a line is about.
fn entry_of(line: &[u8]) -> Option<Ulid> {
    const KEY: &str = "\"entry\":\"";
    // Every devlog writes it among the first fields, and no text can hold this key with its quotes unescaped.
    let head = std::str::from_utf8(line.get(..120).unwrap_or(line)).unwrap_or_default();
    let near = head.find(KEY).and_then(|at| head.get(at + KEY.len()..at + KEY.len() + 26));
    near.and_then(|id| Ulid::from_string(id).ok())
        .or_else(|| Event::parse(std::str::from_utf8(line).ok()?).ok().map(|event| event.entry))
}
