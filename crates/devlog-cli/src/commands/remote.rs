//! `devlog remote`: where the log is stored, and whether that works.

use clap::{Args, Subcommand};
use devlog_core::config::{DEFAULT_REMOTE, RemoteConfig};
use devlog_core::ports::{ObjectKey, RemoteError, RemoteStorage, ReservedKey};
use devlog_core::probe::{self, ProbeError};
use devlog_local::clock::SystemClock;
use futures_util::TryStreamExt;
use serde::Serialize;

use crate::app::{self, App};
use crate::config_file;
use crate::error::CliError;
use crate::exit_code::ExitCode;

/// Add, list and test the places the log is stored
#[derive(Debug, Args)]
#[command(before_help = "Example: devlog remote add default \"s3://my-bucket/log?region=eu-central-1\"")]
pub(crate) struct RemoteArgs {
    #[command(subcommand)]
    command: RemoteCommand,
}

#[derive(Debug, Subcommand)]
enum RemoteCommand {
    /// Add a remote, or change where it is
    Add {
        /// `default` is used where no other is named
        name: String,
        /// s3://bucket/prefix, file:///path, azure://account/container/prefix or gs://bucket/prefix
        url: String,
    },
    /// List the remotes
    List,
    /// Show one remote
    Show {
        /// Its name
        #[arg(default_value = DEFAULT_REMOTE)]
        name: String,
    },
    /// Try everything a push needs, step by step
    Test {
        /// Its name
        name: Option<String>,
    },
    /// Forget a remote; nothing that is stored there is touched
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Serialize)]
struct RemoteList {
    schema: &'static str,
    remotes: Vec<RemoteLine>,
}

#[derive(Serialize)]
struct RemoteLine {
    name: String,
    provider: &'static str,
    url: String,
    single_writer: bool,
}

impl RemoteLine {
    fn new(name: &str, remote: &RemoteConfig) -> Self {
        Self {
            name: name.to_owned(),
            provider: remote.provider().name(),
            url: remote.to_string(),
            single_writer: remote.single_writer,
        }
    }
}

pub(crate) fn run(app: &App, args: RemoteArgs) -> Result<ExitCode, CliError> {
    match args.command {
        RemoteCommand::Add { name, url } => add(app, &name, &url),
        RemoteCommand::List => list(app),
        RemoteCommand::Show { name } => show(app, &name),
        RemoteCommand::Test { name } => test(app, name.as_deref()),
        RemoteCommand::Remove { name } => remove(app, &name),
    }
}

/// The table of `config.toml` that describes a remote.
fn table(name: &str) -> String {
    if name == DEFAULT_REMOTE { "remote".to_owned() } else { format!("remotes.{name}") }
}

fn add(app: &App, name: &str, url: &str) -> Result<ExitCode, CliError> {
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
        return Err(CliError::usage(format!(
            "`{name}` cannot be a remote's name; use letters, digits, - and _"
        )));
    }
    let remote = RemoteConfig::parse(url, None, false).map_err(|error| CliError::usage(error.to_string()))?;
    app.root().create().map_err(|error| CliError::from_error(ExitCode::Failed, &error))?;
    config_file::set(app.root().path(), &format!("{}.url", table(name)), &remote.to_string())?;
    app.ui().note(&format!("The remote `{name}` is {remote}."));
    app.ui().hint(&match name {
        DEFAULT_REMOTE => "devlog remote test".to_owned(),
        name => format!("devlog remote test {name}"),
    });
    Ok(ExitCode::Done)
}

fn list(app: &App) -> Result<ExitCode, CliError> {
    let remotes = &app.settings()?.config.remotes;
    let ui = app.ui();
    if ui.is_json() {
        let remotes = remotes.iter().map(|(name, remote)| RemoteLine::new(name, remote)).collect();
        ui.print_json(&RemoteList { schema: "devlog.remotes/1", remotes });
        return Ok(ExitCode::Done);
    }
    for (name, remote) in remotes {
        ui.line(&format!("{name:<12} {:<7} {remote}", remote.provider()));
    }
    if remotes.is_empty() {
        ui.note("No remote is configured.");
        ui.hint("devlog remote add default s3://BUCKET/PREFIX");
    }
    Ok(ExitCode::Done)
}

fn named<'a>(app: &'a App, name: &str) -> Result<&'a RemoteConfig, CliError> {
    app.settings()?.config.remotes.get(name).ok_or_else(|| {
        CliError::usage(format!("there is no remote `{name}`")).with_hint("devlog remote list")
    })
}

fn show(app: &App, name: &str) -> Result<ExitCode, CliError> {
    let remote = named(app, name)?;
    let ui = app.ui();
    if ui.is_json() {
        ui.print_json(&RemoteList {
            schema: "devlog.remotes/1",
            remotes: vec![RemoteLine::new(name, remote)],
        });
    } else {
        ui.line(&format!("name           {name}"));
        ui.line(&format!("provider       {}", remote.provider()));
        ui.line(&format!("url            {remote}"));
        ui.line(&format!("single_writer  {}", remote.single_writer));
    }
    Ok(ExitCode::Done)
}

fn remove(app: &App, name: &str) -> Result<ExitCode, CliError> {
    named(app, name)?;
    for field in ["url", "provider", "single_writer"] {
        let key = format!("{}.{field}", table(name));
        if field != "url" {
            config_file::unset(app.root().path(), &key)?;
        }
    }
    config_file::unset(app.root().path(), &format!("{}.url", table(name)))?;
    app.ui().note(&format!("The remote `{name}` is forgotten; what is stored there stays."));
    Ok(ExitCode::Done)
}

/// The steps of a test, in the order in which a push needs them.
const STEPS: [&str; 4] = ["connect", "list", "read", "write"];

#[derive(Serialize)]
struct TestDocument<'a> {
    schema: &'static str,
    remote: String,
    steps: Vec<StepLine<'a>>,
}

#[derive(Serialize)]
struct StepLine<'a> {
    step: &'a str,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

fn test(app: &App, name: Option<&str>) -> Result<ExitCode, CliError> {
    let config = match name {
        Some(name) => named(app, name)?.clone(),
        None => app.remote()?,
    };
    let runtime = app::runtime()?;
    let (passed, failure) = runtime.block_on(walk(app, &config));
    let ui = app.ui();
    let failed = failure.as_ref().map(|failure| failure.message.clone());
    let steps: Vec<StepLine<'_>> = STEPS
        .into_iter()
        .take(passed + usize::from(failure.is_some()))
        .enumerate()
        .map(|(index, step)| StepLine {
            step,
            ok: index < passed,
            error: failed.clone().filter(|_| index == passed),
        })
        .collect();
    if ui.is_json() {
        ui.print_json(&TestDocument { schema: "devlog.remote_test/1", remote: config.to_string(), steps });
    } else {
        for line in &steps {
            ui.line(&format!("{} {:<8} {config}", if line.ok { "ok    " } else { "FAILED" }, line.step));
        }
    }
    failure.map_or(Ok(ExitCode::Done), Err)
}

/// Walks the steps; the answer is how many passed, and why the next did not.
async fn walk(app: &App, config: &RemoteConfig) -> (usize, Option<CliError>) {
    let remote = match app.open_remote(config).await {
        Ok(remote) => remote,
        Err(error) => return (0, Some(error)),
    };
    // Connecting is only proved by a first answer, whatever it says.
    match remote.head(&ReservedKey::Identity.into()).await {
        Ok(_) | Err(RemoteError::NotFound) => {}
        Err(error) => return (0, Some(explain(&error, config))),
    }
    if let Err(error) = remote.list(ObjectKey::from(ReservedKey::Identity).as_str()).try_next().await {
        return (1, Some(explain(&error, config)));
    }
    match remote.get(&ReservedKey::Identity.into(), None).await {
        Ok(_) | Err(RemoteError::NotFound) => {}
        Err(error) => return (2, Some(explain(&error, config))),
    }
    match write(remote.as_ref()).await {
        Ok(()) => (STEPS.len(), None),
        Err(error) => (3, Some(error_of_probe(&error, config))),
    }
}

async fn write(remote: &dyn RemoteStorage) -> Result<(), ProbeError> {
    match probe::probe(remote, &SystemClock).await {
        Err(ProbeError::Ignored(_) | ProbeError::Rejected(_)) if remote.single_writer() => Ok(()),
        other => other,
    }
}

fn error_of_probe(error: &ProbeError, config: &RemoteConfig) -> CliError {
    match error {
        ProbeError::Remote(error) => explain(error, config),
        ProbeError::Ignored(_) | ProbeError::Rejected(_) => CliError::from_error(ExitCode::Failed, error)
            .with_hint("devlog config set remote.single_writer true"),
    }
}

/// One fix for each way in which a remote fails.
fn explain(error: &RemoteError, config: &RemoteConfig) -> CliError {
    use devlog_core::config::Provider;
    let (code, hint) = match error {
        RemoteError::Denied(_) => (
            ExitCode::Denied,
            match config.provider() {
                Provider::S3 => "aws sts get-caller-identity",
                Provider::Azure => "az account show",
                Provider::Gcs => "gcloud auth application-default login",
                Provider::Folder => "devlog remote show",
            },
        ),
        RemoteError::Offline(_) | RemoteError::Throttled { .. } => {
            (ExitCode::Unreachable, "devlog remote test")
        }
        RemoteError::Corrupt(_) => (ExitCode::Integrity, "devlog push --mode all"),
        RemoteError::NotFound
        | RemoteError::PreconditionFailed
        | RemoteError::Unusable(_)
        | RemoteError::Body(_)
        | RemoteError::Other { .. } => (ExitCode::Failed, "devlog remote show"),
    };
    CliError::from_error(code, error).with_hint(hint)
}
