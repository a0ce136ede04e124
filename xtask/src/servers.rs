//! The real servers that tests and benchmarks run against: fetched once, started on free loopback ports.

mod fetch;
mod process;
mod rclone;
mod seaweed;

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context;

pub(crate) use self::fetch::{RCLONE, S5CMD, SEAWEEDFS, fetch};
pub(crate) use self::process::Server;
use crate::workspace::Workspace;

/// The key that every test server accepts.
pub(crate) const ACCESS_KEY: &str = "devlogtestkey";
/// The secret of [`ACCESS_KEY`]: of no worth outside a server that listens on loopback.
pub(crate) const SECRET_KEY: &str = "devlogtestsecret";

/// The servers of one run. They stop when this is dropped, when `xtask` ends and on Ctrl-C.
#[derive(Debug)]
pub(crate) struct Servers {
    s3: Server,
    naive_s3: Server,
}

impl Servers {
    /// Fetches what is missing, starts all, and returns when each of them answers.
    pub(crate) fn start(workspace: &Workspace) -> anyhow::Result<Self> {
        let weed = fetch(workspace, &SEAWEEDFS)?;
        let rclone = fetch(workspace, &RCLONE)?;
        let s3 = seaweed::start(&weed, None).context("cannot start SeaweedFS")?;
        let naive_s3 = rclone::start(&rclone).context("cannot start rclone serve s3")?;
        Ok(Self { s3, naive_s3 })
    }

    /// What the tests read: where each server is and how to log in.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("DEVLOG_TEST_S3_ENDPOINT", self.s3.endpoint()),
            ("DEVLOG_TEST_S3_ACCESS_KEY", ACCESS_KEY.to_owned()),
            ("DEVLOG_TEST_S3_SECRET_KEY", SECRET_KEY.to_owned()),
            // Ignores conditional writes without a word: what the probe at the first push must refuse.
            ("DEVLOG_TEST_NAIVE_S3_ENDPOINT", self.naive_s3.endpoint()),
        ]
    }
}

/// Starts SeaweedFS alone, with its data in the given folder.
pub(crate) fn start_seaweedfs(workspace: &Workspace, data: &std::path::Path) -> anyhow::Result<Server> {
    seaweed::start(&fetch(workspace, &SEAWEEDFS)?, Some(data)).context("cannot start SeaweedFS")
}

/// `cargo xtask servers`.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<ExitCode> {
    stop_on_signal()?;
    let servers = Servers::start(workspace)?;
    for (name, value) in servers.environment() {
        println!("export {name}={value}");
    }
    eprintln!("servers run until Ctrl-C");
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// From now on Ctrl-C, SIGTERM and SIGHUP stop every server before `xtask` ends.
pub(crate) fn stop_on_signal() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        process::stop_all();
        std::process::exit(130);
    })
    .context("cannot listen for Ctrl-C")
}
