//! `cargo xtask tidy`: the house's walls, held by a machine; each finding says what to do.

mod edges;
mod sources;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use crate::workspace::Workspace;

/// One broken rule.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    /// File, line or manifest.
    place: String,
    /// What is wrong there.
    wrong: String,
    /// What to do about it.
    remedy: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}\n  {}", self.place, self.wrong, self.remedy)
    }
}

/// Checks every rule; the exit code is 1 where one is broken.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<ExitCode> {
    let mut findings = edges::check(&workspace.metadata);
    let mut checked = 0;
    for path in texts(&workspace.root)? {
        let text = fs::read_to_string(workspace.file(&path))
            .with_context(|| format!("cannot read {}", path.display()))?;
        findings.extend(sources::check(&path, &text));
        checked += 1;
    }
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!("tidy: {checked} files in order");
        return Ok(ExitCode::SUCCESS);
    }
    println!("tidy: {} found", findings.len());
    Ok(ExitCode::FAILURE)
}

/// The workspace's own text files, relative to its root and sorted.
fn texts(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let kind = entry.file_type()?;
            if kind.is_dir() && is_ours(&name) {
                folders.push(entry.path());
            } else if kind.is_file() && is_text(&name) {
                let path = entry.path();
                found.push(path.strip_prefix(root).unwrap_or(&path).to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Hidden folders belong to tools, except for the two that hold our own files.
fn is_ours(folder: &str) -> bool {
    matches!(folder, ".ci" | ".cargo") || !(folder == "target" || folder.starts_with('.'))
}

/// Files without an extension are scripts and licences.
fn is_text(file: &str) -> bool {
    match Path::new(file).extension() {
        Some(extension) => ["rs", "toml", "md", "sh"].iter().any(|known| extension == *known),
        None => !file.starts_with('.'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_files_are_found_and_those_of_tools_are_not() {
        let root = tempfile::tempdir().unwrap();
        for file in [".ci/run", "crates/a/src/lib.rs", "target/x.rs", ".git/y.rs", "docs/z.png", "README.md"]
        {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let found = texts(root.path()).unwrap();
        let expected = [".ci/run", "README.md", "crates/a/src/lib.rs"].map(PathBuf::from);
        assert_eq!(found, expected);
    }

    #[test]
    fn this_workspace_is_tidy() {
        let workspace = Workspace::load().unwrap();
        assert_eq!(run(&workspace).unwrap(), ExitCode::SUCCESS, "run `cargo xtask tidy`");
    }
}
