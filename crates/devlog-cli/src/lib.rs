//! Touches the human: arguments, configuration, output, exit codes; the one place that puts the program together.

mod app;
mod args;
mod commands;
mod config_file;
mod editor;
mod error;
mod exit_code;
mod journal;
mod render;
mod reporter;
mod ui;

use std::io::IsTerminal;
use std::process;

use clap::Parser;
use clap::error::ErrorKind;

use app::App;
use args::{Cli, ColorArg, Command};
use error::CliError;
use exit_code::ExitCode;
use ui::{Manner, Ui};

/// Runs the program with the arguments of this process.
pub fn main() -> process::ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let ui = Ui::new(manner(&cli));
    let code = run(cli, &ui).unwrap_or_else(|error| {
        error.show(&ui);
        error.code
    });
    match ui.output_error() {
        None => process::ExitCode::from(code.number()),
        Some(error) => {
            CliError::new(ExitCode::Failed, "cannot write to standard output")
                .with_causes(Some(&error))
                .show(&ui);
            process::ExitCode::from(ExitCode::Failed.number())
        }
    }
}

fn run(cli: Cli, ui: &Ui) -> Result<ExitCode, CliError> {
    match &cli.command {
        Command::Completions(args) => return Ok(commands::completions::run(ui, args)),
        Command::Man => return commands::docs::man(ui),
        Command::Docs(args) => return commands::docs::run(ui, args),
        _ => {}
    }
    let app = App::new(&cli.global, ui.clone())?;
    match cli.command {
        Command::Init(_) => commands::init::run(&app),
        Command::New(args) => commands::new::run(&app, &args),
        Command::Edit(args) => commands::edit::run(&app, &args),
        Command::Show(args) => commands::show::run(&app, &args),
        Command::List(args) => commands::list::run(&app, &args),
        Command::Delete(args) => commands::delete::run(&app, &args),
        Command::Restore(args) => commands::restore::run(&app, &args),
        Command::Push(args) => commands::push::run(&app, args),
        Command::Status(args) => commands::status::run(&app, &args),
        Command::Remote(args) => commands::remote::run(&app, args),
        Command::Config(args) => commands::config::run(&app, args),
        Command::Completions(_) | Command::Man | Command::Docs(_) => Ok(ExitCode::Done),
    }
}

/// Help and version go to stdout and are no error; wrong usage is exit code 2, with `--json` as one line.
fn usage(error: &clap::Error) -> process::ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = error.print();
        return process::ExitCode::SUCCESS;
    }
    if std::env::args().any(|arg| arg == "--json") {
        let ui = Ui::new(Manner { json: true, ..Manner::default() });
        let text = error.to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        CliError::usage(message).with_hint("devlog --help").show(&ui);
    } else {
        let _ = error.print();
    }
    process::ExitCode::from(ExitCode::Usage.number())
}

fn manner(cli: &Cli) -> Manner {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    let color = match cli.global.color {
        ColorArg::Always => true,
        ColorArg::Never => false,
        ColorArg::Auto if is_set("NO_COLOR") => false,
        ColorArg::Auto if is_set("CLICOLOR_FORCE") => true,
        ColorArg::Auto => std::io::stdout().is_terminal(),
    };
    Manner {
        json: cli.global.json,
        quiet: cli.global.quiet,
        verbose: cli.global.verbose,
        no_input: cli.global.no_input,
        color,
    }
}
