//! Runs one command and says what it took: wall time, its own processor time, peak memory.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use wait4::Wait4;

use super::Case;
use super::peers::Tool;

/// What one push by one tool took.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) case: Case,
    pub(super) tool: Tool,
    pub(super) wall_s: f64,
    /// User and system time of the client alone: the server shares the cores.
    pub(super) cpu_s: f64,
    pub(super) peak_bytes: u64,
}

/// Runs the command to its end; a command that fails has no measure.
pub(super) fn measure(case: Case, tool: Tool, command: &mut Command) -> anyhow::Result<Sample> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let started = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot run {}", tool.name()))?;
    let used = child.wait4().with_context(|| format!("cannot wait for {}", tool.name()))?;
    let wall_s = started.elapsed().as_secs_f64();
    if !used.status.success() {
        bail!("{} ended with {} in {case:?}", tool.name(), used.status);
    }
    let cpu_s = (used.rusage.utime + used.rusage.stime).as_secs_f64();
    let sample = Sample { case, tool, wall_s, cpu_s, peak_bytes: used.rusage.maxrss };
    eprintln!(
        "{case:?} {}: {wall_s:.2} s, {cpu_s:.2} s of CPU, {} MB",
        tool.name(),
        sample.peak_bytes / 1_000_000
    );
    Ok(sample)
}

/// The middle one; of an even number, the mean of the middle two.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// Free space of a file system, as `df` says.
pub(super) fn free_bytes(folder: &Path) -> Option<u64> {
    let output = Command::new("df").args(["-Pk"]).arg(folder).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let kibibytes: u64 = text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// The machine in general words: cores and memory.
pub(super) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let kibibytes: u64 = text.lines().next()?.split_whitespace().nth(1)?.parse().ok()?;
        Some(format!(", {} GiB of memory", kibibytes >> 20))
    });
    format!("{cores} cores{}, {}", memory.unwrap_or_default(), std::env::consts::OS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn a_command_that_fails_has_no_measure() {
        let error = measure(Case::Large, Tool::Devlog, &mut Command::new("false")).unwrap_err();
        assert!(error.to_string().contains("Large"), "{error}");
    }

    #[test]
    fn the_processor_time_of_the_child_is_counted() {
        let mut busy = Command::new("sh");
        busy.args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"]);
        let sample = measure(Case::Large, Tool::Devlog, &mut busy).unwrap();
        assert!(sample.cpu_s > 0.01 && sample.peak_bytes > 100_000, "{sample:?}");
    }
}
