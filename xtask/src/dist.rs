//! `cargo xtask dist`: the archive that people download, with its checksum.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use crate::workspace::{Workspace, output_of, run_shown};

/// What goes in as it is.
const TEXTS: &[&str] = &["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// Each shell and what it wants its completions to be called.
const COMPLETIONS: &[(&str, &str)] = &[("bash", "devlog.bash"), ("zsh", "_devlog"), ("fish", "devlog.fish")];

/// Builds, gathers, packs.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<ExitCode> {
    run_shown(workspace.cargo().args([
        "build",
        "--profile",
        "dist",
        "--locked",
        "--package",
        "devlog-cli",
        "--bin",
        "devlog",
    ]))?;
    let dist = workspace.target.join("dist");
    let name = format!("devlog-{}-{}", workspace.version()?, host(workspace)?);
    let folder = dist.join(&name);
    if folder.exists() {
        fs::remove_dir_all(&folder).context("cannot clear an earlier archive's folder")?;
    }
    gather(workspace, &dist.join("devlog"), &folder)?;

    let archive = format!("{name}.tar.gz");
    // The same commit packs to the same bytes: names sorted, nobody's name, the commit's time.
    let time = output_of(workspace.program("git").args(["log", "-1", "--format=@%ct"]))?;
    run_shown(
        workspace
            .program("tar")
            .current_dir(&dist)
            .args([
                "--sort=name",
                "--owner=0",
                "--group=0",
                "--numeric-owner",
                "--use-compress-program=gzip -9n",
            ])
            .arg(format!("--mtime={}", time.trim()))
            .args(["--create", "--file", &archive, &name]),
    )?;
    let sum = output_of(workspace.program("sha256sum").current_dir(&dist).arg(&archive))?;
    fs::write(dist.join(format!("{archive}.sha256")), &sum).context("cannot write the checksum")?;
    println!("{}", dist.join(&archive).display());
    print!("{sum}");
    Ok(ExitCode::SUCCESS)
}

/// Lays out the archive's folder; the binary writes its own completions and manual pages.
fn gather(workspace: &Workspace, binary: &Path, folder: &Path) -> anyhow::Result<()> {
    let (completions, man) = (folder.join("completions"), folder.join("man"));
    for folder in [&completions, &man] {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    fs::copy(binary, folder.join("devlog")).context("cannot copy the binary")?;
    for text in TEXTS {
        fs::copy(workspace.file(text), folder.join(text)).with_context(|| format!("cannot copy {text}"))?;
    }
    for (shell, file) in COMPLETIONS {
        let script = output_of(workspace.program(binary).args(["completions", shell]))?;
        fs::write(completions.join(file), script).with_context(|| format!("cannot write {file}"))?;
    }
    output_of(workspace.program(binary).args(["__docs", "man", "--out"]).arg(&man))?;
    Ok(())
}

/// The triple that this toolchain builds for.
fn host(workspace: &Workspace) -> anyhow::Result<String> {
    let version = output_of(workspace.program("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say what it builds for")?.to_owned())
}
