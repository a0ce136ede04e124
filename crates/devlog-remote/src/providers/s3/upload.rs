//! Sends content: in one request, or in parts of which only a few are in memory at once.

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use devlog_core::files::Version;
use devlog_core::ports::{BodyError, Precondition, RemoteError};
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt, TryStreamExt};

use super::{S3, failure, version};
use crate::retry::Failure;

/// The smallest part; also the largest content that goes in one request.
pub(super) const PART_BYTES: u64 = 8 << 20;

/// S3 takes no more parts than this.
const MAX_PARTS: u64 = 10_000;

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
    pub(super) async fn put_whole(
        &self,
        name: &str,
        bytes: Bytes,
        when: &Precondition,
    ) -> Result<Version, RemoteError> {
        self.throttle.pass(bytes.len()).await;
        let (if_none_match, if_match) = conditions(when, self.config.single_writer);
        let answer = self
            .retry
            .run(|| async {
                self.client
                    .put_object()
                    .bucket(&self.bucket)
                    .key(name)
                    .set_if_none_match(if_none_match.clone())
                    .set_if_match(if_match.clone())
                    .body(bytes.clone().into())
                    .send()
                    .await
                    .map_err(failure)
                    .map_err(gone_is_stale(when))
            })
            .await?;
        version(answer.e_tag)
    }

    pub(super) async fn put_in_parts(
        &self,
        name: &str,
        len: u64,
        stream: BoxStream<'static, Result<Bytes, BodyError>>,
        when: &Precondition,
    ) -> Result<Version, RemoteError> {
        let created = self
            .retry
            .run(|| async {
                self.client
                    .create_multipart_upload()
                    .bucket(&self.bucket)
                    .key(name)
                    .send()
                    .await
                    .map_err(failure)
            })
            .await?;
        let id = created
            .upload_id
            .ok_or_else(|| RemoteError::Unusable("the server gives uploads no id".into()))?;
        let sent = match self.send_parts(name, &id, len, stream).await {
            Ok(parts) => self.complete(name, &id, parts, when).await,
            Err(error) => Err(error),
        };
        if sent.is_err() {
            // Parts that nobody completes are paid for. Best effort: the error that led here is the one to tell.
            let _ = self
                .retry
                .run(|| async {
                    let request = self.client.abort_multipart_upload().bucket(&self.bucket).key(name);
                    request.upload_id(&id).send().await.map_err(failure)
                })
                .await;
        }
        sent
    }

    async fn send_parts(
        &self,
        name: &str,
        id: &str,
        len: u64,
        stream: BoxStream<'static, Result<Bytes, BodyError>>,
    ) -> Result<Vec<CompletedPart>, RemoteError> {
        let size = PART_BYTES.max(len.div_ceil(MAX_PARTS));
        let mut parts: Vec<CompletedPart> = in_parts(stream, usize::try_from(size).unwrap_or(usize::MAX))
            .map_err(RemoteError::Body)
            .zip(stream::iter(1..))
            .map(|(part, number)| async move { self.send_part(name, id, number, part?).await })
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
            .run(|| async {
                let request = self.client.upload_part().bucket(&self.bucket).key(name).upload_id(id);
                request.part_number(number).body(part.clone().into()).send().await.map_err(failure)
            })
            .await?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(answer.e_tag)
            .set_checksum_crc32(answer.checksum_crc32)
            .set_checksum_crc64_nvme(answer.checksum_crc64_nvme)
            .build())
    }

    async fn complete(
        &self,
        name: &str,
        id: &str,
        parts: Vec<CompletedPart>,
        when: &Precondition,
    ) -> Result<Version, RemoteError> {
        let (if_none_match, if_match) = conditions(when, self.config.single_writer);
        let upload = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let answer = self
            .retry
            .run(|| async {
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
                    .map_err(failure)
                    .map_err(gone_is_stale(when))
            })
            .await?;
        version(answer.e_tag)
    }
}

/// Gathers pieces of any size into parts of `size` bytes; the last may be shorter. An error ends the stream.
fn in_parts(
    stream: BoxStream<'static, Result<Bytes, BodyError>>,
    size: usize,
) -> impl Stream<Item = Result<Bytes, BodyError>> {
    stream::try_unfold((stream, BytesMut::new(), false), move |(mut stream, mut part, ended)| async move {
        if ended {
            return Ok(None);
        }
        part.reserve(size.saturating_sub(part.len()));
        while part.len() < size {
            match stream.try_next().await? {
                Some(piece) => part.extend_from_slice(&piece),
                // The end is only reached when the whole file was read and found unchanged.
                None => {
                    return Ok((!part.is_empty()).then(|| (part.freeze(), (stream, BytesMut::new(), true))));
                }
            }
        }
        let rest = part.split_off(size);
        Ok(Some((part.freeze(), (stream, rest, false))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn parts_are_full_but_the_last_and_an_error_comes_through() {
        let pieces = |sizes: &[usize]| -> Vec<Result<Bytes, BodyError>> {
            sizes.iter().map(|size| Ok(Bytes::from(vec![7; *size]))).collect()
        };
        for sizes in [vec![3, 3, 3], vec![9], vec![1, 8], vec![4, 4, 1]] {
            let parts: Vec<Bytes> =
                in_parts(stream::iter(pieces(&sizes)).boxed(), 4).try_collect().await.unwrap();
            assert_eq!(parts.iter().map(Bytes::len).collect::<Vec<_>>(), [4, 4, 1], "{sizes:?}");
        }
        let mut failing = pieces(&[4]);
        failing.push(Err(BodyError::Changed));
        let parts: Vec<_> = in_parts(stream::iter(failing).boxed(), 4).collect().await;
        assert!(matches!(parts.as_slice(), [Ok(_), Err(BodyError::Changed)]), "{parts:?}");
    }
}
