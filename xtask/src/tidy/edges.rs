//! Who may see whom: the edges between our crates, and the libraries that one crate owns alone.

use serde_json::Value;

use super::Finding;

/// Each crate and those of ours that it may depend on: "core decides, local touches the disk, …".
const EDGES: &[(&str, &[&str])] = &[
    ("devlog-core", &[]),
    ("devlog-local", &["devlog-core"]),
    ("devlog-remote", &["devlog-core"]),
    ("devlog-cli", &["devlog-core", "devlog-local", "devlog-remote"]),
    ("devlog-tests", &["devlog-core", "devlog-local", "devlog-remote", "devlog-cli"]),
    ("xtask", &[]),
];

/// Sees everybody, and everybody's libraries: it looks into a bucket or a database behind devlog's back.
const TESTS: &str = "devlog-tests";

/// Each library that is somebody's alone, and its owners; a trailing `*` stands for any ending.
const OWNERS: &[(&str, &[&str])] = &[
    ("rusqlite", &["devlog-local"]),
    ("ignore", &["devlog-local"]),
    ("notify", &["devlog-local"]),
    ("aws-*", &["devlog-remote"]),
    ("azure_*", &["devlog-remote"]),
    ("gcloud-*", &["devlog-remote"]),
    ("google-cloud-*", &["devlog-remote"]),
    ("reqwest", &["devlog-remote"]),
    ("hyper*", &["devlog-remote"]),
    ("clap*", &["devlog-cli", "xtask"]),
    ("indicatif", &["devlog-cli"]),
    ("console", &["devlog-cli"]),
];

const EDGE_REMEDY: &str = "receive a port from the composition root (devlog-cli) instead of seeing the crate; \
    a wall that has to move is moved in ARCHITECTURE.md and in xtask/src/tidy/edges.rs";
const OWNER_REMEDY: &str = "move the code to the owner, behind a port of devlog-core; \
    the table is in xtask/src/tidy/edges.rs, its twin in deny.toml";
const NEW_CRATE_REMEDY: &str =
    "say in xtask/src/tidy/edges.rs which crates it may see, and in ARCHITECTURE.md what it is for";
const LINTS_REMEDY: &str = "add `[lints]` with `workspace = true` to its Cargo.toml";

/// Checks what `cargo metadata --no-deps` says about every member.
pub(super) fn check(metadata: &Value) -> Vec<Finding> {
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    let members: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut findings = Vec::new();
    for package in packages {
        let Some(name) = package["name"].as_str() else {
            continue;
        };
        let Some((_, may_see)) = EDGES.iter().find(|(known, _)| *known == name) else {
            findings.push(Finding {
                place: name.to_owned(),
                wrong: "a crate that the house does not know".to_owned(),
                remedy: NEW_CRATE_REMEDY,
            });
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let Some(seen) = dependency["name"].as_str() else {
                continue;
            };
            // A crate may see itself in its own tests, to switch its features on.
            let itself = seen == name && dependency["kind"] == "dev";
            if members.contains(&seen) && !may_see.contains(&seen) && !itself {
                findings.push(Finding {
                    place: name.to_owned(),
                    wrong: format!("depends on {seen}, which it must not see"),
                    remedy: EDGE_REMEDY,
                });
            }
            if let Some(owners) = owners_of(seen).filter(|owners| name != TESTS && !owners.contains(&name)) {
                findings.push(Finding {
                    place: name.to_owned(),
                    wrong: format!("depends on {seen}, which belongs to {} alone", owners.join(" and ")),
                    remedy: OWNER_REMEDY,
                });
            }
        }
    }
    findings
}

/// Checks that a member's manifest takes the workspace's lints.
pub(super) fn check_manifest(place: &str, manifest: &str) -> Option<Finding> {
    let mut lines = manifest.lines().map(str::trim);
    let is_package = manifest.lines().any(|line| line.trim() == "[package]");
    let takes_lints = lines.any(|line| line == "[lints]")
        && lines.take_while(|line| !line.starts_with('[')).any(|line| line == "workspace = true");
    (is_package && !takes_lints).then(|| Finding {
        place: place.to_owned(),
        wrong: "does not take the workspace's lints".to_owned(),
        remedy: LINTS_REMEDY,
    })
}

fn owners_of(library: &str) -> Option<&'static [&'static str]> {
    OWNERS
        .iter()
        .find(|(pattern, _)| match pattern.strip_suffix('*') {
            Some(start) => library.starts_with(start),
            None => library == *pattern,
        })
        .map(|(_, owners)| *owners)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is wrong when `name` depends on `seen` in a house with all known crates.
    fn wrong(name: &str, seen: &str, kind: &Value) -> Vec<String> {
        let mut packages: Vec<Value> =
            EDGES.iter().map(|(name, _)| json!({"name": name, "dependencies": []})).collect();
        let dependency = json!([{"name": seen, "kind": kind}]);
        match packages.iter_mut().find(|package| package["name"] == name) {
            Some(package) => package["dependencies"] = dependency,
            None => packages.push(json!({"name": name, "dependencies": dependency})),
        }
        check(&json!({"packages": packages})).into_iter().map(|finding| finding.wrong).collect()
    }

    #[test]
    fn allowed_edges_pass() {
        for (name, may_see) in EDGES {
            for seen in *may_see {
                assert_eq!(wrong(name, seen, &Value::Null), Vec::<String>::new(), "{name} -> {seen}");
            }
        }
        assert_eq!(wrong("devlog-core", "devlog-core", &json!("dev")), Vec::<String>::new());
    }

    #[test]
    fn forbidden_edges_are_found_in_every_kind_of_dependency() {
        for (name, seen) in [
            ("devlog-core", "devlog-local"),
            ("devlog-local", "devlog-remote"),
            ("devlog-remote", "devlog-local"),
            ("devlog-remote", "devlog-cli"),
            ("xtask", "devlog-core"),
        ] {
            for kind in [&Value::Null, &json!("dev"), &json!("build")] {
                assert_eq!(wrong(name, seen, kind), [format!("depends on {seen}, which it must not see")]);
            }
        }
    }

    #[test]
    fn a_library_stays_with_its_owner() {
        for (owner, library, stranger) in [
            ("devlog-local", "rusqlite", "devlog-cli"),
            ("devlog-remote", "aws-sdk-s3", "devlog-local"),
            ("devlog-remote", "hyper-util", "devlog-core"),
            ("devlog-cli", "clap_complete", "devlog-core"),
            ("xtask", "clap", "devlog-remote"),
            ("devlog-cli", "indicatif", "xtask"),
        ] {
            assert_eq!(wrong(owner, library, &Value::Null), Vec::<String>::new());
            assert_eq!(wrong(stranger, library, &json!("dev")).len(), 1, "{stranger} -> {library}");
        }
    }

    #[test]
    fn the_tests_may_use_every_library() {
        assert_eq!(wrong(TESTS, "aws-sdk-s3", &Value::Null), Vec::<String>::new());
    }

    #[test]
    fn an_unknown_crate_is_found() {
        assert_eq!(wrong("devlog-util", "serde", &Value::Null), ["a crate that the house does not know"]);
    }

    #[test]
    fn a_member_takes_the_workspaces_lints() {
        let with = "[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n";
        let elsewhere = "[package]\nname = \"a\"\n[lints]\n[dependencies]\nworkspace = true\n";
        assert_eq!(check_manifest("a", with), None);
        assert!(check_manifest("a", elsewhere).is_some());
        assert!(check_manifest("a", "[package]\n").is_some());
        assert_eq!(check_manifest("a", "[workspace]\n"), None, "the root is no member");
    }
}
