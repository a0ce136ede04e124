//! `devlog show`: whole entries.

use std::io::IsTerminal;

use clap::Args;
use devlog_core::journal::Entry;

use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::journal::{Journal, find_all};
use crate::render::{self, EntryDocument, ListDocument};
use crate::ui::printable;

/// Show entries
#[derive(Debug, Args)]
#[command(before_help = "Example: devlog show 01K4XC --history")]
pub(crate) struct ShowArgs {
    /// The beginnings of the entries' ids, at least 6 characters each
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,

    /// With date, device and annotations; this is the default
    #[arg(long, conflicts_with = "raw")]
    formatted: bool,

    /// The text alone, exactly as it was written; with --history, the lines of the journal's files
    #[arg(long, conflicts_with = "json")]
    raw: bool,

    /// All that ever happened to them
    #[arg(long)]
    history: bool,
}

pub(crate) fn run(app: &App, args: &ShowArgs) -> Result<ExitCode, CliError> {
    let ui = app.ui();
    let journal = Journal::of(app);
    let all = journal.all()?;
    let entries = find_all(&all, &args.ids)?;
    if ui.is_json() {
        let document = |entry: &&Entry| {
            if args.history { EntryDocument::with_history(entry) } else { EntryDocument::from(*entry) }
        };
        ui.print_json(&ListDocument::new("devlog.show/1", entries.iter().map(document).collect()));
        return Ok(ExitCode::Done);
    }
    for (index, entry) in entries.into_iter().enumerate() {
        let text = match (args.raw, args.history) {
            (true, true) => {
                journal.lines_of(entry.id)?.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
            }
            (true, false) => format!("{}\n", entry.body),
            (false, true) => render::formatted(ui, entry) + &render::history(ui, entry),
            (false, false) => render::formatted(ui, entry),
        };
        if index > 0 && !args.raw {
            ui.line("");
        }
        // What a program reads is exact; what a terminal obeys is not.
        let exact = args.raw && !std::io::stdout().is_terminal();
        ui.raw(&if args.raw && !exact { printable(&text) } else { text });
    }
    Ok(ExitCode::Done)
}
