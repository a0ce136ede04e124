//! The page that says what was measured: medians, ratios, and whether the targets are met.

use std::fmt::Write;

use super::data::Size;
use super::measure::{Sample, machine, median};
use super::peers::Tool;
use super::{Case, SETTLE};

/// Medians of one tool in one case.
#[derive(Debug, Clone, Copy)]
struct Row {
    wall_s: f64,
    wall_range_s: (f64, f64),
    cpu_s: f64,
    peak_mb: f64,
}

/// Writes the page.
pub(super) fn page(samples: &[Sample], size: Size, runs: u32) -> String {
    let mut page = format!(
        "# Performance\n\n\
        Written by `cargo xtask bench`. devlog {} (release build), rclone 1.75.2 and s5cmd 2.3.0 push the same files to\n\
        SeaweedFS 4.48 on loopback: {} files of 200 to 4,000 bytes in {} folders, and one file of {} MiB. {} runs,\n\
        alternating, each on an empty server and untouched for {} s before it is pushed. {}, shared by client and\n\
        server: read the processor time beside the wall time, and the ratios before the seconds.\n\n\
        rclone: `sync --transfers 32 --checkers 32 --fast-list`, with `--checksum` where most is there already (its best).\n\
        s5cmd: `sync` as it comes. Medians; in brackets the fastest and the slowest run; ratios are to devlog.\n\n\
        | case | tool | wall s | client CPU s | peak MB | wall × | CPU × |\n\
        |---|---|---|---|---|---|---|\n",
        env!("CARGO_PKG_VERSION"),
        size.files,
        size.folders,
        size.large >> 20,
        runs,
        SETTLE.as_secs(),
        machine(),
    );
    for case in Case::ALL {
        let Some(ours) = row(samples, case, Tool::Devlog) else {
            continue;
        };
        for tool in Tool::ALL {
            let Some(row) = row(samples, case, tool) else {
                continue;
            };
            let (fastest, slowest) = row.wall_range_s;
            let _ = writeln!(
                page,
                "| {} | {} | {:.2} ({fastest:.2} to {slowest:.2}) | {:.2} | {:.0} | {:.1} | {:.1} |",
                title(case),
                tool.name(),
                row.wall_s,
                row.cpu_s,
                row.peak_mb,
                row.wall_s / ours.wall_s,
                row.cpu_s / ours.cpu_s,
            );
        }
    }
    page.push_str("\n## Targets\n\n| target | | measured |\n|---|---|---|\n");
    for case in Case::ALL {
        let rows = [Tool::Devlog, Tool::Rclone, Tool::S5cmd].map(|tool| row(samples, case, tool));
        if let [Some(devlog), Some(rclone), Some(s5cmd)] = rows {
            for (target, met, measured) in targets(case, devlog, rclone, s5cmd) {
                let _ =
                    writeln!(page, "| {target} | {} | {measured} |", if met { "met" } else { "**missed**" });
            }
        }
    }
    page
}

fn title(case: Case) -> &'static str {
    match case {
        Case::FirstPush => "first push",
        Case::NothingToDo => "nothing to do",
        Case::OnePercent => "1 % changed",
        Case::Large => "large file",
    }
}

fn row(samples: &[Sample], case: Case, tool: Tool) -> Option<Row> {
    let samples: Vec<&Sample> =
        samples.iter().filter(|sample| sample.case == case && sample.tool == tool).collect();
    if samples.is_empty() {
        return None;
    }
    let walls: Vec<f64> = samples.iter().map(|sample| sample.wall_s).collect();
    Some(Row {
        wall_range_s: (
            walls.iter().copied().fold(f64::INFINITY, f64::min),
            walls.iter().copied().fold(0.0, f64::max),
        ),
        wall_s: median(walls),
        cpu_s: median(samples.iter().map(|sample| sample.cpu_s).collect()),
        peak_mb: median(samples.iter().map(|sample| megabytes(sample.peak_bytes)).collect()),
    })
}

#[expect(clippy::cast_precision_loss, reason = "no process has 2^52 bytes")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// What was promised of the case, whether it holds, and the figures.
fn targets(case: Case, devlog: Row, rclone: Row, s5cmd: Row) -> Vec<(String, bool, String)> {
    let wall = rclone.wall_s.min(s5cmd.wall_s) / devlog.wall_s;
    let cpu = rclone.cpu_s.min(s5cmd.cpu_s) / devlog.cpu_s;
    let times = |wanted: f64| {
        (
            format!("{}: {wanted:.0} times faster than both", title(case)),
            wall >= wanted,
            format!("{wall:.1} times"),
        )
    };
    match case {
        Case::FirstPush => vec![
            ("first push: less wall time than both".to_owned(), wall > 1.0, format!("{wall:.2} times less")),
            ("first push: less client CPU than both".to_owned(), cpu > 1.0, format!("{cpu:.2} times less")),
        ],
        Case::NothingToDo => vec![times(20.0)],
        Case::OnePercent => vec![times(5.0)],
        Case::Large => vec![
            (
                "large file: no slower than the faster one".to_owned(),
                wall >= 1.0,
                format!("{:.2} s against {:.2} s", devlog.wall_s, rclone.wall_s.min(s5cmd.wall_s)),
            ),
            (
                "large file: under 120 MB of memory".to_owned(),
                devlog.peak_mb < 120.0,
                format!("{:.0} MB", devlog.peak_mb),
            ),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(case: Case, tool: Tool, wall_s: f64) -> Sample {
        Sample { case, tool, wall_s, cpu_s: wall_s / 2.0, peak_bytes: 50_000_000 }
    }

    #[test]
    fn medians_ratios_and_targets_are_on_the_page() {
        let case = Case::NothingToDo;
        let mut samples: Vec<Sample> = [0.3, 0.1, 0.2].map(|wall| sample(case, Tool::Devlog, wall)).into();
        samples.extend([4.0, 5.0].map(|wall| sample(case, Tool::Rclone, wall)));
        samples.push(sample(case, Tool::S5cmd, 3.0));
        let page = page(&samples, Size::FULL, 3);
        for line in [
            "| nothing to do | devlog | 0.20 (0.10 to 0.30) | 0.10 | 50 | 1.0 | 1.0 |",
            "| nothing to do | rclone | 4.50 (4.00 to 5.00) | 2.25 | 50 | 22.5 | 22.5 |",
            "| nothing to do: 20 times faster than both | **missed** | 15.0 times |",
        ] {
            assert!(page.contains(line), "{line}\nis not in\n{page}");
        }
        assert!(!page.contains("first push:"), "a case that was not measured has no target");
    }
}
