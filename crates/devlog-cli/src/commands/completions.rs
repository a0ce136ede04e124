//! `devlog completions SHELL`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit_code::ExitCode;
use crate::ui::Ui;

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(
    before_help = "Example: devlog completions bash > ~/.local/share/bash-completion/completions/devlog"
)]
pub(crate) struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

pub(crate) fn run(ui: &Ui, args: &CompletionsArgs) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "devlog", &mut script);
    ui.raw(&String::from_utf8_lossy(&script));
    ExitCode::Done
}
