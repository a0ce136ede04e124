//! `cargo xtask bench`: devlog against rclone and s5cmd on one S3 server, in one run, alternating.

mod data;
mod measure;
mod peers;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;

use self::data::Size;
use self::measure::{Sample, measure};
use self::peers::{Bench, Tool};
use crate::servers;
use crate::workspace::{Workspace, run_shown};

/// Where the table goes.
const PAGE: &str = "docs/performance.md";

/// A file younger than this when it is recorded is hashed again next time; real files are older.
const SETTLE: Duration = Duration::from_secs(3);

/// Arguments of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often each case is measured for each tool.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Measure this case alone; the page is not written.
    #[arg(long, value_name = "NAME")]
    only: Option<Case>,
    /// A tenth of the files and a 64 MiB file, to try the bench itself; the page is not written.
    #[arg(long)]
    small: bool,
}

/// What is measured, in the order in which it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Case {
    /// Every small file is new.
    FirstPush,
    /// The same again.
    NothingToDo,
    /// One file in a hundred has other content.
    OnePercent,
    /// One file of a gibibyte.
    Large,
}

impl Case {
    /// Those that follow one another on the small files.
    const SMALL_FILES: [Self; 3] = [Self::FirstPush, Self::NothingToDo, Self::OnePercent];
    const ALL: [Self; 4] = [Self::FirstPush, Self::NothingToDo, Self::OnePercent, Self::Large];
}

/// Measures everything that was asked for and prints the table.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> anyhow::Result<ExitCode> {
    servers::stop_on_signal()?;
    run_shown(workspace.cargo().args([
        "build",
        "--release",
        "--locked",
        "--package",
        "devlog-cli",
        "--bin",
        "devlog",
    ]))?;
    let size = if args.small { Size::SMALL } else { Size::FULL };
    let mut samples = Vec::new();
    for run in 0..args.runs {
        if args.only != Some(Case::Large) {
            small_files(workspace, args, size, run, &mut samples)?;
        }
        if args.only.is_none_or(|only| only == Case::Large) {
            large_file(workspace, size, run, &mut samples)?;
        }
    }

    let page = table::page(&samples, size, args.runs);
    println!("{page}");
    if args.only.is_none() && !args.small {
        fs::write(workspace.file(PAGE), page).with_context(|| format!("cannot write {PAGE}"))?;
        println!("wrote {PAGE}");
    }
    Ok(ExitCode::SUCCESS)
}

fn small_files(
    workspace: &Workspace,
    args: &Args,
    size: Size,
    run: u32,
    samples: &mut Vec<Sample>,
) -> anyhow::Result<()> {
    let (bench, folder) = fresh(workspace)?;
    for tool in Tool::ALL {
        let source = source_of(&folder, tool)?;
        data::write_small_files(&source, size)?;
        bench.prepare(tool, &source)?;
    }
    for case in Case::SMALL_FILES {
        if case == Case::OnePercent {
            for tool in Tool::ALL {
                data::change_one_percent(&source_of(&folder, tool)?, size)?;
            }
        }
        thread::sleep(SETTLE);
        for tool in in_turn(run) {
            let sample = measure(case, tool, &mut bench.push(case, tool, &source_of(&folder, tool)?))?;
            // The cases before the wanted one still have to happen.
            if args.only.is_none_or(|only| only == case) {
                samples.push(sample);
            }
            // The configuration is a file like any other.
            bench.check_bucket(tool, size.files + 1)?;
        }
    }
    Ok(())
}

fn large_file(workspace: &Workspace, size: Size, run: u32, samples: &mut Vec<Sample>) -> anyhow::Result<()> {
    let (bench, folder) = fresh(workspace)?;
    let original = folder.path().join("large.bin");
    data::write_large_file(&original, size)?;
    for tool in Tool::ALL {
        let source = source_of(&folder, tool)?;
        fs::hard_link(&original, source.join("large.bin")).context("cannot link the large file")?;
        bench.prepare(tool, &source)?;
    }
    thread::sleep(SETTLE);
    for tool in in_turn(run) {
        samples.push(measure(
            Case::Large,
            tool,
            &mut bench.push(Case::Large, tool, &source_of(&folder, tool)?),
        )?);
        bench.check_bucket(tool, 2)?;
    }
    Ok(())
}

/// A server without a past, and a folder for the sources.
fn fresh(workspace: &Workspace) -> anyhow::Result<(Bench, TempDir)> {
    let folder = tempfile::Builder::new().prefix("devlog-bench-").tempdir()?;
    Ok((Bench::start(workspace, folder.path())?, folder))
}

/// Each tool has its own copy of the same files.
fn source_of(folder: &TempDir, tool: Tool) -> anyhow::Result<PathBuf> {
    let source = folder.path().join(tool.name());
    fs::create_dir_all(&source).with_context(|| format!("cannot create {}", source.display()))?;
    Ok(source)
}

/// Another tool begins each time, so that none always meets the coldest server.
fn in_turn(run: u32) -> [Tool; 3] {
    let mut tools = Tool::ALL;
    tools.rotate_left(run as usize % Tool::ALL.len());
    tools
}

/// Memory for the server's data where there is room for it, so that its disk is not measured.
fn server_folder() -> anyhow::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    let builder = tempfile::Builder::new().prefix("devlog-bench-server-").to_owned();
    if measure::free_bytes(memory).is_some_and(|free| free > 6 << 30) {
        return builder.tempdir_in(memory).context("cannot create the server's folder");
    }
    builder.tempdir().context("cannot create the server's folder")
}
