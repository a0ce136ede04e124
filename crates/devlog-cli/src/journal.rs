//! The journal as commands use it: entries found by the beginning of their ids, events written and never lost.

use std::io::Write as _;

use chrono::{DateTime, FixedOffset, Local};
use devlog_core::journal::{
    Entry, Event, Filter, IdError, IdPrefix, ShortIds, Stamp, Ulid, WHEN_EXAMPLES, When, WhenError,
};
use devlog_core::ports::Clock;
use devlog_local::clock::SystemClock;
use devlog_local::journal_dir::{JournalDir, Selection};
use devlog_local::root::Access;

use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::render;

/// How many candidates of an ambiguous id, and how many unreadable lines, are named.
const NAMED: usize = 10;

/// The journal of one call.
pub(crate) struct Journal<'a> {
    app: &'a App,
    dir: JournalDir,
}

impl<'a> Journal<'a> {
    pub(crate) fn of(app: &'a App) -> Self {
        Self { app, dir: JournalDir::of(app.root()) }
    }

    /// Every entry, the deleted ones too.
    pub(crate) fn all(&self) -> Result<Selection, CliError> {
        let all = self.dir.all().map_err(|error| CliError::from_error(ExitCode::Failed, &error))?;
        self.name_skipped(&all);
        Ok(all)
    }

    /// The entries that a filter asks for, in no particular order.
    pub(crate) fn select(&self, filter: &Filter, limit: Option<usize>) -> Result<Selection, CliError> {
        let found =
            self.dir.select(filter, limit).map_err(|error| CliError::from_error(ExitCode::Failed, &error))?;
        self.name_skipped(&found);
        Ok(found)
    }

    /// What must be shown of ids: unique among all entries, those in files that were not read too.
    pub(crate) fn short_ids(&self, selection: &Selection) -> Result<ShortIds, CliError> {
        let unread = self
            .dir
            .ids_in(&selection.unread)
            .map_err(|error| CliError::from_error(ExitCode::Failed, &error))?;
        Ok(ShortIds::new(selection.ids.iter().copied().chain(unread).collect()))
    }

    /// An entry's events as they were written, byte for byte.
    pub(crate) fn lines_of(&self, entry: Ulid) -> Result<Vec<String>, CliError> {
        self.dir.lines_of(entry).map_err(|error| CliError::from_error(ExitCode::Failed, &error))
    }

    /// The time, a new id and this device.
    pub(crate) fn stamp(&self) -> Result<Stamp, CliError> {
        let device = self.app.device(Access::ReadWrite)?;
        Ok(Stamp { id: SystemClock.ulid(), ts: SystemClock.now(), device })
    }

    /// Writes an event. Where that fails, its text is kept elsewhere and the error says where.
    pub(crate) fn append(&self, event: &Event) -> Result<(), CliError> {
        match self.dir.append(event) {
            Ok(None) => Ok(()),
            Ok(Some(torn)) => {
                self.app
                    .ui()
                    .note(&format!("The day's last line was torn; it is kept in {}.", torn.file.display()));
                Ok(())
            }
            Err(error) => {
                let error = CliError::from_error(ExitCode::Failed, &error);
                Err(event.body.as_deref().map_or(error.clone(), |text| self.keep_text(text, error)))
            }
        }
    }

    fn keep_text(&self, text: &str, error: CliError) -> CliError {
        let folders = [self.app.root().state_dir(), std::env::temp_dir()];
        let keep = |folder: &std::path::PathBuf| {
            let mut draft =
                tempfile::Builder::new().prefix("draft-").suffix(".md").tempfile_in(folder).ok()?;
            draft.write_all(text.as_bytes()).and_then(|()| draft.as_file().sync_all()).ok()?;
            draft.keep().ok().map(|(_, path)| path)
        };
        if let Some(path) = folders.iter().find_map(keep) {
            return error.with_hint(format!("devlog new - < {}", path.display()));
        }
        self.app.ui().complain("The text could not be kept anywhere; here it is:");
        self.app.ui().complain(text);
        error
    }

    fn name_skipped(&self, selection: &Selection) {
        let ui = self.app.ui();
        for skipped in selection.skipped.iter().take(NAMED) {
            ui.note(&format!("{}:{} is passed over: {}", skipped.file, skipped.line, skipped.reason));
        }
        if let more @ 1.. = selection.skipped.len().saturating_sub(NAMED) {
            ui.note(&format!("… and {more} more lines"));
        }
    }
}

/// The entry that the beginning of an id names, alone.
pub(crate) fn find<'s>(all: &'s Selection, id: &str) -> Result<&'s Entry, CliError> {
    let prefix = IdPrefix::parse(id).map_err(|error| {
        let code = match error {
            IdError::TooShort(_) => ExitCode::Usage,
            IdError::NotAnId(_) => ExitCode::NotFound,
        };
        CliError::new(code, error.to_string()).with_hint("devlog list")
    })?;
    let mut named = all.entries.iter().filter(|entry| prefix.names(entry.id));
    match (named.next(), named.next()) {
        (Some(entry), None) => Ok(entry),
        (None, _) => {
            Err(CliError::new(ExitCode::NotFound, format!("there is no entry `{id}`"))
                .with_hint("devlog list"))
        }
        (Some(first), Some(second)) => {
            let short = ShortIds::new(all.ids.clone());
            let mut error = CliError::new(ExitCode::NotFound, format!("`{id}` names more than one entry"));
            let candidates: Vec<&Entry> = [first, second].into_iter().chain(named).collect();
            for entry in candidates.iter().take(NAMED) {
                error.causes.push(format!("{}  {}", short.short(entry.id), render::title(entry)));
            }
            if let more @ 1.. = candidates.len().saturating_sub(NAMED) {
                error.causes.push(format!("{more} more"));
            }
            Err(error.with_hint(format!("devlog show {}", short.short(first.id))))
        }
    }
}

/// Finds several entries, each once; nothing is done for any where one is not found.
pub(crate) fn find_all<'s>(all: &'s Selection, ids: &[String]) -> Result<Vec<&'s Entry>, CliError> {
    let mut found = Vec::<&Entry>::new();
    for id in ids {
        let entry = find(all, id)?;
        if !found.iter().any(|known| known.id == entry.id) {
            found.push(entry);
        }
    }
    Ok(found)
}

/// Words of a person, with the present moment in the person's zone.
pub(crate) fn when<T>(
    read: fn(&str, &DateTime<Local>) -> Result<T, WhenError>,
    text: &str,
) -> Result<T, CliError> {
    read(text, &Local::now()).map_err(|error| {
        let examples = match error {
            WhenError::NotUnderstood(_) | WhenError::NoSuchDate(_) => format!("; examples: {WHEN_EXAMPLES}"),
            WhenError::Skipped(..)
            | WhenError::Twice { .. }
            | WhenError::TooLong(_)
            | WhenError::TooShort(_)
            | WhenError::Future(..) => String::new(),
        };
        CliError::usage(format!("{error}{examples}"))
    })
}

/// The point in time that `--at` means, to the millisecond; now where it says nothing.
pub(crate) fn point(at: Option<&str>) -> Result<DateTime<FixedOffset>, CliError> {
    let at = match at {
        Some(text) => when(When::point, text)?,
        None => Local::now().fixed_offset(),
    };
    Ok(Event::timestamp(at.to_utc()).with_timezone(at.offset()))
}
