//! Puts the program together: configuration, root, remote, state, reporter, `SyncManager`.

use std::cell::OnceCell;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use devlog_core::config::{DEFAULT_REMOTE, RemoteConfig, RemoteLocation};
use devlog_core::manager::{Ports, SyncManager};
use devlog_core::path::RelPath;
use devlog_core::ports::{Clock, RemoteStorage};
use devlog_core::progress::ProgressReporter;
use devlog_local::clock::SystemClock;
use devlog_local::lock::{LockError, RootLock};
use devlog_local::root::{Access, Root};
use devlog_local::state::SqliteState;
use devlog_local::tree::DiskTree;
use devlog_remote::{Limits, StorageFactory};
use etcetera::BaseStrategy;
use tokio::runtime::Runtime;

use crate::args::Global;
use crate::config_file::Settings;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::reporter::{ConsoleReporter, JsonReporter, QuietReporter};
use crate::ui::Ui;

/// The log's folder in the home directory, where no other is named.
const DEFAULT_ROOT: &str = ".devlog";

/// Worker threads: two keep hashing and sending busy; more only add wake-ups.
const WORKERS: usize = 2;

/// One call of the program: where the log is, how it is set up, how to speak.
pub(crate) struct App {
    ui: Ui,
    root: Root,
    is_default_root: bool,
    settings: OnceCell<Settings>,
    remote_name: Option<String>,
    offline: bool,
}

impl App {
    /// Finds the root. Touches neither disk, network nor state.
    pub(crate) fn new(global: &Global, ui: Ui) -> Result<Self, CliError> {
        let at = |path: &Path| {
            Root::at(path).map_err(|error| {
                CliError::new(ExitCode::Failed, format!("cannot use {}", path.display()))
                    .with_causes(Some(&error))
            })
        };
        // Without a home there is no default root, which does not matter where another is named.
        let default = home().and_then(|home| at(&home.join(DEFAULT_ROOT)));
        let root = match &global.dir {
            Some(path) => at(path)?,
            None => default.clone()?,
        };
        Ok(Self {
            ui,
            is_default_root: default.is_ok_and(|default| default.path() == root.path()),
            root,
            settings: OnceCell::new(),
            remote_name: global.remote.clone(),
            offline: global.offline,
        })
    }

    pub(crate) const fn ui(&self) -> &Ui {
        &self.ui
    }

    pub(crate) const fn root(&self) -> &Root {
        &self.root
    }

    /// The root's settings, read when they are first asked for: what needs none works whatever they say.
    pub(crate) fn settings(&self) -> Result<&Settings, CliError> {
        if let Some(settings) = self.settings.get() {
            return Ok(settings);
        }
        let text =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        let settings = Settings::load(self.root.path(), env::vars_os().filter_map(text))?;
        Ok(self.settings.get_or_init(|| settings))
    }

    /// This device's name, as events and commits carry it.
    pub(crate) fn device(&self, access: Access) -> Result<String, CliError> {
        match &self.settings()?.config.device.name {
            Some(name) => Ok(name.clone()),
            None => self
                .root
                .device_name(&host(), &SystemClock, access)
                .map_err(|error| CliError::from_error(ExitCode::Failed, &error)),
        }
    }

    pub(crate) const fn is_offline(&self) -> bool {
        self.offline
    }

    /// What `--remote` says.
    pub(crate) fn remote_name(&self) -> Option<&str> {
        self.remote_name.as_deref()
    }

    /// The root must be there: a sync never makes one, or a folder that is not mounted would look emptied.
    pub(crate) fn require_root(&self) -> Result<(), CliError> {
        if self.root.path().is_dir() {
            return Ok(());
        }
        Err(CliError::usage(format!("there is no log at {}", self.root.named())).with_hint("devlog init"))
    }

    /// Takes the root's lock for the length of a run.
    pub(crate) fn lock(&self) -> Result<RootLock, CliError> {
        RootLock::acquire(&self.root, SystemClock.now()).map_err(|error| {
            let code = match &error {
                LockError::Held { .. } => ExitCode::Locked,
                LockError::Unusable(_) => ExitCode::Failed,
            };
            CliError::from_error(code, &error)
        })
    }

    /// The remote that the command line or the configuration names, or the default root's embedded one.
    pub(crate) fn remote(&self) -> Result<RemoteConfig, CliError> {
        let name = self.remote_name.as_deref().unwrap_or(DEFAULT_REMOTE);
        if let Some(remote) = self.settings()?.config.remotes.get(name) {
            self.require_apart(remote)?;
            return Ok(remote.clone());
        }
        if let Some(name) = &self.remote_name {
            return Err(
                CliError::usage(format!("there is no remote `{name}`")).with_hint("devlog remote list")
            );
        }
        if !self.is_default_root {
            return Err(CliError::usage(format!("no remote is configured for {}", self.root.named()))
                .with_hint(format!(
                    "devlog --dir {} remote add default s3://BUCKET/PREFIX",
                    self.root.named()
                )));
        }
        let path = embedded_remote()?;
        self.ui.note(&format!("No remote is configured, so the log goes to {}.", path.display()));
        self.ui.note("To use a bucket instead: devlog remote add default s3://BUCKET/PREFIX");
        Ok(RemoteConfig {
            location: RemoteLocation::Folder { path: path.display().to_string() },
            single_writer: false,
        })
    }

    /// A folder remote inside the log would be synced into itself, and the log inside its remote mistaken for objects.
    fn require_apart(&self, remote: &RemoteConfig) -> Result<(), CliError> {
        let RemoteLocation::Folder { path } = &remote.location else { return Ok(()) };
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let (remote, root) = (real(Path::new(path)), real(self.root.path()));
        if remote.starts_with(&root) || root.starts_with(&remote) {
            return Err(CliError::usage(format!(
                "the log in {} and its remote {path} lie inside each other",
                self.root.named()
            ))
            .with_hint("devlog remote add default file:///another/folder"));
        }
        Ok(())
    }

    /// Paths of the command line, relative to the root unless absolute.
    pub(crate) fn rel_paths(&self, paths: &[String]) -> Result<Vec<RelPath>, CliError> {
        let relative = |text: &String| {
            let path = Path::new(text);
            let inside = match path.is_absolute() {
                true => path
                    .strip_prefix(self.root.path())
                    .map_err(|_| CliError::usage(format!("{text} is not in {}", self.root.named())))?,
                false => path,
            };
            let inside = inside.to_string_lossy();
            let inside = inside.trim_start_matches("./").trim_end_matches('/');
            RelPath::new(inside)
                .map_err(|error| CliError::usage(format!("`{text}` cannot be synced: {error}")))
        };
        paths.iter().filter(|text| !matches!(text.as_str(), "." | "./")).map(relative).collect()
    }

    /// A runtime, and a manager that reports in the way that was asked for.
    pub(crate) fn manager(&self, access: Access) -> Result<(Runtime, SyncManager), CliError> {
        self.manager_with(access, self.reporter())
    }

    /// A runtime and a manager with a reporter of the caller's.
    pub(crate) fn manager_with(
        &self,
        access: Access,
        reporter: Arc<dyn ProgressReporter>,
    ) -> Result<(Runtime, SyncManager), CliError> {
        let runtime = runtime()?;
        let remote = runtime.block_on(self.open_remote(&self.remote()?))?;
        let failed = |error: &dyn std::error::Error| CliError::from_error(ExitCode::Failed, error);
        let device = self.device(access)?;
        let local = DiskTree::open(self.root.clone(), access)
            .map_err(|error| CliError::from_error(ExitCode::Usage, &error))?;
        let state = SqliteState::open(&self.root, access).map_err(|error| {
            failed(&error).with_hint(format!("mv {0} {0}.old", self.root.state_db().display()))
        })?;
        let ports = Ports {
            local: Arc::new(local),
            remote,
            state: Arc::new(state),
            clock: Arc::new(SystemClock),
            reporter,
        };
        Ok((runtime, SyncManager::new(ports, self.settings()?.config.sync.clone(), device)))
    }

    /// Connects to a remote. Sends nothing yet.
    pub(crate) async fn open_remote(
        &self,
        remote: &RemoteConfig,
    ) -> Result<Arc<dyn RemoteStorage>, CliError> {
        let factory = StorageFactory::new(Limits::from(&self.settings()?.config.sync));
        factory.open(remote).await.map_err(|error| CliError::from_error(ExitCode::Usage, &error))
    }

    fn reporter(&self) -> Arc<dyn ProgressReporter> {
        let ui = self.ui.clone();
        match (ui.is_json(), ui.is_quiet()) {
            (true, _) => Arc::new(JsonReporter::new(ui)),
            (false, true) => Arc::new(QuietReporter::new(ui)),
            (false, false) => Arc::new(ConsoleReporter::new(ui)),
        }
    }
}

/// The runtime of commands that use the network.
pub(crate) fn runtime() -> Result<Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(|error| CliError::from_error(ExitCode::Failed, &error))
}

/// The first Ctrl-C ends the run in order; the second ends the program.
pub(crate) fn stop_on_ctrl_c(interrupted: Arc<AtomicBool>) {
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if interrupted.swap(true, Ordering::Relaxed) {
                std::process::exit(i32::from(ExitCode::Interrupted.number()));
            }
        }
    });
}

/// This machine's name.
pub(crate) fn host() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

fn home() -> Result<PathBuf, CliError> {
    etcetera::home_dir()
        .map_err(|_| CliError::usage("there is no home directory").with_hint("devlog --dir PATH status"))
}

/// Where the default root's log goes while nothing else is configured.
fn embedded_remote() -> Result<PathBuf, CliError> {
    let base =
        etcetera::choose_base_strategy().map_err(|error| CliError::from_error(ExitCode::Usage, &error))?;
    Ok(base.data_dir().join("devlog").join("remote"))
}
