//! The table of settings: one row a key, from which loading, `config list`, suggestions and `docs/config.md` follow.

use std::num::NonZeroU64;
use std::time::Duration;

use super::DevLogConfig;

/// One key of `config.toml`.
#[derive(Debug)]
pub struct Setting {
    /// Dotted, as in `sync.concurrency`. Keys of a remote are written as `remote.…` and hold for `remotes.NAME.…` too.
    pub key: &'static str,
    /// What values look like.
    pub values: &'static str,
    /// The value where nothing is set; empty where there is none.
    pub default: &'static str,
    /// One sentence.
    pub doc: &'static str,
    apply: fn(&mut DevLogConfig, &str) -> Result<(), String>,
}

/// A value that a setting does not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// No such key.
    #[error("`{0}` is not a setting")]
    UnknownKey(String),
    /// The key exists; the value is wrong.
    #[error("`{key}` cannot be `{value}`: {reason}")]
    BadValue {
        /// The key.
        key: String,
        /// The value as given.
        value: String,
        /// What is expected.
        reason: String,
    },
}

/// Every setting but those of remotes, which [`super::RemoteConfig`] reads as a whole, in the order of the documentation.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "device.name",
        values: "text",
        default: "",
        doc: "This machine's name in the log; without one, the host name and four random hex digits.",
        apply: |config, value| {
            if value.trim().is_empty() || value.chars().any(char::is_control) {
                return Err("a name of at least one visible character is expected".into());
            }
            config.device.name = Some(value.to_owned());
            Ok(())
        },
    },
    Setting {
        key: "remote.provider",
        values: "folder | s3 | azure | gcs",
        default: "",
        doc: "Who stores the log; without it, the URL's scheme tells.",
        apply: |_, _| Ok(()),
    },
    Setting {
        key: "remote.url",
        values: "file:///path | s3://bucket/prefix?endpoint=…&region=… | azure://account/container/prefix | gs://bucket/prefix",
        default: "",
        doc: "Where the log is stored. Never holds a secret: those come from the provider's own configuration.",
        apply: |_, _| Ok(()),
    },
    Setting {
        key: "remote.single_writer",
        values: "true | false",
        default: "false",
        doc: "Vouches that only this device writes there, so that a server without conditional writes can be used.",
        apply: |_, _| Ok(()),
    },
    Setting {
        key: "sync.conflict",
        values: "merge | keep_both | last_write_wins | server_preferred | local_preferred | manual",
        default: "merge",
        doc: "What settles a file that changed on both sides. The losing version always stays recoverable.",
        apply: |config, value| {
            config.sync.conflict = value.parse().map_err(|()| "no such strategy".to_owned())?;
            Ok(())
        },
    },
    Setting {
        key: "sync.concurrency",
        values: "1 to 512",
        default: "64",
        doc: "How many files travel at once.",
        apply: |config, value| {
            config.sync.concurrency = whole(value, 1, 512)?;
            Ok(())
        },
    },
    Setting {
        key: "sync.bandwidth",
        values: "bytes a second, such as \"2MB/s\", \"500KiB/s\"; \"off\"",
        default: "off",
        doc: "The most that is sent and fetched in a second, all files together.",
        apply: |config, value| {
            config.sync.bandwidth = bandwidth(value)?;
            Ok(())
        },
    },
    Setting {
        key: "sync.request_timeout",
        values: "seconds, 1 to 3600",
        default: "60",
        doc: "A request without an answer for so long has failed and is tried again.",
        apply: |config, value| {
            config.sync.request_timeout = Duration::from_secs(whole::<u16>(value, 1, 3600)?.into());
            Ok(())
        },
    },
    Setting {
        key: "sync.max_attempts",
        values: "1 to 20",
        default: "6",
        doc: "How often a request is sent before it counts as failed.",
        apply: |config, value| {
            config.sync.max_attempts = whole(value, 1, 20)?;
            Ok(())
        },
    },
    Setting {
        key: "sync.offline",
        values: "true | false",
        default: "false",
        doc: "Nothing is sent; runs are queued until this is off again.",
        apply: |config, value| {
            config.sync.offline = value.parse().map_err(|_| "true or false is expected".to_owned())?;
            Ok(())
        },
    },
];

/// The row of a key; a key of `remotes.NAME` is found as that of `remote`.
pub fn setting(key: &str) -> Option<&'static Setting> {
    let named = key.strip_prefix("remotes.").and_then(|rest| rest.split_once('.')).map(|(_, field)| field);
    SETTINGS.iter().find(|row| match named {
        Some(field) => row.key.strip_prefix("remote.") == Some(field),
        None => row.key == key,
    })
}

impl DevLogConfig {
    /// Sets one key from text. Keys of remotes are checked for their name alone: a remote is read as a whole.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), SettingError> {
        let row = setting(key).ok_or_else(|| SettingError::UnknownKey(key.to_owned()))?;
        (row.apply)(self, value).map_err(|reason| SettingError::BadValue {
            key: key.to_owned(),
            value: value.to_owned(),
            reason,
        })
    }
}

fn whole<N: TryFrom<i64> + std::fmt::Display + Copy>(value: &str, least: N, most: N) -> Result<N, String>
where
    i64: From<N>,
{
    value
        .trim()
        .parse::<i64>()
        .ok()
        .filter(|n| (i64::from(least)..=i64::from(most)).contains(n))
        .and_then(|n| N::try_from(n).ok())
        .ok_or_else(|| format!("a whole number from {least} to {most} is expected"))
}

/// `2MB/s` is 2,000,000 and `2MiB/s` is 2,097,152 bytes a second; the `/s` may be left out.
fn bandwidth(value: &str) -> Result<Option<NonZeroU64>, String> {
    let expected = || "a size a second is expected, such as \"2MB/s\" or \"off\"".to_owned();
    let text = value.trim();
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let text = text.strip_suffix("/s").unwrap_or(text).trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(expected()),
    };
    let bytes = number.parse::<u64>().ok().and_then(|n| n.checked_mul(factor)).ok_or_else(expected)?;
    NonZeroU64::new(bytes).map(Some).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SyncConfig;
    use crate::conflict::Strategy;

    #[test]
    fn the_defaults_of_the_table_are_the_defaults_of_the_type() {
        let mut config = DevLogConfig {
            sync: SyncConfig { concurrency: 1, ..SyncConfig::default() },
            ..DevLogConfig::default()
        };
        for row in SETTINGS.iter().filter(|row| !row.default.is_empty()) {
            config.set(row.key, row.default).unwrap();
        }
        assert_eq!(config, DevLogConfig::default());
    }

    #[test]
    fn bandwidths_are_decimal_or_binary_as_written() {
        let cases = [("2MB/s", 2_000_000), ("500KiB/s", 512_000), ("100 kB", 100_000), ("7", 7)];
        for (text, bytes) in cases {
            assert_eq!(bandwidth(text), Ok(NonZeroU64::new(bytes)), "{text}");
        }
        assert_eq!(bandwidth("off"), Ok(None));
        for text in ["", "0", "fast", "2MB/h", "-1", "99999999999999999999"] {
            assert!(bandwidth(text).is_err(), "{text}");
        }
    }

    #[test]
    fn wrong_keys_and_values_are_named() {
        let mut config = DevLogConfig::default();
        assert_eq!(
            config.set("sync.concurency", "1"),
            Err(SettingError::UnknownKey("sync.concurency".into()))
        );
        let error = config.set("sync.concurrency", "0").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sync.concurrency` cannot be `0`: a whole number from 1 to 512 is expected"
        );
        config.set("sync.conflict", "manual").unwrap();
        assert_eq!(config.sync.conflict, Strategy::Manual);
        assert!(setting("remotes.work.url").is_some());
        assert!(setting("remotes.work.bucket").is_none());
    }
}
