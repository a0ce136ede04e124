//! The project's own tasks, run as `cargo xtask TASK`; sees no other crate of the workspace.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "xtask talks to the developer's terminal")]

mod bench;
mod dist;
mod docs;
mod release;
mod servers;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

use crate::workspace::Workspace;

/// Tests, walls, documents, benchmarks and releases of devlog.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Fetch and start the test servers, run every test, stop the servers.
    Test(test::Args),
    /// Start the test servers, print their environment as `export` lines, run until Ctrl-C.
    Servers,
    /// Check the walls of the house: who sees whom, file sizes, first lines.
    Tidy,
    /// Write docs/cli.md and docs/config.md from the code.
    Docs(docs::Args),
    /// Measure devlog against rclone and s5cmd; writes docs/performance.md.
    Bench(bench::Args),
    /// Check that a release may be made; then write its version, changelog, commit and tag.
    Release(release::Args),
    /// Build the archive that people download, with completions, man pages and checksum.
    Dist,
}

fn main() -> ExitCode {
    match run(&Task::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("caused by: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> anyhow::Result<ExitCode> {
    let workspace = Workspace::load()?;
    match task {
        Task::Test(args) => test::run(&workspace, args),
        Task::Servers => servers::run(&workspace),
        Task::Tidy => tidy::run(&workspace),
        Task::Docs(args) => docs::run(&workspace, args),
        Task::Bench(args) => bench::run(&workspace, args),
        Task::Release(args) => release::run(&workspace, args),
        Task::Dist => dist::run(&workspace),
    }
}
