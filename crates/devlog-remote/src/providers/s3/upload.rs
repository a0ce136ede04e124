//! Sends content: in one request, or in parts of which only a few are in memory at once.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use devlog_core::files::Version;
use devlog_core::ports::{Body, BodyError, Precondition, RemoteError};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};

use super::abandoned::Unfinished;
use super::parts::in_parts;
use super::{S3, version};
use crate::retry::Failure;

/// The smallest part; also the largest content that goes in one request.
pub(super) const PART_BYTES: u64 = 8 << 20;

/// S3 takes no more parts than this.
const MAX_PARTS: u64 = 10_000;

/// The metadata by which an upload is known as ours after its answer was lost.
const UPLOAD_MARK: &str = "devlog-upload";

type Pieces = BoxStream<'static, Result<Bytes, BodyError>>;

/// `If-None-Match` and `If-Match` of a condition.
fn conditions(when: &Precondition, single_writer: bool) -> (Option<String>, Option<String>) {
    match when {
        _ if single_writer => (None, None),
        Precondition::Absent => (Some("*".to_owned()), None),
        Precondition::Matches(version) => (None, Some(version.as_str().to_owned())),
    }
}

/// A replacement of an object that is gone answers 404 on some servers and 412 on others.
fn gone_is_stale(when: &Precondition) -> impl Fn(Failure) -> Failure {
    move |failure| match (failure.error, when) {
        (RemoteError::NotFound, Precondition::Matches(_)) => Failure::last(RemoteError::PreconditionFailed),
        (error, _) => Failure { error, again: failure.again },
    }
}

impl S3 {
    /// Sends content that is in memory.
    pub(super) async fn put_whole(
        &self,
        name: &str,
        bytes: Bytes,
        when: &Precondition,
    ) -> Result<Version, RemoteError> {
        self.throttle.pass(bytes.len()).await;
        let (if_none_match, if_match) = conditions(when, self.config.single_writer);
        let tries = AtomicU32::new(0);
        let sent = self
            .retry
            .run_with(bytes.len(), || async {
                tries.fetch_add(1, Ordering::Relaxed);
                self.client
                    .put_object()
                    .bucket(&self.bucket)
                    .key(name)
                    .set_if_none_match(if_none_match.clone())
                    .set_if_match(if_match.clone())
                    .body(bytes.clone().into())
                    .send()
                    .await
                    .map_err(|error| self.failure(error))
                    .map_err(gone_is_stale(when))
            })
            .await;
        match sent {
            Ok(answer) => version(answer.e_tag),
            // An earlier try may have been carried out and its answer lost: then we have met ourselves.
            Err(RemoteError::PreconditionFailed) if tries.load(Ordering::Relaxed) > 1 => {
                self.same_content(name, &bytes).await?.ok_or(RemoteError::PreconditionFailed)
            }
            Err(error) => Err(error),
        }
    }

    /// The object's version, if it holds exactly these bytes.
    async fn same_content(&self, name: &str, bytes: &Bytes) -> Result<Option<Version>, RemoteError> {
        let there = match self.fetch(name, name.to_owned(), None).await {
            Ok(there) if there.object.size == bytes.len() as u64 => there,
            Ok(_) | Err(RemoteError::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        let content = there.body.collect(bytes.len() as u64).await.map_err(|error| RemoteError::Other {
            message: "cannot read back what was sent".into(),
            source: Some(error.into()),
        })?;
        Ok((content == *bytes).then_some(there.object.version))
    }

    /// Sends a stream: a short one in one request, a long one in parts.
    pub(super) async fn put_stream(
        &self,
        name: &str,
        len: u64,
        stream: Pieces,
        when: &Precondition,
    ) -> Result<Version, RemoteError> {
        if len > PART_BYTES {
            return self.put_in_parts(name, len, stream, when).await;
        }
        let _memory = self.memory.reserve(len).await;
        let bytes = Body::Stream { len, stream }.collect(len).await.map_err(RemoteError::Body)?;
        self.put_whole(name, bytes, when).await
    }

    async fn put_in_parts(
        &self,
        name: &str,
        len: u64,
        stream: Pieces,
        when: &Precondition,
    ) -> Result<Version, RemoteError> {
        self.sweep_once().await;
        let mark = format!("{:016x}", RandomState::new().hash_one(name));
        let created = self
            .retry
            .run(|| async {
                let request = self.client.create_multipart_upload().bucket(&self.bucket).key(name);
                request.metadata(UPLOAD_MARK, &mark).send().await.map_err(|error| self.failure(error))
            })
            .await?;
        let id = created
            .upload_id
            .ok_or_else(|| RemoteError::Unusable("the server gives uploads no id".into()))?;
        let unfinished = Unfinished::new(self.clone(), name, &id);
        let sent = match self.send_parts(name, &id, len, stream).await {
            Ok(parts) => self.complete(name, &id, &mark, parts, when).await,
            Err(error) => Err(error),
        };
        match &sent {
            Ok(_) => unfinished.forget(),
            Err(_) => unfinished.abort().await,
        }
        sent
    }

    async fn send_parts(
        &self,
        name: &str,
        id: &str,
        len: u64,
        stream: Pieces,
    ) -> Result<Vec<CompletedPart>, RemoteError> {
        let size = PART_BYTES.max(len.div_ceil(MAX_PARTS));
        let mut parts: Vec<CompletedPart> = in_parts(stream, len, size, self.memory.clone())
            .map_err(RemoteError::Body)
            .zip(stream::iter(1..))
            .map(|(part, number)| async move {
                let (part, _memory) = part?;
                self.send_part(name, id, number, part).await
            })
            .buffer_unordered(self.parts)
            .try_collect()
            .await?;
        parts.sort_unstable_by_key(|part| part.part_number);
        Ok(parts)
    }

    async fn send_part(
        &self,
        name: &str,
        id: &str,
        number: i32,
        part: Bytes,
    ) -> Result<CompletedPart, RemoteError> {
        self.throttle.pass(part.len()).await;
        let answer = self
            .retry
            .run_with(part.len(), || async {
                let request = self.client.upload_part().bucket(&self.bucket).key(name).upload_id(id);
                request
                    .part_number(number)
                    .body(part.clone().into())
                    .send()
                    .await
                    .map_err(|error| self.failure(error))
            })
            .await?;
        Ok(CompletedPart::builder().part_number(number).set_e_tag(answer.e_tag).build())
    }

    async fn complete(
        &self,
        name: &str,
        id: &str,
        mark: &str,
        parts: Vec<CompletedPart>,
        when: &Precondition,
    ) -> Result<Version, RemoteError> {
        let (if_none_match, if_match) = conditions(when, self.config.single_writer);
        let upload = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let tries = AtomicU32::new(0);
        let completed = self
            .retry
            .run(|| async {
                tries.fetch_add(1, Ordering::Relaxed);
                self.client
                    .complete_multipart_upload()
                    .bucket(&self.bucket)
                    .key(name)
                    .upload_id(id)
                    .set_if_none_match(if_none_match.clone())
                    .set_if_match(if_match.clone())
                    .multipart_upload(upload.clone())
                    .send()
                    .await
                    .map_err(|error| self.failure(error))
                    .map_err(gone_is_stale(when))
            })
            .await;
        match completed {
            Ok(answer) => version(answer.e_tag),
            // The upload is gone, or its target is there: an earlier try may have been carried out, its answer lost.
            Err(RemoteError::PreconditionFailed | RemoteError::NotFound)
                if tries.load(Ordering::Relaxed) > 1 =>
            {
                self.marked(name, mark).await?.ok_or(RemoteError::PreconditionFailed)
            }
            Err(RemoteError::NotFound) => {
                Err(RemoteError::Other { message: "somebody else aborted the upload".into(), source: None })
            }
            Err(error) => Err(error),
        }
    }

    /// The object's version, if it came from the upload with this mark.
    async fn marked(&self, name: &str, mark: &str) -> Result<Option<Version>, RemoteError> {
        let Some(answer) = self.look(name).await? else { return Ok(None) };
        let ours = answer.metadata().and_then(|metadata| metadata.get(UPLOAD_MARK));
        if ours.is_none_or(|found| found != mark) {
            return Ok(None);
        }
        version(answer.e_tag).map(Some)
    }
}
