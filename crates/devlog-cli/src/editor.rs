//! The person's own editor: `$VISUAL`, `$EDITOR`, or what the system has.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::error::CliError;
use crate::exit_code::ExitCode;

/// The editor that was chosen; `None` where none was.
pub(crate) fn chosen() -> Option<OsString> {
    ["VISUAL", "EDITOR"].into_iter().find_map(|name| env::var_os(name).filter(|value| !value.is_empty()))
}

/// Opens a file and waits until the editor is closed. The shell reads the editor's words, as it does for git:
/// `code --wait` and `'/opt/my editor' -f` both work.
pub(crate) fn edit_file(file: &Path) -> Result<(), CliError> {
    let editor = chosen().unwrap_or_else(|| OsString::from("vi"));
    let mut script = editor.clone();
    script.push(" \"$@\"");
    let failed = |why: String| {
        let editor = editor.to_string_lossy();
        CliError::new(ExitCode::Failed, format!("the editor `{editor}` {why}"))
            .with_hint("export EDITOR=nano")
    };
    let status = Command::new("sh")
        .arg("-c")
        .arg(script)
        .args([editor.as_os_str(), file.as_os_str()])
        .status()
        .map_err(|error| failed("cannot be started".to_owned()).with_causes(Some(&error)))?;
    if status.success() { Ok(()) } else { Err(failed(format!("failed ({status})"))) }
}

/// Lets the person write a text that begins with `text`. `None` where it was left as it was, or emptied.
pub(crate) fn edit_text(text: &str) -> Result<Option<String>, CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(ExitCode::Failed, "cannot keep a draft for the editor").with_causes(Some(&error))
    };
    let draft = tempfile::Builder::new().prefix("devlog-").suffix(".md").tempfile().map_err(failed)?;
    fs::write(draft.path(), text).map_err(failed)?;
    let edited = edit_file(draft.path());
    // By name: editors replace the file rather than write into it.
    let written = fs::read(draft.path()).map_err(failed)?;
    let is_new =
        !written.trim_ascii().is_empty() && written.trim_ascii_end() != text.trim_ascii_end().as_bytes();
    let keep = |mut error: CliError, draft: tempfile::NamedTempFile| {
        if is_new && let Ok((_, path)) = draft.keep() {
            error.causes.push(format!("your text is kept in {}", path.display()));
        }
        Err(error)
    };
    if let Err(error) = edited {
        return keep(error, draft);
    }
    match String::from_utf8(written) {
        Ok(written) => Ok(is_new.then(|| written.trim_end().to_owned())),
        Err(_) => keep(CliError::usage("the text is not UTF-8"), draft),
    }
}
