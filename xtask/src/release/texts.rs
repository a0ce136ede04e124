//! What a release does to the manifest and to the changelog: text in, text out.

/// `major.minor.patch`, and what follows a hyphen: a pre-release comes before its release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    numbers: [u64; 3],
    is_release: bool,
    pre: String,
}

impl Version {
    /// `None` for what is not written like `1.2.3` or `1.2.3-rc.1`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (numbers, pre) = text.split_once('-').unwrap_or((text, ""));
        let numbers: Vec<u64> =
            numbers.split('.').map(|number| number.parse().ok()).collect::<Option<_>>()?;
        let is_release = !text.contains('-');
        if !is_release && pre.is_empty() {
            return None;
        }
        Some(Self { numbers: numbers.try_into().ok()?, is_release, pre: pre.to_owned() })
    }
}

/// The manifest with another version under `[workspace.package]`; `None` where it has none.
pub(super) fn with_version(manifest: &str, version: &str) -> Option<String> {
    let mut section = "";
    let mut replaced = false;
    let mut lines = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line.trim();
        }
        if section == "[workspace.package]" && line.starts_with("version = ") {
            lines.push(format!("version = \"{version}\""));
            replaced = true;
        } else {
            lines.push(line.to_owned());
        }
    }
    replaced.then(|| lines.join("\n") + "\n")
}

/// What the changelog says about a version, or about what is not released yet; `None` for nothing.
pub(super) fn release_notes<'a>(changelog: &'a str, version: &str) -> Option<&'a str> {
    section(changelog, &format!("## [{version}]")).or_else(|| section(changelog, UNRELEASED))
}

/// The changelog with everything that was unreleased under the version and its day.
pub(super) fn dated(changelog: &str, version: &str, day: &str) -> String {
    if section(changelog, &format!("## [{version}]")).is_some() {
        return changelog.to_owned();
    }
    changelog.replacen(UNRELEASED, &format!("{UNRELEASED}\n\n## [{version}] - {day}"), 1)
}

const UNRELEASED: &str = "## [Unreleased]";

/// The text under a heading, up to the next of its rank; `None` where there is none.
fn section<'a>(changelog: &'a str, heading: &str) -> Option<&'a str> {
    let (_, after) = changelog.split_once(heading)?;
    let (_, body) = after.split_once('\n')?;
    let body = body.find("\n## [").map_or(body, |end| &body[..end]).trim();
    (!body.is_empty() && !body.starts_with("## [")).then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGELOG: &str = "# Changelog\n\n## [Unreleased]\n\n- New.\n\n## [0.1.0] - 2025-01-01\n\n- Old.\n";

    #[test]
    fn versions_are_ordered_and_nonsense_is_none() {
        let ordered = ["0.1.0", "0.2.0-rc.1", "0.2.0", "0.10.0", "1.0.0"].map(Version::parse);
        assert!(ordered.is_sorted() && ordered.iter().all(Option::is_some), "{ordered:?}");
        for nonsense in ["", "1", "1.2", "1.2.3.4", "v1.2.3", "1.2.x", "1.2.3-"] {
            assert_eq!(Version::parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn the_version_of_the_workspace_alone_is_replaced() {
        let manifest =
            "[workspace.package]\nversion = \"0.1.0\"\n[workspace.dependencies]\nversion = \"9\"\n";
        let expected =
            "[workspace.package]\nversion = \"0.2.0\"\n[workspace.dependencies]\nversion = \"9\"\n";
        assert_eq!(with_version(manifest, "0.2.0").as_deref(), Some(expected));
        assert_eq!(with_version("[package]\nversion = \"0.1.0\"\n", "0.2.0"), None);
    }

    #[test]
    fn notes_are_found_under_the_version_or_as_unreleased() {
        assert_eq!(release_notes(CHANGELOG, "0.1.0"), Some("- Old."));
        assert_eq!(release_notes(CHANGELOG, "0.2.0"), Some("- New."));
        let empty = "## [Unreleased]\n\n## [0.1.0] - 2025-01-01\n\n- Old.\n";
        assert_eq!(release_notes(empty, "0.2.0"), None);
    }

    #[test]
    fn what_was_unreleased_gets_its_version_and_day_once() {
        let dated_once = dated(CHANGELOG, "0.2.0", "2025-02-02");
        assert!(dated_once.contains("## [Unreleased]\n\n## [0.2.0] - 2025-02-02\n\n- New.\n\n## [0.1.0]"));
        assert_eq!(dated(&dated_once, "0.2.0", "2025-03-03"), dated_once);
    }
}
