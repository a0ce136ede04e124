//! What every file of ours looks like: first line, length, name, and what it must not hold.

use std::path::{Component, Path};

use super::{Finding, edges};

/// How many lines a source file may have.
const LINES: usize = 400;
/// How many lines a file of tests may have: tables of cases are long and easy to read.
const TEST_LINES: usize = 600;

/// Files that may be longer, by how much, and why.
const LONGER: &[(&str, usize, &str)] = &[];

// Written in two parts, so that this file does not find itself.
const ALLOW: &str = concat!("#[", "allow(");
const ALLOW_INNER: &str = concat!("#![", "allow(");
const MACHINE_FOLDERS: &[&str] =
    &[concat!("/", "home/"), concat!("/", "root/"), concat!("/", "Users/"), concat!("/", "work/")];

/// Checks one text file of the workspace, named relative to its root.
pub(super) fn check(path: &Path, text: &str) -> Vec<Finding> {
    let place = path.display().to_string();
    let mut findings = machine_paths(&place, text);
    match path.file_name().and_then(|name| name.to_str()) {
        Some("Cargo.toml") => findings.extend(edges::check_manifest(&place, text)),
        Some(name) if path.extension().is_some_and(|extension| extension == "rs") => {
            findings.extend(rust(path, name, &place, text));
        }
        _ => {}
    }
    findings
}

fn rust(path: &Path, name: &str, place: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = |place: String, wrong: String, remedy| findings.push(Finding { place, wrong, remedy });

    if !text.lines().next().is_some_and(|line| line.starts_with("//! ") && line.len() > 8) {
        found(
            format!("{place}:1"),
            "does not begin by saying what it is for".to_owned(),
            "start the file with `//! ` and one sentence",
        );
    }
    if name == "mod.rs" {
        found(
            place.to_owned(),
            "is called mod.rs".to_owned(),
            "call it after its module: foo.rs tells the story, foo/ holds the parts",
        );
    }
    let (lines, limit) = (text.lines().count(), line_limit(path));
    if lines > limit {
        found(
            place.to_owned(),
            format!("has {lines} lines, the limit is {limit}"),
            "split it by noun; an exception needs a reason in xtask/src/tidy/sources.rs",
        );
    }
    for (number, line) in text.lines().enumerate() {
        if line.contains(ALLOW) || line.contains(ALLOW_INNER) {
            found(
                format!("{place}:{}", number + 1),
                "silences a lint for good".to_owned(),
                "use `#[expect(lint, reason = \"…\")]`, which tells when it is no longer needed",
            );
        }
    }
    findings
}

fn line_limit(path: &Path) -> usize {
    if let Some((_, limit, _)) = LONGER.iter().find(|(long, ..)| path == Path::new(long)) {
        return *limit;
    }
    let is_test = |part: Component<'_>| {
        let part = part.as_os_str();
        part == "tests" || part == "tests.rs"
    };
    if path.components().any(is_test) { TEST_LINES } else { LINES }
}

fn machine_paths(place: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for folder in MACHINE_FOLDERS {
            if begins_a_path(line, folder) {
                findings.push(Finding {
                    place: format!("{place}:{}", number + 1),
                    wrong: format!("names a folder of one machine ({folder}…)"),
                    remedy: "write `~`, a relative path, or ask a variable",
                });
            }
        }
    }
    findings
}

/// Whether the folder stands at the start of a path: `src/work/` is nobody's machine.
fn begins_a_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|before| before.is_alphanumeric() || "._-~})>*".contains(before))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "//! Decides when a queued request is tried again.\n";

    /// How many findings a file has.
    fn found(path: &str, text: &str) -> usize {
        check(Path::new(path), text).len()
    }

    #[test]
    fn a_file_begins_with_what_it_is_for() {
        assert_eq!(found("a.rs", GOOD), 0);
        assert_eq!(found("a.rs", "use std::fs;\n"), 1);
        assert_eq!(found("a.rs", "//!\n//! Later.\n"), 1);
        assert_eq!(found("a.rs", ""), 1);
        assert_eq!(found("a.md", ""), 0);
    }

    #[test]
    fn nothing_is_called_mod_rs() {
        assert_eq!(found("src/foo/mod.rs", GOOD), 1);
        assert_eq!(found("src/foo/model.rs", GOOD), 0);
    }

    #[test]
    fn files_stay_short() {
        let long = |lines: usize| format!("{GOOD}{}", "\n".repeat(lines - 1));
        assert_eq!(found("src/a.rs", &long(400)), 0);
        assert_eq!(found("src/a.rs", &long(401)), 1);
        assert_eq!(found("tests/tests/push.rs", &long(600)), 0);
        assert_eq!(found("src/plan/tests.rs", &long(600)), 0);
        assert_eq!(found("src/plan/tests.rs", &long(601)), 1);
    }

    #[test]
    fn lints_are_expected_never_allowed() {
        assert_eq!(found("a.rs", &format!("{GOOD}{ALLOW}dead_code)]\n")), 1);
        assert_eq!(found("a.rs", &format!("{GOOD}{ALLOW_INNER}dead_code)]\n")), 1);
        assert_eq!(found("a.rs", &format!("{GOOD}#[expect(dead_code, reason = \"soon\")]\n")), 0);
    }

    #[test]
    fn folders_of_one_machine_are_found() {
        for folder in MACHINE_FOLDERS {
            assert_eq!(found("a.md", &format!("see {folder}me/notes\n")), 1);
            assert_eq!(found("a.md", &format!("`file://{folder}me`\n")), 1);
            assert_eq!(found("a.md", &format!("see src{folder}me and ~{folder}me\n")), 0);
        }
    }

    #[test]
    fn every_exception_has_a_reason() {
        for (path, limit, reason) in LONGER {
            assert!(*limit > LINES && !reason.is_empty(), "{path}");
        }
    }
}
