//! `devlog restore`: shows a deleted entry again.

use clap::Args;
use devlog_core::journal::Op;

use crate::app::App;
use crate::commands::delete;
use crate::error::CliError;
use crate::exit_code::ExitCode;

/// Bring a deleted entry back
#[derive(Debug, Args)]
#[command(before_help = "Example: devlog restore 01K4XC        (devlog list --deleted names them)")]
pub(crate) struct RestoreArgs {
    /// The beginning of the entry's id, at least 6 characters
    #[arg(value_name = "ID")]
    id: String,
}

pub(crate) fn run(app: &App, args: &RestoreArgs) -> Result<ExitCode, CliError> {
    delete::change(app, std::slice::from_ref(&args.id), &Op::Restored)
}
