//! Where a remote's objects lie in its bucket: prefix and key, and back.

use devlog_core::ports::{ObjectKey, RemoteError};

/// Where the log begins in a bucket: empty, or ending in `/`.
#[derive(Debug, Clone)]
pub(crate) struct Prefix(String);

impl Prefix {
    pub(crate) fn new(prefix: &str) -> Self {
        let prefix = prefix.trim_matches('/');
        Self(if prefix.is_empty() { String::new() } else { format!("{prefix}/") })
    }

    /// The provider's name for a key.
    pub(crate) fn full(&self, key: &ObjectKey) -> String {
        self.join(key.as_str())
    }

    /// The same for the beginning of a key.
    pub(crate) fn join(&self, key: &str) -> String {
        format!("{}{key}", self.0)
    }

    /// What the provider's name means below the prefix.
    pub(crate) fn strip(&self, name: &str) -> Result<String, RemoteError> {
        name.strip_prefix(&self.0).map(str::to_owned).ok_or_else(|| RemoteError::Other {
            message: format!("the listing holds `{}`, which is outside of the remote", name.escape_default()),
            source: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use devlog_core::path::RelPath;

    #[test]
    fn keys_go_below_the_prefix_and_come_back() {
        let key = ObjectKey::from(&RelPath::new("a/b").unwrap());
        for (prefix, full) in [("", "a/b"), ("me", "me/a/b"), ("/me/x/", "me/x/a/b")] {
            let prefix = Prefix::new(prefix);
            assert_eq!(prefix.full(&key), full);
            assert_eq!(prefix.strip(full).unwrap(), "a/b");
        }
        assert!(Prefix::new("me").strip("meer/a").is_err());
    }
}
