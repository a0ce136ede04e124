//! `devlog __docs` and `devlog man`: documents written from the code, so that they cannot be wrong.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Subcommand};
use devlog_core::config::SETTINGS;

use crate::args::Cli;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::ui::Ui;

/// Print a document made from the code
#[derive(Debug, Args)]
pub(crate) struct DocsArgs {
    #[command(subcommand)]
    document: Document,
}

#[derive(Debug, Subcommand)]
enum Document {
    /// Every command and flag, as Markdown
    Cli,
    /// Every setting, as Markdown
    Config,
    /// A manual page for each command
    Man {
        /// Where the pages go
        #[arg(long)]
        out: PathBuf,
    },
}

pub(crate) fn run(ui: &Ui, args: &DocsArgs) -> Result<ExitCode, CliError> {
    match &args.document {
        Document::Cli => ui.raw(&cli_markdown()),
        Document::Config => ui.raw(&config_markdown()),
        Document::Man { out } => {
            let failed = |error: std::io::Error| CliError::from_error(ExitCode::Failed, &error);
            fs::create_dir_all(out).map_err(failed)?;
            clap_mangen::generate_to(Cli::command(), out).map_err(failed)?;
        }
    }
    Ok(ExitCode::Done)
}

/// `devlog man`: the main page.
pub(crate) fn man(ui: &Ui) -> Result<ExitCode, CliError> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .map_err(|error| CliError::from_error(ExitCode::Failed, &error))?;
    ui.raw(&String::from_utf8_lossy(&page));
    Ok(ExitCode::Done)
}

fn cli_markdown() -> String {
    let mut text = String::from("# Commands\n\nWritten by `cargo xtask docs` from the code.\n");
    let mut root = Cli::command().term_width(100);
    root.build();
    describe(&mut root, "devlog", &mut text);
    text
}

/// A command's help, and that of the commands below it. What holds for every command is told once, at the top.
fn describe(command: &mut clap::Command, name: &str, text: &mut String) {
    let mut told = if name == "devlog" { command.clone() } else { command.clone().mut_args(hide_global) };
    let help = told.render_long_help().to_string();
    let help: String = help.lines().flat_map(|line| [line.trim_end(), "\n"]).collect();
    let _ = write!(text, "\n## {name}\n\n```\n{}\n```\n", help.trim_end());
    for inner in command.get_subcommands_mut() {
        if !inner.is_hide_set() && inner.get_name() != "help" {
            let name = format!("{name} {}", inner.get_name());
            describe(inner, &name, text);
        }
    }
}

fn hide_global(arg: clap::Arg) -> clap::Arg {
    let is_global = arg.is_global_set();
    arg.hide(is_global)
}

fn config_markdown() -> String {
    let mut text = String::from(
        "# Settings\n\nWritten by `cargo xtask docs` from the code. A flag wins over the environment \
         (`DEVLOG_SYNC__CONCURRENCY` is `sync.concurrency`), that over `config.toml`, that over the default.\n\
         `[remote]` is the remote named `default`; `[remotes.NAME]` are others, with the same keys.\n\n\
         | key | values | default | |\n|---|---|---|---|\n",
    );
    for row in SETTINGS {
        let values = row.values.replace('|', "\\|");
        let _ = writeln!(text, "| `{}` | {values} | {} | {} |", row.key, row.default, row.doc);
    }
    text
}
