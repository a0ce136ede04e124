//! `devlog list`: entries, the latest first.

use std::io::IsTerminal;

use chrono::Local;
use clap::Args;
use devlog_core::journal::{Bound, Filter, Order, When};

use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::journal::{Journal, when};
use crate::render::{EntryDocument, ListDocument, ListView};

/// List entries, the latest first
///
/// Dates: 2025-09-11, "2025-09-11 14:03", 2025-09, 2025-W37, today, yesterday, monday, "last friday", "2 days ago", 3pm,
/// "yesterday 3pm". They look back: monday is the latest one, today included; "last monday" is the one before today.
/// A day is the date that the writer's clock showed.
#[derive(Debug, Args)]
#[command(before_help = "Example: devlog list --since \"last friday\" --tag ci")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,

    /// At most so many, the latest
    #[arg(short = 'n', long = "limit", value_name = "N")]
    limit: Option<usize>,

    /// The latest last
    #[arg(long)]
    reverse: bool,
}

/// Which entries.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which entries")]
pub(crate) struct FilterArgs {
    /// Of this day, week, month or year
    #[arg(long, value_name = "DATE", conflicts_with_all = ["since", "until"])]
    on: Option<String>,

    /// Not before this day or time
    #[arg(long, value_name = "DATE")]
    since: Option<String>,

    /// Not after this day or time
    #[arg(long, value_name = "DATE")]
    until: Option<String>,

    /// With this tag; more than once: with all of them
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,

    /// With this person
    #[arg(long = "person", value_name = "PERSON")]
    people: Vec<String>,

    /// With this project
    #[arg(long = "project", value_name = "PROJECT")]
    projects: Vec<String>,

    /// The deleted ones instead of the others
    #[arg(long)]
    deleted: bool,
}

pub(crate) fn run(app: &App, args: &ListArgs) -> Result<ExitCode, CliError> {
    let ui = app.ui();
    let filter = args.filter.understand(app)?;
    let journal = Journal::of(app);
    let mut found = journal.select(&filter, args.limit)?;
    let order = if args.reverse { Order::OldestFirst } else { Order::NewestFirst };
    order.arrange(&mut found.entries, args.limit);
    if ui.is_json() {
        let entries = found.entries.iter().map(EntryDocument::from).collect();
        ui.print_json(&ListDocument::new("devlog.list/1", entries));
        return Ok(ExitCode::Done);
    }
    if found.entries.is_empty() {
        match app.root().path().is_dir() {
            true => ui.note("No entries."),
            false => ui.note(&format!("There is no log at {} yet.", app.root().named())),
        }
        return Ok(ExitCode::Done);
    }
    let ids = journal.short_ids(&found)?;
    let today = std::io::stdout().is_terminal().then(|| Local::now().date_naive());
    ui.raw(&ListView { ui, ids: &ids, today }.lines(&found.entries));
    Ok(ExitCode::Done)
}

impl FilterArgs {
    /// Reads the dates and says how they are understood.
    fn understand(&self, app: &App) -> Result<Filter, CliError> {
        let names = |given: &[String]| -> Vec<String> {
            given.iter().map(|name| name.trim_start_matches(['+', '@', ':']).to_owned()).collect()
        };
        let mut filter = Filter {
            tags: names(&self.tags),
            people: names(&self.people),
            projects: names(&self.projects),
            deleted: self.deleted,
            ..Filter::default()
        };
        let mut said = Vec::new();
        if let Some(text) = &self.on {
            let days = when(When::days, text)?;
            filter.since(&days);
            filter.until(&days);
            said.push(format!("on {days}"));
        }
        if let Some(text) = &self.since {
            let since = when(When::parse, text)?;
            filter.since(&since);
            said.push(format!("since {since}"));
        }
        if let Some(text) = &self.until {
            let until = when(When::parse, text)?;
            filter.until(&until);
            said.push(format!("until {until}"));
        }
        if is_empty(&filter) {
            return Err(CliError::usage(format!(
                "nothing can be {}: the end is before the beginning",
                said.join(" and ")
            )));
        }
        if !said.is_empty() {
            app.ui().note(&format!("Entries {}:", said.join(" and ")));
        }
        Ok(filter)
    }
}

/// Whether the end is before the beginning. A day and an instant are not compared: that depends on the writer's zone.
fn is_empty(filter: &Filter) -> bool {
    match (filter.since, filter.until) {
        (Some(Bound::Day(first)), Some(Bound::Day(last))) => first > last,
        (Some(Bound::Instant(first)), Some(Bound::Instant(last))) => first > last,
        (Some(Bound::Day(_)), Some(Bound::Instant(_)))
        | (Some(Bound::Instant(_)), Some(Bound::Day(_)))
        | (None, _)
        | (_, None) => false,
    }
}
