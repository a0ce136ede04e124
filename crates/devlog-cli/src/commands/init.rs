//! `devlog init`: makes a root and its settings.

use clap::Args;
use devlog_core::config::RemoteConfig;

use crate::app::App;
use crate::config_file::{self, CONFIG_FILE};
use crate::error::CliError;
use crate::exit_code::ExitCode;

/// Make a log, and say with `--remote URL` where it is stored
#[derive(Debug, Args)]
#[command(before_help = "Example: devlog init --remote s3://my-bucket/log")]
pub(crate) struct InitArgs {}

/// What a new `config.toml` begins with.
const TEMPLATE: &str = "# Settings of this log. `devlog config list` shows all; never put a secret here.\n";

pub(crate) fn run(app: &App) -> Result<ExitCode, CliError> {
    let ui = app.ui();
    let url = match app.remote_name() {
        Some(url) => Some(url.to_owned()),
        None if app.settings()?.config.remotes.is_empty() => ui
            .ask("Where should the log be stored? (s3://bucket/prefix, file:///path, empty for later)")
            .filter(|answer| !answer.is_empty()),
        None => None,
    };
    // Everything is checked before anything is made.
    let remote = url
        .map(|url| RemoteConfig::parse(&url, None, false).map_err(|error| CliError::usage(error.to_string())))
        .transpose()?;
    make_root(app)?;
    if let Some(remote) = remote {
        config_file::set(app.root().path(), "remote.url", &remote.to_string())?;
        ui.note(&format!("The log in {} goes to {remote}.", app.root().named()));
        ui.hint("devlog remote test");
    } else {
        ui.note(&format!("The log is in {}.", app.root().named()));
        ui.hint("devlog new \"my first entry\"");
    }
    Ok(ExitCode::Done)
}

/// Makes the root and its settings where they are missing; changes nothing that is there. Whether the root was missing.
pub(crate) fn make_root(app: &App) -> Result<bool, CliError> {
    let is_new = !app.root().path().is_dir();
    let failed = |error: std::io::Error| {
        CliError::new(ExitCode::Failed, format!("cannot make {}", app.root().named()))
            .with_causes(Some(&error))
    };
    app.root().create().map_err(failed)?;
    let file = app.root().path().join(CONFIG_FILE);
    if !file.exists() {
        config_file::write_atomically(&file, TEMPLATE.as_bytes()).map_err(failed)?;
    }
    Ok(is_new)
}
