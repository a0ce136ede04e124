//! The person's own editor: `$VISUAL`, `$EDITOR`, or what the system has.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::error::CliError;
use crate::exit_code::ExitCode;

/// Opens a file and waits until the editor is closed. The editor's own arguments are kept (`code --wait`).
pub(crate) fn edit_file(file: &Path) -> Result<(), CliError> {
    let named = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let editor = named("VISUAL")
        .or_else(|| named("EDITOR"))
        .unwrap_or_else(|| OsString::from("vi"));
    let words = editor.to_string_lossy().into_owned();
    let mut words = words.split_whitespace();
    let program = words.next().unwrap_or("vi").to_owned();
    let failed =
        |message: String| CliError::new(ExitCode::Failed, message).with_hint("EDITOR=nano devlog new");
    let status = Command::new(&program)
        .args(words)
        .arg(file)
        .status()
        .map_err(|error| failed(format!("cannot start the editor `{program}`")).with_causes(Some(&error)))?;
    match status.success() {
        true => Ok(()),
        false => Err(failed(format!("the editor `{program}` failed"))),
    }
}

/// Lets the person write a text that begins with `text`. `None` where it was left as it was, or emptied.
pub(crate) fn edit_text(text: &str) -> Result<Option<String>, CliError> {
    let failed = |error: std::io::Error| CliError::from_error(ExitCode::Failed, &error);
    let draft = tempfile::Builder::new()
        .prefix("devlog-")
        .suffix(".md")
        .tempfile()
        .map_err(failed)?;
    fs::write(draft.path(), text).map_err(failed)?;
    edit_file(draft.path())?;
    let written = fs::read_to_string(draft.path()).map_err(failed)?;
    let written = written.trim_end();
    Ok((!written.trim().is_empty() && written != text.trim_end()).then(|| written.to_owned()))
}
