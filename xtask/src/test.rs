//! `cargo xtask test`: servers up, every test, servers down, one closing line.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{ExitCode, Stdio};

use anyhow::Context;

use crate::servers::{self, Servers};
use crate::workspace::{Workspace, run_shown};

/// Arguments of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What else `cargo test` gets; with `-p PACKAGE` that package alone is tested.
    #[arg(last = true)]
    cargo_test: Vec<String>,
}

/// How many tests ended how.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
}

/// Runs the tests; the exit code is that of `cargo test`.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> anyhow::Result<ExitCode> {
    servers::stop_on_signal()?;
    let one_package = args.cargo_test.iter().any(|arg| arg.starts_with("-p") || arg.starts_with("--package"));
    let black_box = !one_package || args.cargo_test.iter().any(|arg| arg.ends_with("devlog-tests"));
    if black_box {
        // They run the binary, which `cargo test` builds only for packages with a `tests` folder.
        run_shown(workspace.cargo().args(["build", "--workspace", "--bins", "--locked"]))?;
    }
    let servers = Servers::start(workspace)?;

    let mut command = workspace.cargo();
    command.args(["test", "--locked", "--no-fail-fast"]);
    if !one_package {
        command.arg("--workspace");
    }
    command.args(&args.cargo_test).envs(servers.environment()).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().context("cannot run cargo test")?;
    let tally = match child.stdout.take() {
        Some(output) => pass_through(BufReader::new(output), io::stdout().lock())?,
        None => Tally::default(),
    };
    let status = child.wait().context("cannot wait for cargo test")?;
    drop(servers);

    if !status.success() && tally.failed == 0 {
        println!("cargo test ended with {status} before it could count a failed test");
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints each line as it comes and counts the tests.
fn pass_through(mut output: impl BufRead, mut terminal: impl Write) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line)? > 0 {
        terminal.write_all(&line)?;
        tally.count(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(tally)
}

impl Tally {
    /// Adds what a line like `test result: ok. 3 passed; 0 failed; 1 ignored; …` says.
    fn count(&mut self, line: &str) {
        let Some((_, result)) = line.split_once("test result: ") else {
            return;
        };
        for part in result.split([';', '.']) {
            match part.trim().split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse::<u64>().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse::<u64>().unwrap_or(0),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_every_result_line_and_nothing_else() {
        let output = "running 3 tests\ntest a ... ok\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\
            4 passed; 9 failed;\n\
            test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.50s\n";
        let mut terminal = Vec::new();
        let tally = pass_through(output.as_bytes(), &mut terminal).unwrap();
        assert_eq!(terminal, output.as_bytes());
        assert_eq!(tally, Tally { passed: 13, failed: 2 });
    }
}
