//! The command line: global flags and the list of commands.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands;

/// A developer's log: plain files on your disk, synced to storage you own
#[derive(Debug, Parser)]
#[command(
    name = "devlog",
    version,
    before_help = "Example: devlog new \"Fixed the flaky test with @alice on ::search +ci\"",
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true,
    infer_long_args = false,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What holds for every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The log's folder
    #[arg(long, global = true, value_name = "PATH", env = "DEVLOG_DIR", hide_env_values = true)]
    pub(crate) dir: Option<PathBuf>,

    /// The remote, by its name in the configuration (for `init`: its URL)
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) remote: Option<String>,

    /// JSON on stdout instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Errors alone
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Every file, and what was left alone
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,

    /// Whether to use colour
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    pub(crate) color: ColorArg,

    /// Send nothing; queue the request
    #[arg(long, global = true)]
    pub(crate) offline: bool,

    /// Ask nothing
    #[arg(long, global = true)]
    pub(crate) no_input: bool,
}

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorArg {
    Auto,
    Always,
    Never,
}

/// Every command. The doc comments of their arguments are the help.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(commands::init::InitArgs),
    New(commands::new::NewArgs),
    Edit(commands::edit::EditArgs),
    Show(commands::show::ShowArgs),
    List(commands::list::ListArgs),
    Delete(commands::delete::DeleteArgs),
    Restore(commands::restore::RestoreArgs),
    Push(commands::push::PushArgs),
    Status(commands::status::StatusArgs),
    Remote(commands::remote::RemoteArgs),
    Config(commands::config::ConfigArgs),
    Completions(commands::completions::CompletionsArgs),
    /// Print the manual page
    Man,
    #[command(name = "__docs", hide = true)]
    Docs(commands::docs::DocsArgs),
}
