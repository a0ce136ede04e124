//! `cargo xtask release`: checks that a release may be made, then version, changelog, commit and tag.

mod texts;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, bail};

use self::texts::Version;
use crate::workspace::{Workspace, output_of, run_shown};

/// Arguments of `cargo xtask release`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The version to release; by default the one in Cargo.toml.
    #[arg(long)]
    version: Option<String>,
    /// Check and say what would be done, but do nothing.
    #[arg(long)]
    dry_run: bool,
}

const MANIFEST: &str = "Cargo.toml";
const LOCK: &str = "Cargo.lock";
const CHANGELOG: &str = "CHANGELOG.md";

/// Checks, then releases; the exit code is 1 where a check fails.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> anyhow::Result<ExitCode> {
    let current = workspace.version()?;
    let version = args.version.as_deref().unwrap_or(current);
    let findings = check(workspace, current, version)?;
    if !findings.is_empty() {
        for finding in &findings {
            println!("{finding}");
        }
        println!("release: {version} cannot be released yet");
        return Ok(ExitCode::FAILURE);
    }
    if args.dry_run {
        println!("release: {version} may be released; `cargo xtask release --version {version}` would");
        for (number, step) in steps(version).iter().enumerate() {
            println!("  {}. {step}", number + 1);
        }
        return Ok(ExitCode::SUCCESS);
    }
    release(workspace, version)?;
    println!("release: {version} is tagged here; next:\n  git push --follow-tags\n  cargo xtask dist");
    Ok(ExitCode::SUCCESS)
}

/// Every reason against it, each with what to do.
fn check(workspace: &Workspace, current: &str, version: &str) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    let branch = git(workspace, &["rev-parse", "--abbrev-ref", "HEAD"])?;
    if branch.trim() != "main" {
        findings.push(format!("on branch {}\n  run `git switch main`", branch.trim()));
    }
    let changed = git(workspace, &["status", "--porcelain"])?;
    if !changed.is_empty() {
        let count = changed.lines().count();
        findings.push(format!("{count} files are not committed\n  commit or remove them: `git status`"));
    }
    if !git(workspace, &["tag", "--list", &format!("v{version}")])?.trim().is_empty() {
        findings.push(format!("v{version} is tagged already\n  name the next one with `--version`"));
    }
    match (Version::parse(current), Version::parse(version)) {
        (Some(newest), Some(wanted)) if wanted < newest => {
            findings.push(format!("{version} is older than the {current} in {MANIFEST}\n  name a newer one"));
        }
        (Some(_), Some(_)) => {}
        _ => findings.push(format!("{version} is not a version\n  write it like 1.2.3")),
    }
    for package in workspace.metadata["packages"].as_array().into_iter().flatten() {
        if package["version"] != current {
            findings.push(format!(
                "{} has a version of its own\n  write `version.workspace = true` in its {MANIFEST}",
                package["name"].as_str().unwrap_or("a package")
            ));
        }
    }
    let changelog = read(workspace, CHANGELOG)?;
    if texts::release_notes(&changelog, version).is_none() {
        findings.push(format!(
            "{CHANGELOG} says nothing about {version}\n  write it under `## [Unreleased]` or `## [{version}]`"
        ));
    }
    Ok(findings)
}

fn steps(version: &str) -> [String; 4] {
    [
        "run `.ci/run`: every check and every test must pass here".to_owned(),
        format!("write {version} into {MANIFEST} and {LOCK}, and date it in {CHANGELOG}"),
        format!("commit that as `release: {version}`"),
        format!("tag the commit v{version}"),
    ]
}

fn release(workspace: &Workspace, version: &str) -> anyhow::Result<()> {
    run_shown(&mut workspace.program(workspace.file(".ci/run"))).context("a release needs a green CI")?;

    let manifest = texts::with_version(&read(workspace, MANIFEST)?, version)
        .with_context(|| format!("{MANIFEST} has no version under [workspace.package]"))?;
    let today = output_of(workspace.program("date").args(["-u", "+%Y-%m-%d"]))?;
    let changelog = texts::dated(&read(workspace, CHANGELOG)?, version, today.trim());
    fs::write(workspace.file(MANIFEST), manifest).with_context(|| format!("cannot write {MANIFEST}"))?;
    fs::write(workspace.file(CHANGELOG), changelog).with_context(|| format!("cannot write {CHANGELOG}"))?;
    // Only our own versions in the lock change, nothing is looked up.
    output_of(workspace.cargo().args(["update", "--workspace", "--offline"]))?;

    // Nothing changes where the manifest and the changelog name the version already.
    if !git(workspace, &["status", "--porcelain"])?.is_empty() {
        let message = format!("release: {version}");
        run_shown(
            workspace
                .program("git")
                .args(["commit", "--quiet", "-m", &message, "--"])
                .args([MANIFEST, LOCK, CHANGELOG]),
        )?;
    }
    let tag = format!("v{version}");
    run_shown(workspace.program("git").args([
        "tag",
        "--annotate",
        &tag,
        "-m",
        &format!("devlog {version}"),
    ]))?;
    if !git(workspace, &["status", "--porcelain"])?.is_empty() {
        bail!("the release changed more than {MANIFEST}, {LOCK} and {CHANGELOG}: look at `git status`");
    }
    Ok(())
}

fn git(workspace: &Workspace, args: &[&str]) -> anyhow::Result<String> {
    output_of(workspace.program("git").args(args))
}

fn read(workspace: &Workspace, file: &str) -> anyhow::Result<String> {
    fs::read_to_string(workspace.file(file)).with_context(|| format!("cannot read {file}"))
}
