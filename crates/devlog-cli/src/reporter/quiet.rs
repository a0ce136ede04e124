//! Shows errors alone: each file that failed, on stderr.

use devlog_core::progress::{Outcome, ProgressReporter, SyncEvent};

use crate::ui::Ui;

/// `--quiet`.
pub(crate) struct QuietReporter {
    ui: Ui,
}

impl QuietReporter {
    pub(crate) fn new(ui: Ui) -> Self {
        Self { ui }
    }
}

impl ProgressReporter for QuietReporter {
    fn report(&self, event: &SyncEvent<'_>) {
        if let SyncEvent::ActionFinished { path, outcome: Outcome::Failed(reason), .. } = event {
            self.ui.complain(&format!("error: {path}: {reason}"));
        }
    }
}
