//! `TestEnv`: a hermetic home, root and remote in which the real `devlog` binary is run as a person would run it.

pub mod s3;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A home directory of its own, with nothing of the machine's environment in it.
pub struct TestEnv {
    home: TempDir,
    vars: BTreeMap<String, String>,
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub struct Run {
    /// The exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Everything on stdout.
    pub stdout: String,
    /// Everything on stderr.
    pub stderr: String,
}

impl Default for TestEnv {
    fn default() -> Self {
        Self::new()
    }
}

impl TestEnv {
    /// An empty home.
    pub fn new() -> Self {
        Self { home: TempDir::new().expect("a temporary folder"), vars: BTreeMap::new() }
    }

    /// A home whose default root pushes to [`Self::remote`], a folder.
    pub fn with_folder_remote() -> Self {
        let env = Self::new();
        env.configure(&format!("file://{}", env.remote().display()));
        env
    }

    /// Writes `config.toml` with this remote.
    pub fn configure(&self, url: &str) {
        self.write("config.toml", format!("[remote]\nurl = \"{url}\"\n"));
    }

    /// Adds a variable to the environment of every command.
    #[must_use]
    pub fn with_var(mut self, name: &str, value: &str) -> Self {
        self.vars.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The home directory.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The default root, `~/.devlog`.
    pub fn root(&self) -> PathBuf {
        self.home.path().join(".devlog")
    }

    /// The folder that [`Self::with_folder_remote`] pushes to.
    pub fn remote(&self) -> PathBuf {
        self.home.path().join("bucket")
    }

    /// Writes a file of the root, and the folders above it.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let file = self.root().join(path);
        fs::create_dir_all(file.parent().expect("a file has a parent")).expect("the folder is made");
        fs::write(&file, content).expect("the file is written");
        file
    }

    /// Removes a file of the root.
    pub fn remove(&self, path: &str) {
        fs::remove_file(self.root().join(path)).expect("the file is removed");
    }

    /// A file of the folder remote; `None` where there is none.
    pub fn stored(&self, path: &str) -> Option<Vec<u8>> {
        fs::read(self.remote().join(path)).ok()
    }

    /// A command that is not yet started, for tests that talk to it while it runs.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(binary());
        command
            .args(args)
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", "/usr/bin:/bin")
            .env("NO_COLOR", "1")
            .env("TZ", "UTC")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(&self.vars)
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs `devlog` with arguments separated by spaces, and waits for its end.
    pub fn devlog(&self, line: &str) -> Run {
        self.devlog_args(line.split_whitespace())
    }

    /// Runs `devlog` with arguments that may hold spaces.
    pub fn devlog_args<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        let output = self.command(args).output().expect("the binary starts");
        Run {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Run {
    /// Fails the test unless the command ended with `code`; shows all it printed.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless stdout contains `text`.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text),
            "no `{text}` in stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Fails the test unless stderr contains `text`.
    #[track_caller]
    pub fn complains(self, text: &str) -> Self {
        assert!(
            self.stderr.contains(text),
            "no `{text}` in stderr:\n{}\nstdout:\n{}",
            self.stderr,
            self.stdout
        );
        self
    }

    /// Stdout as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in:\n{}", self.stdout))
    }

    /// Stdout as JSON Lines.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        let line =
            |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in: {line}"));
        self.stdout.lines().map(line).collect()
    }

    /// The last JSON line, which must be `finished`.
    #[track_caller]
    pub fn finished(&self) -> Value {
        let last = self.events().pop().expect("at least one event");
        assert_eq!(last["event"], "finished", "{}", self.stdout);
        last
    }
}

/// Every file below `folder` with its content, by relative path: to compare before and after.
pub fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let Ok(entries) = fs::read_dir(&next) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("a folder entry").path();
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below the folder").display().to_string();
                files.insert(name, fs::read(&path).unwrap_or_default());
            }
        }
    }
    files
}

/// The binary under test: built beside the tests by `cargo test --workspace`.
fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let folder = test.parent().and_then(Path::parent).expect("tests lie in <target>/<profile>/deps");
    let binary = folder.join(format!("devlog{}", std::env::consts::EXE_SUFFIX));
    assert!(binary.is_file(), "{} is missing: run `cargo build --bin devlog` first", binary.display());
    binary
}
