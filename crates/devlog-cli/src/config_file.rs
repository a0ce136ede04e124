//! Loads `config.toml` and the environment into `DevLogConfig`; its part `edit` writes single settings back.

mod edit;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use devlog_core::config::{DEFAULT_REMOTE, DevLogConfig, RemoteConfig, SETTINGS, setting};
use toml_edit::{Document, Item, Value};

pub(crate) use edit::{set, unset, write_atomically};

use crate::error::CliError;
use crate::exit_code::ExitCode;

/// The settings' file in the root.
pub(crate) const CONFIG_FILE: &str = "config.toml";

/// `DEVLOG_SYNC__CONCURRENCY` is `sync.concurrency`.
const ENV_PREFIX: &str = "DEVLOG_";

/// Words that only a secret's key holds.
const SECRET_WORDS: [&str; 7] =
    ["sas", "secret", "password", "token", "access_key", "account_key", "credential"];

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A line of `config.toml`.
    File { line: usize },
    /// A variable of the environment.
    Env { name: String },
    /// Nothing was set.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { line } => write!(f, "{CONFIG_FILE}:{line}"),
            Self::Env { name } => f.write_str(name),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value as text, and where it comes from.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) value: String,
    pub(crate) origin: Origin,
}

/// The settings of one root.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// What was set, by dotted key.
    given: BTreeMap<String, Given>,
    /// The same, typed.
    pub(crate) config: DevLogConfig,
}

impl Settings {
    /// Reads the file of `root`, where there is one, and the environment over it.
    pub(crate) fn load(
        root: &Path,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, CliError> {
        let file = root.join(CONFIG_FILE);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(CliError::new(ExitCode::Usage, format!("cannot read {}", file.display()))
                    .with_causes(Some(&error)));
            }
        };
        let mut settings = Self::default();
        settings.read_file(&text)?;
        settings.read_env(env)?;
        settings.apply()?;
        Ok(settings)
    }

    /// A setting's value: as given, else its default. `None` for one that has neither.
    pub(crate) fn get(&self, key: &str) -> Option<Given> {
        self.given.get(key).cloned().or_else(|| {
            let default = setting(key)?.default;
            (!default.is_empty()).then(|| Given { value: default.to_owned(), origin: Origin::Default })
        })
    }

    /// Every setting that has a value, in the order of the documentation, then other remotes'.
    pub(crate) fn list(&self) -> Vec<(String, Given)> {
        let known =
            SETTINGS.iter().filter(|row| !row.key.starts_with("remote.") || self.given.contains_key(row.key));
        let known = known.filter_map(|row| Some((row.key.to_owned(), self.get(row.key)?)));
        let named = self.given.iter().filter(|(key, _)| key.starts_with("remotes."));
        known.chain(named.map(|(key, given)| (key.clone(), given.clone()))).collect()
    }

    fn read_file(&mut self, text: &str) -> Result<(), CliError> {
        let document = Document::parse(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            let reason = error.message().lines().next().unwrap_or("not TOML").to_owned();
            CliError::usage(format!("{CONFIG_FILE}:{line}: {reason}")).with_hint("devlog config edit")
        })?;
        let mut leaves = Vec::new();
        collect_leaves(document.as_item(), "", &mut leaves);
        for (key, item) in leaves {
            let line = item.span().map_or(1, |span| line_of(text, span.start));
            let Some(value) = as_text(item) else {
                return Err(CliError::usage(format!(
                    "{CONFIG_FILE}:{line}: `{key}` cannot be a list or a table"
                )));
            };
            check_key(&key, &format!("{CONFIG_FILE}:{line}: "))?;
            self.given.insert(key, Given { value, origin: Origin::File { line } });
        }
        Ok(())
    }

    fn read_env(&mut self, env: impl IntoIterator<Item = (String, String)>) -> Result<(), CliError> {
        for (name, value) in env {
            // Without `__` it is no setting: `DEVLOG_DIR`, `DEVLOG_EDITOR`.
            let Some(rest) = name.strip_prefix(ENV_PREFIX).filter(|rest| rest.contains("__")) else {
                continue;
            };
            let key = rest.to_lowercase().replace("__", ".");
            check_key(&key, &format!("{name}: "))?;
            self.given.insert(key, Given { value, origin: Origin::Env { name } });
        }
        Ok(())
    }

    fn apply(&mut self) -> Result<(), CliError> {
        let mut remotes = BTreeMap::<String, RemoteFields<'_>>::new();
        for (key, given) in &self.given {
            let place = || match &given.origin {
                Origin::Default => String::new(),
                origin => format!("{origin}: "),
            };
            if let Some((name, field)) = remote_field(key) {
                let fields = remotes.entry(name.to_owned()).or_default();
                match field {
                    "url" => fields.url = Some(given),
                    "provider" => fields.provider = Some(&given.value),
                    _ => {
                        fields.single_writer = given.value.parse().map_err(|_| {
                            CliError::usage(format!("{}`{key}` must be true or false", place()))
                        })?;
                    }
                }
                continue;
            }
            self.config
                .set(key, &given.value)
                .map_err(|error| CliError::usage(format!("{}{error}", place())))?;
        }
        for (name, fields) in remotes {
            let Some(url) = fields.url else {
                return Err(CliError::usage(format!("{CONFIG_FILE}: the remote `{name}` has no `url`"))
                    .with_hint(format!("devlog remote add {name} s3://BUCKET/PREFIX")));
            };
            let remote = RemoteConfig::parse(&url.value, fields.provider, fields.single_writer)
                .map_err(|error| CliError::usage(format!("{}: `{name}`: {error}", url.origin)))?;
            self.config.remotes.insert(name, remote);
        }
        Ok(())
    }
}

#[derive(Default)]
struct RemoteFields<'a> {
    url: Option<&'a Given>,
    provider: Option<&'a str>,
    single_writer: bool,
}

/// The remote's name and the field, of `remote.url` or `remotes.NAME.url`.
fn remote_field(key: &str) -> Option<(&str, &str)> {
    match key.strip_prefix("remotes.") {
        Some(rest) => rest.rsplit_once('.'),
        None => key.strip_prefix("remote.").map(|field| (DEFAULT_REMOTE, field)),
    }
}

/// Refuses keys that mean nothing, with the one that was probably meant, and keys of secrets.
pub(crate) fn check_key(key: &str, place: &str) -> Result<(), CliError> {
    if setting(key).is_some() {
        return Ok(());
    }
    if SECRET_WORDS.iter().any(|word| key.contains(word)) {
        return Err(CliError::usage(format!(
            "{place}`{key}` looks like a secret, which never belongs in {CONFIG_FILE}; \
             devlog takes credentials from the environment and from the provider's own files"
        ))
        .with_hint("aws configure"));
    }
    let meant = SETTINGS
        .iter()
        .map(|row| (strsim::jaro_winkler(row.key, key), row.key))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.8);
    let suggestion = meant.map_or(String::new(), |(_, key)| format!("; did you mean `{key}`?"));
    // Where the file is wrong, nothing that reads it helps.
    let hint = if place.is_empty() { "devlog config list" } else { "devlog config edit" };
    Err(CliError::usage(format!("{place}`{key}` is not a setting{suggestion}")).with_hint(hint))
}

fn collect_leaves<'a>(item: &'a Item, key: &str, leaves: &mut Vec<(String, &'a Item)>) {
    match item.as_table_like() {
        Some(table) => {
            for (name, inner) in table.iter() {
                let key = if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
                collect_leaves(inner, &key, leaves);
            }
        }
        None => leaves.push((key.to_owned(), item)),
    }
}

fn as_text(item: &Item) -> Option<String> {
    match item.as_value()? {
        Value::String(text) => Some(text.value().clone()),
        Value::Integer(number) => Some(number.value().to_string()),
        Value::Boolean(flag) => Some(flag.value().to_string()),
        Value::Float(number) => Some(number.value().to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::InlineTable(_) => None,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, env: &[(&str, &str)]) -> Result<Settings, String> {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(CONFIG_FILE), text).unwrap();
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::load(root.path(), env).map_err(|error| error.message)
    }

    #[test]
    fn errors_name_file_line_key_and_what_was_meant() {
        let cases = [
            (
                "[remote]\nprovider = \"s3\"\nurll = \"s3://b\"\n",
                "config.toml:3: `remote.urll` is not a setting; did you mean `remote.url`?",
            ),
            (
                "[sync]\nconcurrency = 0\n",
                "config.toml:2: `sync.concurrency` cannot be `0`: a whole number from 1 to 512 is expected",
            ),
            (
                "[remote]\nurl = \"ftp://b\"\n",
                "config.toml:2: `default`: no provider stores `ftp://…`; there are file, s3, azure and gs",
            ),
            ("[remote]\nprovider = \"s3\"\n", "config.toml: the remote `default` has no `url`"),
            ("[sync\n", "config.toml:1: "),
            ("[sync]\nconflict = [1]\n", "config.toml:2: `sync.conflict` cannot be a list or a table"),
            (
                "[remote]\nsecret_access_key = \"x\"\n",
                "config.toml:2: `remote.secret_access_key` looks like a secret",
            ),
        ];
        for (text, message) in cases {
            let error = load(text, &[]).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
    }

    #[test]
    fn the_environment_overrides_the_file_and_says_so() {
        let settings =
            load("[sync]\nconcurrency = 3\n", &[("DEVLOG_SYNC__CONCURRENCY", "8"), ("DEVLOG_DIR", "/x")])
                .unwrap();
        assert_eq!(settings.config.sync.concurrency, 8);
        assert_eq!(settings.get("sync.concurrency").unwrap().origin.to_string(), "DEVLOG_SYNC__CONCURRENCY");
        assert_eq!(settings.get("sync.conflict").unwrap().origin, Origin::Default);
        assert!(load("", &[("DEVLOG_SYNC__CONCURENCY", "8")]).is_err());
    }

    #[test]
    fn writing_keeps_comments_and_refuses_what_would_not_load() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join(CONFIG_FILE);
        fs::write(&file, "# only this\n").unwrap();
        set(root.path(), "sync.concurrency", "8").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "# only this\n\n[sync]\nconcurrency = 8\n");
        fs::write(&file, "# mine\n[sync]\nconflict = \"manual\" # careful\n").unwrap();
        set(root.path(), "sync.concurrency", "8").unwrap();
        set(root.path(), "remotes.work.url", "s3://b/p").unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(
            text,
            "# mine\n[sync]\nconflict = \"manual\" # careful\nconcurrency = 8\n\n[remotes.work]\nurl = \"s3://b/p\"\n"
        );
        assert!(set(root.path(), "sync.conflict", "nonsense").is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
        set(root.path(), "sync.conflict", "merge").unwrap();
        set(root.path(), "device.name", "007").unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("# mine\n[sync]\nconflict = \"merge\" # careful\n"), "{text}");
        assert!(text.ends_with("[device]\nname = \"007\"\n"), "{text}");
        fs::write(&file, text + "[remotes]\nx = 1\n[old]\ny = 2\n").unwrap();
        assert!(unset(root.path(), "old.y").unwrap() && unset(root.path(), "remotes.x").unwrap());
        assert!(unset(root.path(), "remotes.work.url").unwrap());
        assert!(!unset(root.path(), "remotes.work.url").unwrap());
    }
}
