//! The JSON Lines of a run: the wire format `devlog.sync/1`, which scripts rely on.

use devlog_core::plan::{Plan, StepKind};
use devlog_core::progress::{Outcome, ProgressReporter, SyncEvent};
use devlog_core::report::SyncReport;
use serde::Serialize;

use crate::exit_code::ExitCode;
use crate::ui::Ui;

/// `--json`.
pub(crate) struct JsonReporter {
    ui: Ui,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    Started {
        schema: &'static str,
        operation: &'static str,
        mode: &'a str,
        dry_run: bool,
        remote: &'a str,
    },
    Scanned {
        files: u64,
        bytes: u64,
    },
    Planned(PlannedLine<'a>),
    ActionStarted {
        path: &'a str,
        step: &'static str,
        bytes: u64,
    },
    ActionFinished {
        path: &'a str,
        step: &'static str,
        outcome: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a str>,
    },
    Committed {
        commit: u64,
        paths: usize,
    },
    Finished(FinishedLine<'a>),
}

/// The event `planned`.
#[derive(Serialize)]
struct PlannedLine<'a> {
    upload: usize,
    download: usize,
    delete_remote: usize,
    delete_local: usize,
    adopt: usize,
    conflicts: usize,
    skipped: u64,
    bytes: u64,
    actions: Vec<ActionLine<'a>>,
    notes: Vec<NoteLine<'a>>,
}

#[derive(Serialize)]
struct ActionLine<'a> {
    path: &'a str,
    step: &'static str,
    bytes: u64,
}

#[derive(Serialize)]
struct NoteLine<'a> {
    path: &'a str,
    note: String,
}

#[derive(Serialize)]
struct FinishedLine<'a> {
    files_uploaded: u64,
    files_downloaded: u64,
    files_deleted: u64,
    files_skipped: u64,
    files_failed: usize,
    conflicts: u64,
    conflicts_settled: u64,
    bytes_uploaded: u64,
    bytes_downloaded: u64,
    requests: u64,
    duration_ms: u64,
    queued: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    guard: Option<String>,
    errors: Vec<ErrorLine<'a>>,
    exit_code: u8,
}

#[derive(Serialize)]
struct ErrorLine<'a> {
    path: &'a str,
    error: &'a str,
}

impl<'a> PlannedLine<'a> {
    fn new(plan: &'a Plan, skipped: u64) -> Self {
        Self {
            upload: plan.count(StepKind::Upload),
            download: plan.count(StepKind::Download),
            delete_remote: plan.count(StepKind::DeleteRemote),
            delete_local: plan.count(StepKind::DeleteLocal),
            adopt: plan.count(StepKind::Adopt) + plan.count(StepKind::Record),
            conflicts: plan.conflicts.len(),
            skipped,
            bytes: plan.bytes(),
            actions: plan
                .actions
                .iter()
                .map(|action| ActionLine {
                    path: action.path.as_str(),
                    step: action.step.kind().name(),
                    bytes: action.step.bytes(),
                })
                .collect(),
            notes: plan
                .notes
                .iter()
                .map(|note| NoteLine { path: &note.subject, note: note.kind.to_string() })
                .collect(),
        }
    }
}

impl<'a> From<&'a SyncReport> for FinishedLine<'a> {
    fn from(report: &'a SyncReport) -> Self {
        Self {
            files_uploaded: report.files_uploaded,
            files_downloaded: report.files_downloaded,
            files_deleted: report.files_deleted,
            files_skipped: report.files_skipped,
            files_failed: report.errors.len(),
            conflicts: report.conflicts,
            conflicts_settled: report.conflicts_settled,
            bytes_uploaded: report.bytes_uploaded,
            bytes_downloaded: report.bytes_downloaded,
            requests: report.requests,
            duration_ms: report.duration_ms,
            queued: report.queued,
            guard: report.guard.as_ref().map(ToString::to_string),
            errors: report
                .errors
                .iter()
                .map(|error| ErrorLine { path: error.path.as_str(), error: &error.message })
                .collect(),
            exit_code: ExitCode::from(report.ending()).number(),
        }
    }
}

impl JsonReporter {
    pub(crate) fn new(ui: Ui) -> Self {
        Self { ui }
    }
}

impl ProgressReporter for JsonReporter {
    fn report(&self, event: &SyncEvent<'_>) {
        let line = match event {
            SyncEvent::Started { operation, mode, dry_run, remote, .. } => Line::Started {
                schema: "devlog.sync/1",
                operation: operation.name(),
                mode,
                dry_run: *dry_run,
                remote,
            },
            SyncEvent::Scanned { files, bytes } => Line::Scanned { files: *files, bytes: *bytes },
            SyncEvent::Planned { plan, skipped } => Line::Planned(PlannedLine::new(plan, *skipped)),
            SyncEvent::ActionStarted { path, step } => {
                Line::ActionStarted { path: path.as_str(), step: step.kind().name(), bytes: step.bytes() }
            }
            SyncEvent::ActionFinished { path, step, outcome } => {
                let (outcome, error) = match outcome {
                    Outcome::Done => ("done", None),
                    Outcome::Stale => ("stale", None),
                    Outcome::Failed(reason) => ("failed", Some(*reason)),
                };
                Line::ActionFinished { path: path.as_str(), step: step.kind().name(), outcome, error }
            }
            SyncEvent::Committed { number, paths } => Line::Committed { commit: number.0, paths: *paths },
            SyncEvent::Finished { report } => Line::Finished((*report).into()),
            SyncEvent::Transferred { .. } | SyncEvent::Waiting { .. } => return,
        };
        self.ui.print_json(&line);
    }
}
