//! `CliError`: what failed, why, and one command that helps.

use serde::Serialize;

use crate::exit_code::ExitCode;
use crate::ui::Ui;

/// An error as the person sees it.
#[derive(Debug, Clone)]
pub(crate) struct CliError {
    pub(crate) code: ExitCode,
    pub(crate) message: String,
    pub(crate) causes: Vec<String>,
    pub(crate) hint: Option<String>,
}

/// The line `--json` prints for it.
#[derive(Serialize)]
struct ErrorLine<'a> {
    event: &'static str,
    code: u8,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl CliError {
    /// An error without causes or hint.
    pub(crate) fn new(code: ExitCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), causes: Vec::new(), hint: None }
    }

    /// Wrong usage or configuration.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Usage, message)
    }

    /// An error and the causes it carries.
    pub(crate) fn from_error(code: ExitCode, error: &dyn std::error::Error) -> Self {
        Self::new(code, error.to_string()).with_causes(error.source())
    }

    /// Adds the chain of causes that begins here; a cause that only repeats the one before is left out.
    #[must_use]
    pub(crate) fn with_causes(mut self, mut cause: Option<&(dyn std::error::Error + 'static)>) -> Self {
        while let Some(error) = cause {
            let text = error.to_string();
            if self.causes.last().unwrap_or(&self.message) != &text {
                self.causes.push(text);
            }
            cause = error.source();
        }
        self
    }

    /// Adds one command to paste.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Prints it on stderr, as text or as one JSON line.
    pub(crate) fn show(&self, ui: &Ui) {
        if ui.is_json() {
            let message =
                [&self.message].into_iter().chain(&self.causes).cloned().collect::<Vec<_>>().join(": ");
            ui.complain_json(&ErrorLine {
                event: "error",
                code: self.code.number(),
                message,
                hint: self.hint.as_deref(),
            });
            return;
        }
        ui.complain(&format!("error: {}", self.message));
        for cause in &self.causes {
            ui.complain(&format!("caused by: {cause}"));
        }
        if let Some(hint) = &self.hint {
            ui.complain(&format!("hint: {hint}"));
        }
    }
}
