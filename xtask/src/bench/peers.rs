//! How each tool is called: the same files, its best flags, its own bucket.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use tempfile::TempDir;

use super::{Case, server_folder};
use crate::servers::{ACCESS_KEY, RCLONE, S5CMD, SECRET_KEY, Server, fetch, start_seaweedfs};
use crate::workspace::{Workspace, output_of};

/// Who pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    Devlog,
    Rclone,
    S5cmd,
}

impl Tool {
    pub(super) const ALL: [Self; 3] = [Self::Devlog, Self::Rclone, Self::S5cmd];

    /// Its name, also that of its folder and in its bucket's.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Devlog => "devlog",
            Self::Rclone => "rclone",
            Self::S5cmd => "s5cmd",
        }
    }

    fn bucket(self) -> String {
        format!("bench-{}", self.name())
    }
}

/// A server that runs, and the tools that talk to it.
#[derive(Debug)]
pub(super) struct Bench {
    // Before its folder: fields are dropped in order.
    server: Server,
    _data: TempDir,
    devlog: PathBuf,
    rclone: PathBuf,
    s5cmd: PathBuf,
    home: PathBuf,
}

impl Bench {
    /// Starts a fresh server; `scratch` holds what the tools keep outside their sources.
    pub(super) fn start(workspace: &Workspace, scratch: &Path) -> anyhow::Result<Self> {
        let data = server_folder()?;
        let home = scratch.join("home");
        fs::create_dir_all(&home).context("cannot create a home for the tools")?;
        Ok(Self {
            server: start_seaweedfs(workspace, data.path())?,
            _data: data,
            devlog: workspace.target.join("release/devlog"),
            rclone: fetch(workspace, &RCLONE)?,
            s5cmd: fetch(workspace, &S5CMD)?,
            home,
        })
    }

    /// An empty bucket for the tool, and devlog's configuration among everybody's files.
    pub(super) fn prepare(&self, tool: Tool, source: &Path) -> anyhow::Result<()> {
        output_of(self.s5cmd().arg("mb").arg(format!("s3://{}", tool.bucket())))?;
        let url = format!("s3://{}/log?endpoint={}&region=us-east-1", tool.bucket(), self.server.endpoint());
        let config = format!("[remote]\nprovider = \"s3\"\nurl = \"{url}\"\n");
        fs::write(source.join("config.toml"), config).context("cannot write the configuration")
    }

    /// The command that is measured.
    pub(super) fn push(&self, case: Case, tool: Tool, source: &Path) -> Command {
        match tool {
            Tool::Devlog => {
                let mut command = self.client(&self.devlog);
                command.arg("--dir").arg(source).args(["push", "--quiet"]);
                command
            }
            Tool::Rclone => {
                let mut command = self.client(&self.rclone);
                command
                    .envs([
                        ("RCLONE_CONFIG", "/dev/null"),
                        ("RCLONE_CONFIG_R_TYPE", "s3"),
                        ("RCLONE_CONFIG_R_PROVIDER", "Other"),
                        ("RCLONE_CONFIG_R_ENV_AUTH", "true"),
                        ("RCLONE_CONFIG_R_REGION", "us-east-1"),
                        ("RCLONE_S3_NO_CHECK_BUCKET", "true"),
                    ])
                    .env("RCLONE_CONFIG_R_ENDPOINT", self.server.endpoint())
                    .args(["sync", "-q", "--transfers", "32", "--checkers", "32", "--fast-list"]);
                // Without it rclone asks for the time of every object: its best flag where most is there already.
                if matches!(case, Case::NothingToDo | Case::OnePercent) {
                    command.arg("--checksum");
                }
                command.arg(source).arg(format!("r:{}/log", tool.bucket()));
                command
            }
            Tool::S5cmd => {
                let mut command = self.client(&self.s5cmd);
                command.args(["--log", "error", "--endpoint-url", &self.server.endpoint()]);
                let source = format!("{}/", source.display());
                command.args(["sync", &source]).arg(format!("s3://{}/log/", tool.bucket()));
                command
            }
        }
    }

    /// Fails where the tool left files behind: a push that did not happen is no fast push.
    pub(super) fn check_bucket(&self, tool: Tool, files: u64) -> anyhow::Result<()> {
        let listing = output_of(self.s5cmd().arg("ls").arg(format!("s3://{}/*", tool.bucket())))?;
        let objects = listing.lines().filter(|line| !line.contains("log/.devlog/")).count() as u64;
        if objects != files {
            bail!("{} pushed {objects} of {files} files", tool.name());
        }
        Ok(())
    }

    fn s5cmd(&self) -> Command {
        let mut command = self.client(&self.s5cmd);
        command.args(["--endpoint-url", &self.server.endpoint()]);
        command
    }

    /// A client that sees nothing of the developer's own configuration.
    fn client(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", &self.home).envs([
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            ("AWS_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]);
        command
    }
}
