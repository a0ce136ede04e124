//! `devlog push`: sends this disk's changes to the remote.

use clap::{Args, ValueEnum};
use devlog_core::conflict::Strategy;
use devlog_core::manager::{PushMode, PushOptions, SyncError, SyncFailure};
use devlog_core::plan::Note;
use devlog_core::probe::ProbeError;
use devlog_core::report::{Ending, Operation, SyncReport};
use devlog_local::root::Access;

use crate::app::{self, App};
use crate::error::CliError;
use crate::exit_code::ExitCode;

/// Send local changes to the remote
///
/// Files are judged by content. What is replaced or deleted at the remote stays in its history. A push never changes a
/// file on this disk.
#[derive(Debug, Args)]
#[command(
    before_help = "Example: devlog push --dry-run",
    after_long_help = "Exit codes: 0 done, 3 some files failed, 4 conflicts wait, 5 unreachable (queued), 6 refused, 7 stopped by a guard."
)]
pub(crate) struct PushArgs {
    /// How much to take on trust: `all` reads every file and checks every object, and heals what drifted
    #[arg(long, value_enum, default_value = "incremental")]
    mode: ModeArg,

    /// Where both sides changed, this device wins; the other version stays in the history
    #[arg(long)]
    force: bool,

    /// Show what would be done, and write nothing anywhere
    #[arg(short = 'n', long)]
    dry_run: bool,

    /// Delete at the remote what was deleted here
    #[arg(long)]
    delete: bool,

    /// The number of deletions you agree to, as a stopped run names it
    #[arg(long, value_name = "N")]
    confirm_delete: Option<usize>,

    /// What settles a file that changed on both sides, instead of `sync.conflict`
    #[arg(long, value_name = "STRATEGY", value_parser = strategy)]
    conflict: Option<Strategy>,

    /// Only these files, and what is below these folders; relative to the log's folder unless absolute
    #[arg(value_name = "PATH")]
    paths: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ModeArg {
    Incremental,
    All,
}

impl From<ModeArg> for PushMode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Incremental => Self::Incremental,
            ModeArg::All => Self::All,
        }
    }
}

fn strategy(text: &str) -> Result<Strategy, String> {
    text.parse().map_err(|()| format!("there are {}", Strategy::ALL.map(Strategy::name).join(", ")))
}

pub(crate) fn run(app: &App, args: PushArgs) -> Result<ExitCode, CliError> {
    let options = PushOptions {
        mode: args.mode.into(),
        force: args.force,
        dry_run: args.dry_run,
        offline: app.is_offline(),
        delete: args.delete,
        confirm_delete: args.confirm_delete,
        conflict: args.conflict,
        paths: app.rel_paths(&args.paths)?,
    };
    push(app, &options)
}

/// `devlog new --push`: the entry is written; this sends it.
pub(crate) fn after_new(app: &App) -> Result<ExitCode, CliError> {
    push(app, &PushOptions { offline: app.is_offline(), ..PushOptions::default() })
}

fn push(app: &App, options: &PushOptions) -> Result<ExitCode, CliError> {
    app.require_root()?;
    let (access, _lock) = match options.dry_run {
        true => (Access::ReadOnly, None),
        false => (Access::ReadWrite, Some(app.lock()?)),
    };
    let (runtime, manager) = app.manager(access)?;
    let report = runtime.block_on(async {
        app::stop_on_ctrl_c(manager.interrupt());
        manager.push(options).await
    });
    let report = report.map_err(|error| sync_error(&error))?;
    explain(app, Operation::Push, &report)?;
    Ok(ExitCode::from(report.ending()))
}

/// What a finished run leaves for the person to do, where it did not simply end well.
fn explain(app: &App, operation: Operation, report: &SyncReport) -> Result<(), CliError> {
    let error = |message: String, hint: String| {
        Err(CliError::new(ExitCode::from(report.ending()), message).with_hint(hint))
    };
    match report.ending() {
        Ending::Guarded => {
            let Some(guard) = &report.guard else { return Ok(()) };
            let hint = match guard.confirm() {
                Some(count) => format!("devlog {operation} --delete --confirm-delete {count}"),
                None => "devlog remote test".to_owned(),
            };
            error(format!("stopped before anything was changed: {guard}"), hint)
        }
        Ending::Conflicts => {
            app.ui().hint("devlog sync");
            Ok(())
        }
        Ending::Corrupt => {
            let damaged = report.notes.iter().filter(|note| Note::is_corrupt(note)).count();
            error(
                format!("{damaged} objects are missing or damaged at the remote"),
                "devlog push --mode all".into(),
            )
        }
        Ending::Partial | Ending::Done | Ending::Stopped(_) => Ok(()),
    }
}

/// A run that did not end well, with the command that helps.
pub(crate) fn sync_error(error: &SyncError) -> CliError {
    let code = ExitCode::from(error.report.ending());
    let hint = match (&error.failure, code) {
        (_, ExitCode::Unreachable) => "devlog status",
        (SyncFailure::Unsafe(ProbeError::Ignored(_) | ProbeError::Rejected(_)), _) => {
            "devlog config set remote.single_writer true"
        }
        (_, ExitCode::Interrupted) => "devlog push",
        (_, ExitCode::Locked) => "devlog status",
        (SyncFailure::State(_), _) => "devlog status",
        _ => "devlog remote test",
    };
    CliError::from_error(code, error).with_hint(hint)
}
