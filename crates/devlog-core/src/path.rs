//! `RelPath`: a path that cannot leave the tree.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// The folder that devlog keeps for itself, on disk and in the bucket alike. Never synced as a file.
pub const RESERVED_DIR: &str = ".devlog";

/// The longest path in bytes. S3 keys end at 1,024 bytes; the rest is room for the remote's prefix and `.devlog/…`.
pub const MAX_PATH_BYTES: usize = 900;

/// The longest single name in bytes (ext4, APFS and NTFS all stop at 255).
pub const MAX_NAME_BYTES: usize = 255;

/// A file's place relative to the root: `/`-separated, Unicode NFC, and unable to point outside the root.
///
/// NFC is the identity: a disk that hands names out decomposed and one that composes them speak of the same file.
/// Cloning is cheap; the three trees share the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelPath(Arc<str>);

/// Why a text is not a path that devlog syncs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing at all.
    #[error("the path is empty")]
    Empty,
    /// `/x`, `C:/x` or `\\host\x`.
    #[error("the path is absolute")]
    Absolute,
    /// A `.` or `..` component, or an empty one.
    #[error("the path has a `{0}` component")]
    Component(String),
    /// A backslash separates folders on Windows, so it may not be part of a name here.
    #[error("the path contains a backslash")]
    Backslash,
    /// NUL, line breaks, escapes: not storable everywhere, and unsafe to print.
    #[error("the path contains a control character")]
    Control,
    /// Longer than [`MAX_PATH_BYTES`] or [`MAX_NAME_BYTES`].
    #[error("the path is too long ({0} bytes)")]
    TooLong(usize),
    /// Inside `.devlog/`, in any letter case.
    #[error("`.devlog` is devlog's own folder")]
    Reserved,
}

impl RelPath {
    /// Checks and normalises `text`.
    pub fn new(text: &str) -> Result<Self, PathError> {
        if text.is_empty() {
            return Err(PathError::Empty);
        }
        if text.contains('\\') {
            return Err(PathError::Backslash);
        }
        if text.starts_with('/') || has_drive(text) {
            return Err(PathError::Absolute);
        }
        if text.chars().any(char::is_control) {
            return Err(PathError::Control);
        }
        let text: Arc<str> = match is_nfc_quick(text.chars()) {
            IsNormalized::Yes => text.into(),
            IsNormalized::No | IsNormalized::Maybe => text.nfc().collect::<String>().into(),
        };
        if text.len() > MAX_PATH_BYTES {
            return Err(PathError::TooLong(text.len()));
        }
        for name in text.split('/') {
            match name {
                "" | "." | ".." => return Err(PathError::Component(name.into())),
                long if long.len() > MAX_NAME_BYTES => return Err(PathError::TooLong(long.len())),
                _ => {}
            }
        }
        if text.split('/').next().is_some_and(|first| first.eq_ignore_ascii_case(RESERVED_DIR)) {
            return Err(PathError::Reserved);
        }
        Ok(Self(text))
    }

    /// The path as text, `/`-separated.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last name.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The folder that holds it; `None` at the top of the root.
    pub fn parent(&self) -> Option<Self> {
        self.0.rfind('/').map(|slash| Self(self.0[..slash].into()))
    }

    /// The folders above it, nearest first.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent(), Self::parent)
    }

    /// Whether it is `folder` itself or lies below it.
    pub fn is_within(&self, folder: &Self) -> bool {
        self.0.strip_prefix(&*folder.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// What a tree holds below it, as if it were a folder.
    pub fn below<'a, T>(&'a self, tree: &'a BTreeMap<Self, T>) -> impl Iterator<Item = (&'a Self, &'a T)> {
        // Names such as `a-b` sort between `a` and `a/x`, so the walk begins at the slash.
        let start = format!("{self}/");
        tree.range::<str, _>((Bound::Excluded(start.as_str()), Bound::Unbounded))
            .take_while(|(path, _)| path.is_within(self))
    }

    /// The same file under another last name.
    pub fn with_file_name(&self, name: &str) -> Result<Self, PathError> {
        match self.parent() {
            Some(parent) => Self::new(&format!("{parent}/{name}")),
            None => Self::new(name),
        }
    }

    /// What two names share on a disk that ignores letter case.
    pub fn case_folded(&self) -> String {
        self.0.to_lowercase().nfc().collect()
    }
}

fn has_drive(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic()) && chars.next() == Some(':')
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// Paths sort, compare and hash as their text does, so that a tree can be searched by text.
impl std::borrow::Borrow<str> for RelPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RelPath {
    type Error = PathError;
    fn try_from(text: String) -> Result<Self, PathError> {
        Self::new(&text)
    }
}

impl From<RelPath> for String {
    fn from(path: RelPath) -> Self {
        path.as_str().to_owned()
    }
}

impl std::str::FromStr for RelPath {
    type Err = PathError;
    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_refused() {
        use PathError::{Absolute, Backslash, Component, Control, Empty, Reserved, TooLong};
        let cases = [
            ("", Empty),
            ("../../x", Component("..".into())),
            ("a/../../x", Component("..".into())),
            ("./x", Component(".".into())),
            ("a//b", Component(String::new())),
            ("a/", Component(String::new())),
            ("/etc/x", Absolute),
            ("C:/x", Absolute),
            ("c:", Absolute),
            ("\\\\host\\x", Backslash),
            ("a\0b", Control),
            ("a\nb", Control),
            ("a\u{1b}[31m", Control),
            (".devlog/state.db", Reserved),
            (".DevLog/state.db", Reserved),
        ];
        for (text, error) in cases {
            assert_eq!(RelPath::new(text), Err(error), "{text:?}");
        }
        assert_eq!(RelPath::new(&"x".repeat(256)), Err(TooLong(256)));
        assert_eq!(RelPath::new(&"abcd/".repeat(200)), Err(TooLong(1000)));
    }

    #[test]
    fn plain_names_are_kept() {
        for text in ["a", "a b/ü.md", ".devlogignore", "x/.devlog", "…", "ab:c", "日本/語.md"] {
            assert_eq!(RelPath::new(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn composed_and_decomposed_names_are_one_path() {
        assert_eq!(RelPath::new("cafe\u{301}.md"), RelPath::new("caf\u{e9}.md"));
    }

    #[test]
    fn within_is_by_whole_names() {
        let folder = RelPath::new("a/b").unwrap();
        assert!(RelPath::new("a/b/c").unwrap().is_within(&folder));
        assert!(RelPath::new("a/b").unwrap().is_within(&folder));
        assert!(!RelPath::new("a/bc").unwrap().is_within(&folder));
    }

    #[test]
    fn ancestors_are_nearest_first() {
        let path = RelPath::new("a/b/c").unwrap();
        let names: Vec<String> = path.ancestors().map(|p| p.to_string()).collect();
        assert_eq!(names, ["a/b", "a"]);
        assert_eq!(path.with_file_name("d").unwrap().as_str(), "a/b/d");
    }
}
