//! `rclone serve s3`: an S3 server that ignores conditional writes without a word.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

use super::process::{Launch, Server, http_status};
use super::{ACCESS_KEY, SECRET_KEY};

/// Starts it on an empty temporary folder.
pub(super) fn start(program: &Path) -> anyhow::Result<Server> {
    Server::start(1, None, |home, ports| {
        let data = home.join("data");
        fs::create_dir_all(&data).context("cannot create the server's folder")?;
        let port = ports[0];
        let mut command = Command::new(program);
        command
            .args(["serve", "s3", "--quiet", "--config", "/dev/null"])
            .args([
                "--addr",
                &format!("127.0.0.1:{port}"),
                "--auth-key",
                &format!("{ACCESS_KEY},{SECRET_KEY}"),
            ])
            .arg(&data);
        // It answers 400 to a request without a signature, which is an answer.
        Ok(Launch { command, port, ready: Box::new(move || http_status(port, "/").is_some()) })
    })
}
