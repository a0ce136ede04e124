//! `devlog config`: settings, one at a time.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::app::App;
use crate::commands::init;
use crate::config_file::{self, CONFIG_FILE, Given};
use crate::editor;
use crate::error::CliError;
use crate::exit_code::ExitCode;

/// Show and change settings
#[derive(Debug, Args)]
#[command(before_help = "Example: devlog config set sync.bandwidth 2MB/s")]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print one setting
    Get {
        /// Dotted, such as sync.concurrency
        key: String,
    },
    /// Change one setting; comments and order of the file stay
    Set {
        /// Dotted, such as sync.concurrency
        key: String,
        /// The new value
        value: String,
    },
    /// Take one setting back to its default
    Unset {
        /// Dotted, such as sync.concurrency
        key: String,
    },
    /// List every setting that has a value
    List {
        /// Say where each value comes from
        #[arg(long)]
        show_origin: bool,
    },
    /// Print the file's path
    Path,
    /// Open the file in your editor
    Edit,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    settings: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    key: String,
    value: String,
    origin: String,
}

impl From<(String, Given)> for Line {
    fn from((key, given): (String, Given)) -> Self {
        Self { key, value: given.value, origin: given.origin.to_string() }
    }
}

pub(crate) fn run(app: &App, args: ConfigArgs) -> Result<ExitCode, CliError> {
    let ui = app.ui();
    match args.command {
        ConfigCommand::Get { key } => {
            config_file::check_key(&key, "")?;
            let given = app.settings()?.get(&key).ok_or_else(|| {
                CliError::new(ExitCode::NotFound, format!("`{key}` is not set"))
                    .with_hint(format!("devlog config set {key} VALUE"))
            })?;
            if ui.is_json() {
                ui.print_json(&Document { schema: "devlog.config/1", settings: vec![(key, given).into()] });
            } else {
                ui.line(&given.value);
            }
        }
        ConfigCommand::Set { key, value } => {
            app.root().create().map_err(|error| CliError::from_error(ExitCode::Failed, &error))?;
            config_file::set(app.root().path(), &key, &value)?;
        }
        ConfigCommand::Unset { key } => {
            if !config_file::unset(app.root().path(), &key)? {
                config_file::check_key(&key, "")?;
                ui.note(&format!("`{key}` was not set in {CONFIG_FILE}."));
            }
        }
        ConfigCommand::List { show_origin } => {
            let settings = app.settings()?.list();
            if ui.is_json() {
                let settings = settings.into_iter().map(Line::from).collect();
                ui.print_json(&Document { schema: "devlog.config/1", settings });
            } else {
                for (key, given) in settings {
                    let origin = if show_origin { format!("  ({})", given.origin) } else { String::new() };
                    ui.line(&format!("{key} = {}{origin}", given.value));
                }
            }
        }
        ConfigCommand::Path => ui.line(&file(app).display().to_string()),
        ConfigCommand::Edit => {
            init::make_root(app)?;
            editor::edit_file(&file(app))?;
            // The person is told at once, and the file stays as it was left.
            app.settings()?;
        }
    }
    Ok(ExitCode::Done)
}

fn file(app: &App) -> PathBuf {
    app.root().path().join(CONFIG_FILE)
}
