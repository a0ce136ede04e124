//! `devlog new`: adds an entry.

use std::io::{IsTerminal, Read};

use clap::Args;
use devlog_core::journal::{Ulid, fold};

use crate::app::App;
use crate::commands::{init, push};
use crate::editor;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::journal::{self, Journal};
use crate::render::{EntryDocument, ListDocument};

/// Add an entry
///
/// Without a message your editor opens ($VISUAL, then $EDITOR); leaving it unchanged or empty writes nothing.
/// In the text, `@name` is a person, `::name` a project and `+name` a tag.
#[derive(Debug, Args)]
#[command(before_help = "Example: devlog new \"Fixed the flaky test with @alice on ::search +ci\"")]
pub(crate) struct NewArgs {
    /// The text, its words joined by spaces; `-` reads standard input
    #[arg(value_name = "MESSAGE", conflicts_with = "paragraphs")]
    words: Vec<String>,

    /// The text; given more than once, each is a paragraph
    #[arg(short = 'm', long = "message", value_name = "MESSAGE")]
    paragraphs: Vec<String>,

    /// The entry's id, a whole ULID; repeating the call then writes nothing more
    #[arg(long, value_name = "ID", value_parser = whole_id)]
    id: Option<Ulid>,

    /// The time it is about: "yesterday 3pm", "2 days ago", 2025-09-11; a day alone takes the present time of day
    #[arg(short = 't', long, value_name = "WHEN")]
    at: Option<String>,

    /// Open the editor with the message in it
    #[arg(short, long)]
    edit: bool,

    /// Push afterwards
    #[arg(long)]
    push: bool,
}

fn whole_id(text: &str) -> Result<Ulid, String> {
    Ulid::from_string(text).map_err(|_| "a ULID of 26 characters is expected".to_owned())
}

pub(crate) fn run(app: &App, args: &NewArgs) -> Result<ExitCode, CliError> {
    let ui = app.ui();
    // Whatever can be wrong is found before anything is asked of the person.
    let at = args.at.as_deref().map(|text| journal::point(Some(text))).transpose()?;
    app.settings()?;
    let Some(text) = text(app, args)? else {
        ui.note("Nothing was written.");
        return Ok(ExitCode::Done);
    };
    if init::make_root(app)? {
        ui.note(&format!("Made a log in {}.", app.root().named()));
    }
    let journal = Journal::of(app);
    if let Some(id) = args.id
        && already_there(&journal, id, &text)?
    {
        ui.note(&format!("{id} is already there."));
        return if args.push { push::after_new(app) } else { Ok(ExitCode::Done) };
    }
    // The entry's time is that of its writing, not that of opening the editor.
    let at = at.map_or_else(|| journal::point(None), Ok)?;
    let event = journal.stamp()?.create(args.id, at, text);
    journal.append(&event)?;
    if ui.is_json() {
        let entries = fold([event]).iter().map(EntryDocument::from).collect();
        ui.print_json(&ListDocument::new("devlog.new/1", entries));
    } else if !ui.is_quiet() {
        ui.line(&format!("Added {}  {}", event.entry, at.format("%a %Y-%m-%d %H:%M %:z")));
    }
    if args.push { push::after_new(app) } else { Ok(ExitCode::Done) }
}

/// The entry's text; `None` where the person thought better of it.
fn text(app: &App, args: &NewArgs) -> Result<Option<String>, CliError> {
    let given = match args.words.as_slice() {
        [] if args.paragraphs.is_empty() => None,
        [] => Some(args.paragraphs.join("\n\n")),
        [dash] if dash == "-" => Some(standard_input()?),
        words => Some(words.join(" ")),
    };
    if let Some(text) = given.as_deref().filter(|_| !args.edit) {
        return not_empty(text).map(Some);
    }
    let cannot_ask =
        app.ui().asks_nothing() || (editor::chosen().is_none() && !std::io::stdin().is_terminal());
    if cannot_ask {
        return Err(CliError::usage("the entry has no text").with_hint("devlog new \"what I did\""));
    }
    editor::edit_text(given.as_deref().unwrap_or_default())
}

/// All of standard input.
pub(crate) fn standard_input() -> Result<String, CliError> {
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).map_err(|error| {
        CliError::new(ExitCode::Failed, "cannot read standard input").with_causes(Some(&error))
    })?;
    String::from_utf8(bytes).map_err(|_| CliError::usage("standard input is not UTF-8"))
}

/// The text without the white space at its end; an entry of nothing else is refused.
pub(crate) fn not_empty(text: &str) -> Result<String, CliError> {
    if text.trim().is_empty() {
        return Err(CliError::usage("the entry has no text").with_hint("devlog new \"what I did\""));
    }
    Ok(text.trim_end().to_owned())
}

/// Whether the entry was written by an earlier call; an error where it has another text.
fn already_there(journal: &Journal<'_>, id: Ulid, text: &str) -> Result<bool, CliError> {
    let all = journal.all()?;
    let Some(entry) = all.entries.iter().find(|entry| entry.id == id) else {
        return Ok(false);
    };
    if entry.history().iter().any(|event| event.body.as_deref() == Some(text)) {
        return Ok(true);
    }
    Err(CliError::usage(format!("there is an entry {id} with another text"))
        .with_hint(format!("devlog edit {id}")))
}
