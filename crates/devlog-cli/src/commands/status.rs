//! `devlog status`: is it syncing?

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use devlog_core::manager::Status;
use devlog_core::plan::Change;
use devlog_core::ports::Clock;
use devlog_core::progress::Silent;
use devlog_local::clock::SystemClock;
use devlog_local::root::Access;
use indicatif::HumanDuration;
use serde::Serialize;

use super::push::sync_error;
use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::ui::Ui;

/// Show what waits, what failed, and when syncing last worked
#[derive(Debug, Args)]
#[command(before_help = "Example: devlog status --fetch")]
pub(crate) struct StatusArgs {
    /// Ask the remote for its news first
    #[arg(long)]
    fetch: bool,

    /// One line, fit for a prompt
    #[arg(long)]
    short: bool,

    /// End with 3 if something waits to be synced, with 4 if conflicts wait
    #[arg(long)]
    exit_code: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    remote: &'a str,
    last_success: Option<String>,
    last_push_timestamp: Option<String>,
    last_error: Option<&'a str>,
    pending: PendingCount,
    conflicts: usize,
    queue: usize,
}

#[derive(Serialize)]
struct PendingCount {
    push: usize,
    pull: usize,
}

pub(crate) fn run(app: &App, args: &StatusArgs) -> Result<ExitCode, CliError> {
    app.require_root()?;
    // What a look at the remote brings is shown and not remembered, so that a status never needs the lock.
    let (runtime, manager) = app.manager_with(Access::ReadOnly, std::sync::Arc::new(Silent))?;
    let status = runtime.block_on(manager.status(args.fetch)).map_err(|error| sync_error(&error))?;
    let ui = app.ui();
    if ui.is_json() {
        ui.print_json(&document(&status));
    } else if args.short {
        ui.line(&short(&status));
    } else {
        show(ui, &status, args.fetch);
    }
    Ok(match args.exit_code {
        true if !status.conflicts.is_empty() => ExitCode::Conflicts,
        true if is_pending(&status) => ExitCode::Partial,
        _ => ExitCode::Done,
    })
}

fn is_pending(status: &Status) -> bool {
    !status.pending.push.is_empty() || !status.pending.pull.is_empty() || !status.queue.is_empty()
}

fn document(status: &Status) -> Document<'_> {
    let iso = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
    Document {
        schema: "devlog.status/1",
        remote: &status.remote,
        last_success: status.last_success.map(iso),
        last_push_timestamp: status.last_push.map(iso),
        last_error: status.last_error.as_deref(),
        pending: PendingCount { push: status.pending.push.len(), pull: status.pending.pull.len() },
        conflicts: status.conflicts.len(),
        queue: status.queue.len(),
    }
}

fn short(status: &Status) -> String {
    let parts = [
        (status.pending.push.len(), "↑"),
        (status.pending.pull.len(), "↓"),
        (status.conflicts.len(), "!"),
        (status.queue.len(), "…"),
    ];
    let text: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, sign)| format!("{sign}{count}"))
        .collect();
    if text.is_empty() { "=".to_owned() } else { text.join(" ") }
}

fn show(ui: &Ui, status: &Status, fetched: bool) {
    ui.line(&format!("Remote      {}", status.remote));
    ui.line(&format!("Last push   {}", status.last_push.map_or_else(|| "never".to_owned(), age)));
    if let Some(error) = &status.last_error {
        ui.line(&format!("Last error  {error}"));
    }
    ui.line(&format!("To push     {}", files(status.pending.push.len())));
    for (path, change) in status.pending.push.iter().take(if ui.is_verbose() { usize::MAX } else { 10 }) {
        let word = match change {
            Change::Added => "new",
            Change::Modified => "changed",
            Change::Deleted => "deleted",
            Change::Same => continue,
        };
        ui.line(&format!("              {word:<8} {path}"));
    }
    let seen = if fetched { "" } else { " (as last seen; --fetch looks again)" };
    ui.line(&format!("To pull     {}{seen}", files(status.pending.pull.len())));
    ui.line(&format!("Conflicts   {}", status.conflicts.len()));
    for conflict in &status.conflicts {
        ui.line(&format!("              {} {}", conflict.id(), conflict.path));
    }
    ui.line(&format!("Queue       {}", status.queue.len()));
    for request in &status.queue {
        let error = request.last_error.as_deref().map_or(String::new(), |error| format!(": {error}"));
        ui.line(&format!(
            "              {} since {}, {} tries{error}",
            request.operation,
            age(request.since),
            request.attempts
        ));
    }
}

fn files(count: usize) -> String {
    match count {
        0 => "nothing".to_owned(),
        1 => "1 file".to_owned(),
        count => format!("{count} files"),
    }
}

fn age(time: DateTime<Utc>) -> String {
    let past = (SystemClock.now() - time).to_std().unwrap_or_default();
    format!("{} ago ({})", HumanDuration(past), time.to_rfc3339_opts(SecondsFormat::Secs, true))
}
