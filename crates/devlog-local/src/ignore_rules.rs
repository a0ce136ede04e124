//! Which names are not synced: the person's `.devlogignore`, secrets and leftovers by default, devlog's own always.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use devlog_core::path::{RESERVED_DIR, RelPath};
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The rules' file, in gitignore syntax. It is synced like any other.
pub const RULES_FILE: &str = ".devlogignore";

/// Files that devlog writes beside others before it renames them begin with this.
pub const TEMP_PREFIX: &str = ".devlog-tmp-";

/// The first bytes of every SQLite database.
pub(crate) const SQLITE_HEADER: &[u8; 16] = b"SQLite format 3\0";

/// A rules file that cannot be followed. Nothing is synced meanwhile: it may be there to keep a secret in.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// A line is no rule.
    #[error("{}:{line}: `{rule}` is not a valid rule: {reason}", file.display())]
    Rule {
        /// The rules file.
        file: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// Its text.
        rule: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A line is not UTF-8.
    #[error("{}:{line}: not UTF-8 text", file.display())]
    NotText {
        /// The rules file.
        file: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// The file cannot be read.
    #[error("cannot read {}", file.display())]
    Unreadable {
        /// The rules file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The rules of one root, as they were when it was last scanned.
#[derive(Debug)]
pub struct IgnoreRules {
    root: PathBuf,
    own: Gitignore,
}

impl IgnoreRules {
    /// Reads `<root>/.devlogignore`; without one the default rules stand alone.
    pub fn load(root: &Path) -> Result<Self, RulesError> {
        let file = root.join(RULES_FILE);
        match std::fs::read(&file) {
            Ok(text) => Self::parse(root, &text),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Self::parse(root, b"")
            }
            Err(source) => Err(RulesError::Unreadable { file, source }),
        }
    }

    fn parse(root: &Path, text: &[u8]) -> Result<Self, RulesError> {
        let file = root.join(RULES_FILE);
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut rules = GitignoreBuilder::new("");
        for (index, bytes) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = index + 1;
            let rule =
                std::str::from_utf8(bytes).map_err(|_| RulesError::NotText { file: file.clone(), line })?;
            rules.add_line(None, rule).map_err(|error| broken(&file, line, rule, &error))?;
        }
        let own = rules.build().map_err(|error| broken(&file, 1, "", &error))?;
        Ok(Self { root: root.to_owned(), own })
    }

    /// Whether the rules leave out this file, or a folder above it.
    pub fn excludes(&self, path: &RelPath) -> bool {
        let mut folders: Vec<RelPath> = path.ancestors().collect();
        folders.reverse();
        // From the top, as a scan meets them: what is below an excluded folder cannot be taken back in.
        folders.iter().any(|folder| self.covers(Path::new(folder.as_str()), true))
            || self.covers(Path::new(path.as_str()), false)
    }

    /// Whether the rules leave out this very name, given that no folder above it is left out.
    pub(crate) fn covers(&self, relative: &Path, is_folder: bool) -> bool {
        let Some(name) = relative.file_name() else {
            return false;
        };
        let name = name.as_encoded_bytes();
        if is_folder && name.eq_ignore_ascii_case(RESERVED_DIR.as_bytes()) {
            return true;
        }
        if !is_folder && (name.starts_with(TEMP_PREFIX.as_bytes()) || self.is_side_file(relative, name)) {
            return true;
        }
        match self.own.matched(relative, is_folder) {
            Match::Ignore(_) => true,
            Match::Whitelist(_) => false,
            Match::None => is_secret(name) || (!is_folder && is_leftover(name)),
        }
    }

    /// A file that SQLite keeps beside a database: worthless without it, and poison beside another version of it.
    fn is_side_file(&self, relative: &Path, name: &[u8]) -> bool {
        let Some(suffix) =
            ["-wal", "-shm", "-journal"].iter().find(|suffix| name.ends_with(suffix.as_bytes()))
        else {
            return false;
        };
        let database = relative
            .to_str()
            .and_then(|text| text.strip_suffix(suffix))
            .filter(|stem| !stem.is_empty() && !stem.ends_with('/'));
        // A person may well keep `travel-journal` beside a note named `travel`.
        database.is_some_and(|database| is_database(&self.root.join(database)))
    }
}

fn broken(file: &Path, line: usize, rule: &str, error: &ignore::Error) -> RulesError {
    let reason = match error {
        ignore::Error::Glob { err, .. } => err.clone(),
        other => other.to_string(),
    };
    RulesError::Rule { file: file.to_owned(), line, rule: rule.trim_end().to_owned(), reason }
}

fn is_database(path: &Path) -> bool {
    let mut header = [0; SQLITE_HEADER.len()];
    let regular = path.symlink_metadata().is_ok_and(|found| found.is_file());
    regular
        && File::open(path).and_then(|mut file| file.read_exact(&mut header)).is_ok()
        && header == *SQLITE_HEADER
}

/// Keys and passwords that people keep beside their notes; `!name` in `.devlogignore` lets one through.
fn is_secret(name: &[u8]) -> bool {
    matches!(name, b".env" | b"credentials")
        || name.starts_with(b".env.")
        || name.ends_with(b".pem")
        || name.starts_with(b"id_rsa")
        || name.starts_with(b"id_ed25519")
}

/// What editors and desktops leave behind.
fn is_leftover(name: &[u8]) -> bool {
    name == b".DS_Store" || name.ends_with(b".swp") || name.ends_with(b"~") || name.starts_with(b".#")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rules: &str, path: &str, expected: bool) {
        let rules = IgnoreRules::parse(Path::new("/nowhere"), rules.as_bytes()).unwrap();
        assert_eq!(rules.excludes(&RelPath::new(path).unwrap()), expected, "{path}");
    }

    #[test]
    fn secrets_stay_here_unless_let_through() {
        for secret in
            [".env", ".env.local", "a/credentials", "k/server.pem", "id_rsa", "id_rsa.pub", "s/id_ed25519"]
        {
            check("", secret, true);
            check("!*", secret, false);
        }
        check("!.env.example\n", ".env.example", false);
        check("!.env.example\n", ".env.local", true);
        for harmless in [".envrc", "credentials.md", "pem.md", "my_id_rsa.md"] {
            check("", harmless, false);
        }
    }

    #[test]
    fn leftovers_are_left_out() {
        for leftover in ["a/.x.md.swp", "x.md~", ".#x.md", "a/.DS_Store", "a/.devlog-tmp-123"] {
            check("", leftover, true);
        }
        check("", "backups~/x.md", false);
        check("!*", ".devlog-tmp-123", true);
    }

    #[test]
    fn devlogs_own_folder_is_never_synced() {
        check("!.devlog/\n", "nested/.devlog/state.db", true);
        check("", "nested/.DEVLOG/state.db", true);
        check("", "nested/.devlog", false);
    }

    #[test]
    fn rules_are_gitignore_rules() {
        let rules = "# mine\r\n*.log\r\n!keep.log\n/top.md\nbuild/\nweb/**/cache\n";
        check(rules, "a/b.log", true);
        check(rules, "a/keep.log", false);
        check(rules, "top.md", true);
        check(rules, "a/top.md", false);
        check(rules, "a/build/x", true);
        check(rules, "build", false);
        check(rules, "web/a/b/cache", true);
        check("drafts/\n!drafts/x.md\n", "drafts/x.md", true);
        check("\u{feff}x.md\n", "x.md", true);
    }

    #[test]
    fn a_broken_rule_names_file_and_line() {
        let error = IgnoreRules::parse(Path::new("/r"), b"*.log\n{a,b\n").unwrap_err();
        assert!(error.to_string().starts_with("/r/.devlogignore:2: `{a,b` is not a valid rule: "), "{error}");
        let error = IgnoreRules::parse(Path::new("/r"), b"\n\n\xff\n").unwrap_err();
        assert_eq!(error.to_string(), "/r/.devlogignore:3: not UTF-8 text");
    }

    #[test]
    fn side_files_go_with_a_database_only() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("palace.sqlite"), b"SQLite format 3\0 and more").unwrap();
        std::fs::write(folder.path().join("travel"), "a note that is long enough").unwrap();
        let rules = IgnoreRules::load(folder.path()).unwrap();
        for (path, expected) in [
            ("palace.sqlite-wal", true),
            ("palace.sqlite-shm", true),
            ("palace.sqlite-journal", true),
            ("palace.sqlite", false),
            ("travel-journal", false),
            ("gone-wal", false),
            ("-wal", false),
        ] {
            assert_eq!(rules.excludes(&RelPath::new(path).unwrap()), expected, "{path}");
        }
    }
}
