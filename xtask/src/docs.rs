//! `cargo xtask docs`: writes docs/cli.md and docs/config.md from the code, or checks that they are fresh.

use std::fs;
use std::io;
use std::process::ExitCode;

use anyhow::Context;

use crate::workspace::{Workspace, output_of, run_shown};

/// Arguments of `cargo xtask docs`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail where a page is not what the code says.
    #[arg(long)]
    check: bool,
}

/// Each page and what `devlog __docs` calls it.
const PAGES: &[(&str, &str)] = &[("docs/cli.md", "cli"), ("docs/config.md", "config")];

/// Builds `devlog` and lets it describe itself.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> anyhow::Result<ExitCode> {
    run_shown(workspace.cargo().args(["build", "--locked", "--package", "devlog-cli", "--bin", "devlog"]))?;
    let devlog = workspace.target.join("debug/devlog");
    let mut stale = Vec::new();
    for (page, topic) in PAGES {
        // The help must not depend on who builds it, nor on the width of the terminal.
        let said =
            output_of(workspace.program(&devlog).args(["__docs", topic]).env_clear().env("NO_COLOR", "1"))?;
        let path = workspace.file(page);
        let old = match fs::read_to_string(&path) {
            Ok(old) => Some(old),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("cannot read {page}")),
        };
        if old.as_deref() == Some(said.as_str()) {
            continue;
        }
        if args.check {
            stale.push(*page);
        } else {
            fs::write(&path, said).with_context(|| format!("cannot write {page}"))?;
            println!("wrote {page}");
        }
    }
    if stale.is_empty() {
        println!("docs: {} pages say what the code says", PAGES.len());
        return Ok(ExitCode::SUCCESS);
    }
    println!("docs: {} not what the code says\n  run `cargo xtask docs` and commit", stale.join(" and "));
    Ok(ExitCode::FAILURE)
}
