//! `devlog delete` and `devlog restore`: entries are hidden and shown again; their text always stays in the journal.

use clap::Args;
use devlog_core::journal::Op;

use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::journal::{Journal, find_all};
use crate::render;

/// Delete entries; `restore` brings them back
#[derive(Debug, Args)]
#[command(before_help = "Example: devlog delete 01K4XC")]
pub(crate) struct DeleteArgs {
    /// The beginnings of the entries' ids, at least 6 characters each
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
}

pub(crate) fn run(app: &App, args: &DeleteArgs) -> Result<ExitCode, CliError> {
    change(app, &args.ids, &Op::Deleted)
}

/// Writes the event for each entry that is not yet as it shall be. Nothing is written where one is not found.
pub(super) fn change(app: &App, ids: &[String], op: &Op) -> Result<ExitCode, CliError> {
    let ui = app.ui();
    app.settings()?;
    let journal = Journal::of(app);
    let all = journal.all()?;
    let entries = find_all(&all, ids)?;
    let short = journal.short_ids(&all)?;
    for entry in entries {
        let id = short.short(entry.id);
        let done = op.name();
        if entry.deleted == (*op == Op::Deleted) {
            ui.note(&format!("{id} is {} deleted.", if entry.deleted { "already" } else { "not" }));
            continue;
        }
        journal.append(&entry.change(op.clone(), None, journal.stamp()?))?;
        ui.note(&format!("{}{} {id}  {}", done[..1].to_uppercase(), &done[1..], render::title(entry)));
    }
    Ok(ExitCode::Done)
}
