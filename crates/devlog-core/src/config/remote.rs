//! `[remote]`: where the log is stored, as a provider and a URL without secrets.

use std::fmt;

use percent_encoding::percent_decode_str;
use url::Url;

/// Who stores the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// A folder: a disk, a network share, a synced directory.
    Folder,
    /// S3 and everything that speaks it.
    S3,
    /// Azure Blob Storage.
    Azure,
    /// Google Cloud Storage.
    Gcs,
}

impl Provider {
    /// Every provider, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Folder, Self::S3, Self::Azure, Self::Gcs];

    /// The name in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::S3 => "s3",
            Self::Azure => "azure",
            Self::Gcs => "gcs",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteConfig {
    /// Where.
    pub location: RemoteLocation,
    /// Nobody else writes there; conditional writes are emulated and not probed.
    pub single_writer: bool,
}

/// Where a log is stored. Secrets are never part of it. `prefix` is empty or has neither a leading nor a trailing `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteLocation {
    /// `file:///path`.
    Folder {
        /// Absolute.
        path: String,
    },
    /// `s3://bucket/prefix?endpoint=…&region=…&profile=…`.
    S3 {
        /// The bucket's name.
        bucket: String,
        /// Where the log begins in it.
        prefix: String,
        /// A server other than Amazon's.
        endpoint: Option<String>,
        /// Region; else from the AWS configuration.
        region: Option<String>,
        /// Profile of the AWS configuration.
        profile: Option<String>,
    },
    /// `azure://account/container/prefix?endpoint=…`.
    Azure {
        /// The storage account's name.
        account: String,
        /// The container's name.
        container: String,
        /// Where the log begins in it.
        prefix: String,
        /// A server other than Microsoft's.
        endpoint: Option<String>,
    },
    /// `gs://bucket/prefix?endpoint=…`.
    Gcs {
        /// The bucket's name.
        bucket: String,
        /// Where the log begins in it.
        prefix: String,
        /// A server other than Google's.
        endpoint: Option<String>,
    },
}

/// A remote URL that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteUrlError {
    /// Not a URL at all.
    #[error("`{0}` is not a URL; remotes look like s3://bucket/prefix or file:///path")]
    NotAUrl(String),
    /// A scheme that no provider has.
    #[error("no provider stores `{0}://…`; there are file, s3, azure and gs")]
    UnknownScheme(String),
    /// The provider is not one of ours.
    #[error("there is no provider `{0}`; there are folder, s3, azure and gcs")]
    UnknownProvider(String),
    /// `provider` and the URL's scheme contradict each other.
    #[error("provider `{provider}` does not store `{scheme}://…`")]
    Mismatch {
        /// As configured.
        provider: Provider,
        /// As in the URL.
        scheme: String,
    },
    /// No bucket, container or path.
    #[error("the URL names no {0}")]
    Incomplete(&'static str),
    /// A query parameter that means nothing, such as a misspelt one.
    #[error("`{name}` is not a parameter of {provider} remotes; there {are}")]
    UnknownParameter {
        /// The parameter.
        name: String,
        /// The provider.
        provider: Provider,
        /// Those that mean something.
        are: &'static str,
    },
    /// A user name, password, signature or key in the URL.
    #[error("the URL holds a secret ({0}); secrets come from the provider's own configuration")]
    Secret(&'static str),
    /// A parameter whose value is wrong.
    #[error("`{name}` must be {expected}")]
    BadParameter {
        /// The parameter.
        name: &'static str,
        /// What is expected.
        expected: &'static str,
    },
}

impl RemoteConfig {
    /// Reads a remote URL; `provider` is needed only where the scheme does not tell (`https://…`).
    pub fn parse(url: &str, provider: Option<&str>, single_writer: bool) -> Result<Self, RemoteUrlError> {
        let provider = provider.map(provider_by_name).transpose()?;
        let parsed = Url::parse(url).map_err(|_| RemoteUrlError::NotAUrl(without_query(url)))?;
        refuse_secrets(&parsed)?;
        let scheme = parsed.scheme();
        let meant = match (scheme, provider) {
            ("file", None | Some(Provider::Folder)) => Provider::Folder,
            ("s3", None | Some(Provider::S3)) => Provider::S3,
            ("azure", None | Some(Provider::Azure)) | ("https" | "http", Some(Provider::Azure)) => {
                Provider::Azure
            }
            ("gs", None | Some(Provider::Gcs)) => Provider::Gcs,
            ("https", None) if parsed.host_str().is_some_and(|host| host.contains(".blob.")) => {
                Provider::Azure
            }
            (_, Some(provider)) => {
                return Err(RemoteUrlError::Mismatch { provider, scheme: scheme.to_owned() });
            }
            (_, None) => return Err(RemoteUrlError::UnknownScheme(scheme.to_owned())),
        };
        let location = match meant {
            Provider::Folder => folder(&parsed)?,
            Provider::S3 => s3(&parsed)?,
            Provider::Azure => azure(&parsed)?,
            Provider::Gcs => gcs(&parsed)?,
        };
        Ok(Self { location, single_writer })
    }

    /// Who stores it.
    pub const fn provider(&self) -> Provider {
        match self.location {
            RemoteLocation::Folder { .. } => Provider::Folder,
            RemoteLocation::S3 { .. } => Provider::S3,
            RemoteLocation::Azure { .. } => Provider::Azure,
            RemoteLocation::Gcs { .. } => Provider::Gcs,
        }
    }
}

/// The URL in one stable spelling: what state is bound to and what people see.
impl fmt::Display for RemoteConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |f: &mut fmt::Formatter<'_>, scheme: &str, names: &[&str]| {
            let names: Vec<&str> = names.iter().copied().filter(|name| !name.is_empty()).collect();
            write!(f, "{scheme}://{}", names.join("/"))
        };
        let query = |f: &mut fmt::Formatter<'_>, pairs: &[(&str, &Option<String>)]| {
            let mut mark = '?';
            for (name, value) in pairs {
                if let Some(value) = value {
                    write!(f, "{mark}{name}={value}")?;
                    mark = '&';
                }
            }
            Ok(())
        };
        match &self.location {
            RemoteLocation::Folder { path } => write!(f, "file://{path}"),
            RemoteLocation::S3 { bucket, prefix, endpoint, region, profile } => {
                place(f, "s3", &[bucket, prefix])?;
                query(f, &[("endpoint", endpoint), ("region", region), ("profile", profile)])
            }
            RemoteLocation::Azure { account, container, prefix, endpoint } => {
                place(f, "azure", &[account, container, prefix])?;
                query(f, &[("endpoint", endpoint)])
            }
            RemoteLocation::Gcs { bucket, prefix, endpoint } => {
                place(f, "gs", &[bucket, prefix])?;
                query(f, &[("endpoint", endpoint)])
            }
        }
    }
}

fn provider_by_name(name: &str) -> Result<Provider, RemoteUrlError> {
    Provider::ALL
        .into_iter()
        .find(|provider| provider.name() == name)
        .ok_or_else(|| RemoteUrlError::UnknownProvider(name.to_owned()))
}

/// What may be shown of a text that might hold a secret in its query or before an `@`.
fn without_query(url: &str) -> String {
    let shown = url.split('?').next().unwrap_or_default();
    shown.rsplit('@').next().unwrap_or_default().chars().take(120).collect()
}

fn refuse_secrets(url: &Url) -> Result<(), RemoteUrlError> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(RemoteUrlError::Secret("a user name or password"));
    }
    for (name, _) in url.query_pairs() {
        match name.to_ascii_lowercase().as_str() {
            "sig" | "se" | "sp" | "sv" => return Err(RemoteUrlError::Secret("a shared access signature")),
            "x-amz-signature" | "x-amz-credential" | "x-amz-security-token" | "x-goog-signature" => {
                return Err(RemoteUrlError::Secret("a signature"));
            }
            name if ["secret", "password", "token", "access_key", "accesskey"]
                .iter()
                .any(|s| name.contains(s)) =>
            {
                return Err(RemoteUrlError::Secret("a key"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn parameters<const N: usize>(
    url: &Url,
    provider: Provider,
    names: [&'static str; N],
    are: &'static str,
) -> Result<[Option<String>; N], RemoteUrlError> {
    let mut values = [const { None }; N];
    for (name, value) in url.query_pairs() {
        let Some(index) = names.iter().position(|known| *known == name) else {
            return Err(RemoteUrlError::UnknownParameter { name: name.into_owned(), provider, are });
        };
        let endpoint_is_wrong = name == "endpoint"
            && !Url::parse(&value).is_ok_and(|e| {
                matches!(e.scheme(), "http" | "https")
                    && e.has_host()
                    && e.username().is_empty()
                    && e.password().is_none()
            });
        if endpoint_is_wrong {
            return Err(RemoteUrlError::BadParameter { name: "endpoint", expected: "an http or https URL" });
        }
        values[index] = Some(value.into_owned()).filter(|value| !value.is_empty());
    }
    Ok(values)
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn prefix(path: &str) -> String {
    decoded(path).split('/').filter(|name| !name.is_empty()).collect::<Vec<_>>().join("/")
}

fn host(url: &Url, what: &'static str) -> Result<String, RemoteUrlError> {
    url.host_str().filter(|host| !host.is_empty()).map(decoded).ok_or(RemoteUrlError::Incomplete(what))
}

fn folder(url: &Url) -> Result<RemoteLocation, RemoteUrlError> {
    let path = decoded(url.path());
    if url.host_str().is_some_and(|host| host != "localhost") || path.trim_matches('/').is_empty() {
        return Err(RemoteUrlError::Incomplete("folder; write file:///absolute/path"));
    }
    let [] = parameters(url, Provider::Folder, [], "are none")?;
    Ok(RemoteLocation::Folder { path: path.trim_end_matches('/').to_owned() })
}

fn s3(url: &Url) -> Result<RemoteLocation, RemoteUrlError> {
    let [endpoint, region, profile] =
        parameters(url, Provider::S3, ["endpoint", "region", "profile"], "are endpoint, region and profile")?;
    Ok(RemoteLocation::S3 {
        bucket: host(url, "bucket")?,
        prefix: prefix(url.path()),
        endpoint,
        region,
        profile,
    })
}

fn gcs(url: &Url) -> Result<RemoteLocation, RemoteUrlError> {
    let [endpoint] = parameters(url, Provider::Gcs, ["endpoint"], "is endpoint")?;
    Ok(RemoteLocation::Gcs { bucket: host(url, "bucket")?, prefix: prefix(url.path()), endpoint })
}

fn azure(url: &Url) -> Result<RemoteLocation, RemoteUrlError> {
    let [mut endpoint] = parameters(url, Provider::Azure, ["endpoint"], "is endpoint")?;
    let path = prefix(url.path());
    let (container, prefix) = path.split_once('/').unwrap_or((path.as_str(), ""));
    if container.is_empty() {
        return Err(RemoteUrlError::Incomplete("container"));
    }
    let host = host(url, "storage account")?;
    let account = match url.scheme() {
        "azure" => host.clone(),
        _ => host.split('.').next().unwrap_or_default().to_owned(),
    };
    let public = format!("{account}.blob.core.windows.net");
    if url.scheme() != "azure" && host != public {
        endpoint = Some(url.origin().ascii_serialization());
    }
    Ok(RemoteLocation::Azure {
        account,
        container: container.to_owned(),
        prefix: prefix.to_owned(),
        endpoint,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_shown_in_one_spelling() {
        let cases = [
            ("file:///a/b%20c/", "file:///a/b c"),
            ("s3://log", "s3://log"),
            ("s3://log/me//x/", "s3://log/me/x"),
            (
                "s3://log/me?region=eu-1&endpoint=http://127.0.0.1:9000",
                "s3://log/me?endpoint=http://127.0.0.1:9000&region=eu-1",
            ),
            ("azure://acc/cont/p", "azure://acc/cont/p"),
            ("https://acc.blob.core.windows.net/cont", "azure://acc/cont"),
            ("gs://bucket/p", "gs://bucket/p"),
        ];
        for (url, shown) in cases {
            let remote = RemoteConfig::parse(url, None, false).unwrap();
            assert_eq!(remote.to_string(), shown);
            assert_eq!(RemoteConfig::parse(shown, None, false).unwrap(), remote);
        }
    }

    #[test]
    fn unusable_urls_are_refused_with_a_reason() {
        let cases = [
            ("bucket/prefix", None, "not a URL"),
            ("ftp://x/y", None, "no provider stores `ftp://"),
            ("s3://log", Some("s4"), "no provider `s4`"),
            ("s3://log", Some("azure"), "does not store `s3://"),
            ("s3:///x", None, "no bucket"),
            ("s3://b?regoin=x", None, "`regoin` is not a parameter"),
            ("s3://b?endpoint=localhost:9000", None, "http or https"),
            ("s3://AK:SK@b/p", None, "a user name or password"),
            ("azure://a/c?sig=abc", None, "shared access signature"),
            ("s3://b?secret_access_key=abc", None, "a key"),
            ("azure://a", None, "no container"),
            ("file://host/x", None, "no folder"),
        ];
        for (url, provider, reason) in cases {
            let error = RemoteConfig::parse(url, provider, false).unwrap_err().to_string();
            assert!(error.contains(reason), "{url}: {error}");
            assert!(!error.contains("SK") && !error.contains("abc"), "{error}");
        }
    }
}
