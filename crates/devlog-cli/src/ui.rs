//! The one way to speak: data to stdout, everything else to stderr, colour and bars only where they can be seen.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex};

use console::{Style, Term};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// How much is said, and in what form.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Manner {
    /// `--json`.
    pub(crate) json: bool,
    /// `--quiet`.
    pub(crate) quiet: bool,
    /// `--verbose`.
    pub(crate) verbose: bool,
    /// `--no-input`.
    pub(crate) no_input: bool,
    /// `--color` and the environment, settled for stdout.
    pub(crate) color: bool,
}

/// The person at the other end.
#[derive(Debug, Clone)]
pub(crate) struct Ui {
    manner: Arc<Manner>,
    output_error: Arc<Mutex<Option<io::Error>>>,
}

impl Ui {
    pub(crate) fn new(manner: Manner) -> Self {
        console::set_colors_enabled(manner.color);
        console::set_colors_enabled_stderr(manner.color);
        Self { manner: Arc::new(manner), output_error: Arc::default() }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.manner.json
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.manner.quiet
    }

    pub(crate) fn is_verbose(&self) -> bool {
        self.manner.verbose
    }

    /// Whether the person asked not to be asked.
    pub(crate) fn asks_nothing(&self) -> bool {
        self.manner.no_input
    }

    /// Whether a question may be asked.
    pub(crate) fn can_ask(&self) -> bool {
        !self.manner.no_input && !self.manner.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// A style that shows only where colour does.
    pub(crate) fn style(&self) -> Style {
        Style::new().force_styling(self.manner.color)
    }

    /// Columns of the terminal; 100 where there is none.
    #[expect(clippy::unused_self, reason = "everything is said through the one Ui")]
    pub(crate) fn width(&self) -> usize {
        Term::stdout().size_checked().map_or(100, |(_, columns)| usize::from(columns))
    }

    /// Data: one line on stdout, without control characters.
    pub(crate) fn line(&self, text: &str) {
        self.raw(&(printable(text) + "\n"));
    }

    /// Data as one JSON line on stdout.
    pub(crate) fn print_json<T: Serialize>(&self, value: &T) {
        if let Ok(text) = serde_json::to_string(value) {
            self.raw(&(text + "\n"));
        }
    }

    /// Data exactly as it is, without a line break of its own. A closed pipe ends the output, not the program.
    pub(crate) fn raw(&self, text: &str) {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                if let Ok(mut first) = self.output_error.lock() {
                    first.get_or_insert(error);
                }
            }
            Ok(()) | Err(_) => {}
        }
    }

    /// Why not all data could be written, such as a full disk.
    pub(crate) fn output_error(&self) -> Option<io::Error> {
        self.output_error.lock().ok()?.take()
    }

    /// A word beside the data, on stderr. Not said in JSON and quiet mode.
    pub(crate) fn note(&self, text: &str) {
        if !self.manner.quiet && !self.manner.json {
            complain(&printable(text));
        }
    }

    /// An error line, on stderr, in every mode but JSON's.
    #[expect(clippy::unused_self, reason = "everything is said through the one Ui")]
    pub(crate) fn complain(&self, text: &str) {
        complain(&printable(text));
    }

    /// One command to paste, beside the data.
    pub(crate) fn hint(&self, command: &str) {
        self.note(&format!("hint: {command}"));
    }

    /// An error as one JSON line on stderr.
    #[expect(clippy::unused_self, reason = "everything is said through the one Ui")]
    pub(crate) fn complain_json<T: Serialize>(&self, value: &T) {
        if let Ok(text) = serde_json::to_string(value) {
            complain(&text);
        }
    }

    /// Asks for one line; `None` where no question may be asked or the answer ended.
    pub(crate) fn ask(&self, question: &str) -> Option<String> {
        if !self.can_ask() {
            return None;
        }
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "{question} ").and_then(|()| stderr.flush());
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).ok().filter(|read| *read > 0)?;
        Some(answer.trim().to_owned())
    }

    /// A sign of life; nothing where stderr is no terminal.
    pub(crate) fn spinner(&self, text: &'static str) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(None, self.draw_target());
        bar.set_message(text);
        bar.enable_steady_tick(std::time::Duration::from_millis(120));
        bar
    }

    /// A bar for so many bytes; nothing where stderr is no terminal.
    pub(crate) fn bar(&self, bytes: u64) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(bytes), self.draw_target());
        bar.set_style(ProgressStyle::default_bar());
        bar
    }

    fn draw_target(&self) -> ProgressDrawTarget {
        match io::stderr().is_terminal() && !self.manner.quiet && !self.manner.json {
            true => ProgressDrawTarget::stderr_with_hz(10),
            false => ProgressDrawTarget::hidden(),
        }
    }
}

/// One line on stderr. Where not even that can be written, there is nobody to tell.
fn complain(line: &str) {
    io::stderr().write_all(format!("{line}\n").as_bytes()).ok();
}

/// Text from files and entries, safe to print: control characters are shown, never obeyed.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            // Also the marks that turn the direction of text around.
            c if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_shown_and_not_obeyed() {
        assert_eq!(printable("a\u{1b}[31mb\nc\td\u{202e}"), "a\\u{1b}[31mb\nc\td\\u{202e}");
    }
}
