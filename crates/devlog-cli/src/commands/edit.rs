//! `devlog edit`: changes an entry's text. The old text stays in its history.

use clap::Args;
use devlog_core::journal::Op;

use crate::app::App;
use crate::commands::new::{not_empty, standard_input};
use crate::editor;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::journal::{Journal, find};

/// Change an entry's text
///
/// Your editor opens unless --body is given; leaving it unchanged or empty changes nothing.
#[derive(Debug, Args)]
#[command(before_help = "Example: devlog edit 01K4XC --body \"Fixed the flaky test for good +ci\"")]
pub(crate) struct EditArgs {
    /// The beginning of the entry's id, at least 6 characters
    #[arg(value_name = "ID")]
    id: String,

    /// The new text; `-` reads standard input
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    body: Option<String>,
}

pub(crate) fn run(app: &App, args: &EditArgs) -> Result<ExitCode, CliError> {
    let ui = app.ui();
    app.settings()?;
    let journal = Journal::of(app);
    let all = journal.all()?;
    let entry = find(&all, &args.id)?;
    if entry.deleted {
        return Err(CliError::new(ExitCode::NotFound, format!("entry {} is deleted", entry.id))
            .with_hint(format!("devlog restore {}", args.id)));
    }
    if entry.is_contested() {
        ui.note(
            "Two devices changed this entry; your text takes the place of both, which stay in its history.",
        );
    }
    let body = match args.body.as_deref() {
        Some("-") => Some(not_empty(&standard_input()?)?),
        Some(text) => Some(not_empty(text)?),
        None if ui.asks_nothing() => {
            return Err(CliError::usage("there is no new text")
                .with_hint(format!("devlog edit {} --body \"the new text\"", args.id)));
        }
        None => editor::edit_text(&entry.body)?,
    };
    let Some(body) = body.filter(|body| *body != entry.body) else {
        ui.note("Nothing was changed.");
        return Ok(ExitCode::Done);
    };
    journal.append(&entry.change(Op::Edited, Some(body), journal.stamp()?))?;
    ui.note(&format!("Changed {}.", journal.short_ids(&all)?.short(entry.id)));
    Ok(ExitCode::Done)
}
