//! A run as a person reads it: bars while it lasts on a terminal, plain lines for what was done.

use std::fmt::Write as _;
use std::sync::Mutex;

use devlog_core::plan::{NoteKind, Plan, Step, StepKind};
use devlog_core::progress::{Outcome, ProgressReporter, SyncEvent};
use devlog_core::report::{Operation, SyncReport};
use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressStyle};

use crate::ui::Ui;

/// At most so many lines for files; the rest is a figure. `--verbose` shows all.
const MAX_FILE_LINES: usize = 20;

/// The default.
pub(crate) struct ConsoleReporter {
    ui: Ui,
    run: Mutex<Run>,
}

struct Run {
    operation: Operation,
    is_dry: bool,
    remote: String,
    root: String,
    bar: ProgressBar,
    lines: usize,
    hidden: usize,
    rounds: usize,
}

impl ConsoleReporter {
    pub(crate) fn new(ui: Ui) -> Self {
        let run = Run {
            operation: Operation::Push,
            is_dry: false,
            remote: String::new(),
            root: String::new(),
            bar: ProgressBar::hidden(),
            lines: 0,
            hidden: 0,
            rounds: 0,
        };
        Self { ui, run: Mutex::new(run) }
    }
}

impl ProgressReporter for ConsoleReporter {
    fn report(&self, event: &SyncEvent<'_>) {
        if let Ok(mut run) = self.run.lock() {
            run.show(&self.ui, event);
        }
    }
}

impl Run {
    fn show(&mut self, ui: &Ui, event: &SyncEvent<'_>) {
        match event {
            SyncEvent::Started { operation, dry_run, remote, root, .. } => {
                self.operation = *operation;
                self.is_dry = *dry_run;
                (*remote).clone_into(&mut self.remote);
                (*root).clone_into(&mut self.root);
                self.bar = ui.spinner("Scanning");
            }
            SyncEvent::Scanned { files, .. } => {
                self.bar.finish_and_clear();
                ui.line(&format!("Scanned {} in {}", count(*files, "file"), self.root));
            }
            SyncEvent::Planned { plan, .. } => self.planned(ui, plan),
            SyncEvent::ActionStarted { path, .. } => self.bar.set_message(path.to_string()),
            SyncEvent::Transferred { bytes, .. } => self.bar.inc(*bytes),
            SyncEvent::ActionFinished { path, step, outcome } => {
                if step.bytes() <= self.bar.length().unwrap_or(0) && !is_streamed(step) {
                    self.bar.inc(step.bytes());
                }
                match outcome {
                    Outcome::Done => self.file(ui, path.as_str(), step),
                    Outcome::Stale => {}
                    Outcome::Failed(reason) => self.above(|| ui.complain(&format!("  ✗ {path}: {reason}"))),
                }
            }
            SyncEvent::Committed { .. } => {}
            SyncEvent::Waiting { pause, reason } => {
                self.bar.set_message(format!("{reason}; waiting {}", HumanDuration(*pause)));
            }
            SyncEvent::Finished { report } => {
                self.bar.finish_and_clear();
                self.finished(ui, report);
            }
        }
    }

    fn planned(&mut self, ui: &Ui, plan: &Plan) {
        self.rounds += 1;
        if self.is_dry {
            for action in &plan.actions {
                self.file(ui, action.path.as_str(), &action.step);
            }
        } else {
            self.bar = ui.bar(plan.bytes());
            self.bar.set_style(transfer_style());
        }
        if self.rounds > 1 {
            return;
        }
        for conflict in &plan.conflicts {
            self.above(|| ui.line(&format!("  ! {}  changed on both sides, waits", conflict.path)));
        }
    }

    /// One line for a file that was (or would be) dealt with.
    fn file(&mut self, ui: &Ui, path: &str, step: &Step) {
        let Some(sign) = sign(step.kind()) else { return };
        if self.lines >= MAX_FILE_LINES && !ui.is_verbose() {
            self.hidden += 1;
            return;
        }
        self.lines += 1;
        let size = match step.bytes() {
            0 if matches!(step, Step::DeleteLocal { .. } | Step::DeleteRemote { .. }) => String::new(),
            bytes => format!("{:>12}", HumanBytes(bytes).to_string()),
        };
        let line = format!("  {sign} {path:<32}{size}");
        self.above(|| ui.line(line.trim_end()));
    }

    /// Prints above the bar, which is drawn again below.
    fn above(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    fn finished(&self, ui: &Ui, report: &SyncReport) {
        if self.hidden > 0 {
            ui.line(&format!("  … and {} more (--verbose lists them)", self.hidden));
        }
        for note in &report.notes {
            match note.kind {
                NoteKind::RemoteAhead
                | NoteKind::LocalAhead
                | NoteKind::UnknownHere(devlog_core::files::Unknown::Excluded)
                    if !ui.is_verbose() => {}
                _ if note.is_partial() => ui.complain(&format!("  ✗ {}: {}", note.subject, note.kind)),
                _ => ui.note(&format!("  - {}: {}", note.subject, note.kind)),
            }
        }
        if report.stopped.is_some() || report.guard.is_some() {
            return;
        }
        ui.line(&self.summary(report));
    }

    fn summary(&self, report: &SyncReport) -> String {
        if report.queued {
            return format!("Offline: the {} to {} is queued.", self.operation, self.remote);
        }
        let verb = match (self.operation, self.is_dry) {
            (_, true) => {
                return format!("Dry run: nothing was written, neither here nor at {}.", self.remote);
            }
            (Operation::Push, false) => "Pushed",
            (Operation::Pull, false) => "Pulled",
            (Operation::Sync, false) => "Synced",
        };
        let moved = report.files_uploaded + report.files_downloaded;
        let bytes = report.bytes_uploaded + report.bytes_downloaded;
        let seconds = std::time::Duration::from_millis(report.duration_ms).as_secs_f64();
        let preposition = match self.operation {
            Operation::Push => "to",
            Operation::Pull => "from",
            Operation::Sync => "with",
        };
        let mut text = if moved == 0 && report.files_deleted == 0 {
            format!("Nothing to {} {preposition} {}", self.operation, self.remote)
        } else {
            format!("{verb} {} ({}) {preposition} {}", count(moved, "file"), HumanBytes(bytes), self.remote)
        };
        let _ = write!(text, " in {seconds:.1} s, {}.", count(report.requests, "request"));
        for (number, what) in [
            (report.files_deleted, "deleted"),
            (report.files_skipped, "unchanged"),
            (report.errors.len() as u64, "failed"),
            (report.conflicts_settled, "conflicts settled"),
            (report.conflicts, "in conflict"),
        ] {
            if number > 0 {
                let _ = write!(text, " {number} {what}.");
            }
        }
        text
    }
}

/// Files above this size report every piece they send, so their end is not counted again.
fn is_streamed(step: &Step) -> bool {
    step.bytes() > devlog_core::progress::SMALL_BYTES
}

fn sign(kind: StepKind) -> Option<&'static str> {
    match kind {
        StepKind::Upload => Some("↑"),
        StepKind::Download => Some("↓"),
        StepKind::DeleteRemote | StepKind::DeleteLocal => Some("×"),
        StepKind::Merge => Some("⇄"),
        StepKind::KeepBoth | StepKind::SetAsideRemote => Some("≠"),
        StepKind::Record => Some("="),
        StepKind::Adopt | StepKind::Forget | StepKind::MarkDeleted => None,
    }
}

/// `1 file`, `2 files`.
fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn transfer_style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:24} {bytes}/{total_bytes} {bytes_per_sec} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
