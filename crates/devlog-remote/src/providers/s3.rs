//! S3 and everything that speaks it, through the AWS SDK with its own retries turned off.

mod abandoned;
mod connect;
mod download;
mod failure;
mod parts;
mod upload;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::DateTime as AwsDateTime;
use aws_sdk_s3::types::{EncodingType, Object};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use chrono::{DateTime, Utc};
use devlog_core::config::RemoteConfig;
use devlog_core::files::Version;
use devlog_core::ports::{Body, Fetched, ObjectKey, Precondition, RemoteError, RemoteObject, RemoteStorage};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::keys::Prefix;
use crate::retry::Failure;
use crate::retry::Retry;
use crate::throttle::Throttle;
pub use connect::StaticKeys;
use parts::Memory;

/// What may stand unescaped in `x-amz-copy-source`.
const COPY_SOURCE: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// An S3 remote.
#[derive(Clone)]
pub(crate) struct S3 {
    client: Client,
    config: RemoteConfig,
    bucket: String,
    prefix: Prefix,
    retry: Arc<Retry>,
    throttle: Arc<Throttle>,
    parts: usize,
    memory: Memory,
    /// Whether what earlier runs left behind was looked for.
    swept: Arc<AtomicBool>,
}

impl fmt::Display for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.config, f)
    }
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3({self})")
    }
}

#[async_trait]
impl RemoteStorage for S3 {
    fn list(&self, prefix: &str) -> BoxStream<'_, Result<RemoteObject, RemoteError>> {
        let prefix = self.prefix.join(prefix);
        // The page after this one: its token, or none for the first; `None` after the last.
        stream::try_unfold(Some(None::<String>), move |page| {
            let prefix = prefix.clone();
            async move {
                let Some(token) = page else { return Ok(None) };
                let answer = self
                    .retry
                    .run(|| async {
                        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(&prefix);
                        request
                            .set_continuation_token(token.clone())
                            // XML cannot hold every name.
                            .encoding_type(EncodingType::Url)
                            .send()
                            .await
                            .map_err(|error| self.failure(error))
                    })
                    .await?;
                let next = match (answer.is_truncated, answer.next_continuation_token) {
                    (Some(false), _) => None,
                    (_, Some(next)) if Some(&next) != token.as_ref() => Some(Some(next)),
                    // Taking this for the end would make the rest look deleted.
                    _ => {
                        return Err(RemoteError::Other {
                            message: "a listing broke off".into(),
                            source: None,
                        });
                    }
                };
                let encoded = answer.encoding_type == Some(EncodingType::Url);
                let objects: Vec<_> = answer
                    .contents
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|object| self.listed(object, encoded))
                    .collect();
                Ok(Some((stream::iter(objects), next)))
            }
        })
        .try_flatten()
        .boxed()
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<RemoteObject>, RemoteError> {
        let Some(answer) = self.look(&self.prefix.full(key)).await? else { return Ok(None) };
        Ok(Some(RemoteObject {
            key: key.as_str().to_owned(),
            size: size(answer.content_length)?,
            version: version(answer.e_tag)?,
            modified: time(answer.last_modified),
        }))
    }

    async fn get(&self, key: &ObjectKey, expect: Option<&Version>) -> Result<Fetched, RemoteError> {
        self.fetch(&self.prefix.full(key), key.as_str().to_owned(), expect).await
    }

    async fn put(&self, key: &ObjectKey, body: Body, when: Precondition) -> Result<Version, RemoteError> {
        let name = self.prefix.full(key);
        if self.single_writer() {
            self.check_by_looking(key, &when).await?;
        }
        match body {
            Body::Bytes(bytes) => self.put_whole(&name, bytes, &when).await,
            Body::Stream { len, stream } => self.put_stream(&name, len, stream, &when).await,
        }
    }

    async fn copy(&self, from: &ObjectKey, expect: &Version, to: &ObjectKey) -> Result<(), RemoteError> {
        let source = format!("{}/{}", self.bucket, self.prefix.full(from));
        let source = utf8_percent_encode(&source, COPY_SOURCE).to_string();
        let target = self.prefix.full(to);
        if self.single_writer() {
            self.check_by_looking(from, &Precondition::Matches(expect.clone())).await?;
        }
        self.retry
            .run(|| async {
                let request =
                    self.client.copy_object().bucket(&self.bucket).key(&target).copy_source(&source);
                request
                    .copy_source_if_match(expect.as_str())
                    .send()
                    .await
                    .map_err(|error| self.failure(error))
            })
            .await
            .map(|_| ())
    }

    async fn delete(&self, key: &ObjectKey, when: &Version) -> Result<(), RemoteError> {
        let name = self.prefix.full(key);
        if self.single_writer() {
            match self.look(&name).await? {
                None => return Err(RemoteError::NotFound),
                Some(there) if there.e_tag() != Some(when.as_str()) => {
                    return Err(RemoteError::PreconditionFailed);
                }
                Some(_) => {}
            }
        }
        let tries = AtomicU32::new(0);
        let deleted = self
            .retry
            .run(|| async {
                tries.fetch_add(1, Ordering::Relaxed);
                let request = self.client.delete_object().bucket(&self.bucket).key(&name);
                let expected = (!self.single_writer()).then(|| when.as_str().to_owned());
                request.set_if_match(expected).send().await.map_err(|error| self.failure(error))
            })
            .await;
        let is_gone = match deleted {
            Ok(_) => return Ok(()),
            Err(RemoteError::NotFound) => true,
            // Some servers say the same of an object that is not there as of one in another state.
            Err(RemoteError::PreconditionFailed) => self.look(&name).await?.is_none(),
            Err(error) => return Err(error),
        };
        match is_gone {
            // An earlier try was carried out, and its answer lost.
            true if tries.load(Ordering::Relaxed) > 1 => Ok(()),
            true => Err(RemoteError::NotFound),
            false => Err(RemoteError::PreconditionFailed),
        }
    }

    fn requests(&self) -> u64 {
        self.retry.requests()
    }

    fn single_writer(&self) -> bool {
        self.config.single_writer
    }
}

impl S3 {
    fn failure<E>(&self, error: SdkError<E, HttpResponse>) -> Failure
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        failure::failure(error, &self.bucket)
    }

    /// What the server tells of an object without its content; `None` where there is none.
    async fn look(&self, name: &str) -> Result<Option<HeadObjectOutput>, RemoteError> {
        let answer = self.retry.run(|| async {
            let request = self.client.head_object().bucket(&self.bucket).key(name);
            request.send().await.map_err(|error| self.failure(error))
        });
        match answer.await {
            Ok(answer) => Ok(Some(answer)),
            Err(RemoteError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What a condition says, looked up instead of enforced: all that a server without conditional writes can give.
    async fn check_by_looking(&self, key: &ObjectKey, when: &Precondition) -> Result<(), RemoteError> {
        let holds = match (self.head(key).await?, when) {
            (None, Precondition::Absent) => true,
            (Some(object), Precondition::Matches(expected)) => object.version == *expected,
            (Some(_), Precondition::Absent) | (None, Precondition::Matches(_)) => false,
        };
        if holds { Ok(()) } else { Err(RemoteError::PreconditionFailed) }
    }

    /// An object of a listing, or nothing for the empty markers that some tools make for folders.
    fn listed(&self, object: Object, encoded: bool) -> Option<Result<RemoteObject, RemoteError>> {
        let name = match object.key? {
            // A `+` of the name itself is sent as `%2B`.
            name if encoded => {
                let spaced = name.replace('+', " ");
                percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
            }
            name => name,
        };
        let size = object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
        if size == 0 && name.ends_with('/') {
            return None;
        }
        let listed = self.prefix.strip(&name).and_then(|key| {
            Ok(RemoteObject {
                key,
                size,
                version: version(object.e_tag)?,
                modified: time(object.last_modified),
            })
        });
        Some(listed)
    }
}

fn size(content_length: Option<i64>) -> Result<u64, RemoteError> {
    content_length
        .and_then(|len| u64::try_from(len).ok())
        .ok_or_else(|| RemoteError::Unusable("the server does not say how large objects are".into()))
}

fn version(e_tag: Option<String>) -> Result<Version, RemoteError> {
    e_tag.map(Version::new).ok_or_else(|| RemoteError::Unusable("the server gives objects no ETag".into()))
}

fn time(time: Option<AwsDateTime>) -> DateTime<Utc> {
    time.and_then(|time| DateTime::from_timestamp(time.secs(), time.subsec_nanos())).unwrap_or_default()
}
