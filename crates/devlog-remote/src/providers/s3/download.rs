//! Fetches content, and goes on where a connection broke, if the object is still the same.

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use devlog_core::files::Version;
use devlog_core::ports::{Body, BodyError, Fetched, RemoteError, RemoteObject};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

use super::{S3, size, time, version};

/// How often in a row a download goes on after it broke off.
const RESUMES: u32 = 5;

/// With so much between two faults they are not in a row.
const PROGRESS_BYTES: u64 = 1 << 20;

impl S3 {
    /// Begins to download `name`, known as `key` below the prefix.
    pub(super) async fn fetch(
        &self,
        name: &str,
        key: String,
        expect: Option<&Version>,
    ) -> Result<Fetched, RemoteError> {
        let answer = self.request(name, expect, None).await?;
        let object = RemoteObject {
            key,
            size: size(answer.content_length)?,
            version: version(answer.e_tag)?,
            modified: time(answer.last_modified),
        };
        // Some servers take no notice of the condition.
        if expect.is_some_and(|expected| *expected != object.version) {
            return Err(RemoteError::PreconditionFailed);
        }
        let download = Download {
            s3: self.clone(),
            name: name.to_owned(),
            version: object.version.clone(),
            from: answer.body,
            at: 0,
            len: object.size,
            resumes: RESUMES,
            resumed_at: 0,
        };
        Ok(Fetched { body: Body::Stream { len: object.size, stream: download.into_stream() }, object })
    }

    async fn request(
        &self,
        name: &str,
        expect: Option<&Version>,
        range: Option<String>,
    ) -> Result<GetObjectOutput, RemoteError> {
        self.retry
            .run(|| async {
                self.client
                    .get_object()
                    .bucket(&self.bucket)
                    .key(name)
                    .set_if_match(expect.map(|version| version.as_str().to_owned()))
                    .set_range(range.clone())
                    .send()
                    .await
                    .map_err(|error| self.failure(error))
            })
            .await
    }
}

struct Download {
    s3: S3,
    name: String,
    version: Version,
    from: ByteStream,
    at: u64,
    len: u64,
    resumes: u32,
    resumed_at: u64,
}

impl Download {
    fn into_stream(self) -> BoxStream<'static, Result<Bytes, BodyError>> {
        stream::try_unfold(self, |mut download| async move {
            let piece = download.next().await?;
            Ok(piece.map(|piece| (piece, download)))
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        while self.at < self.len {
            match tokio::time::timeout(self.s3.retry.timeout(), self.from.next()).await {
                Ok(Some(Ok(piece))) => {
                    self.at += piece.len() as u64;
                    self.s3.throttle.pass(piece.len()).await;
                    return Ok(Some(piece));
                }
                Ok(Some(Err(error))) => self.resume(error.into()).await?,
                Ok(None) => self.resume("the content ended early".into()).await?,
                Err(_) => self.resume("no more content came".into()).await?,
            }
        }
        Ok(None)
    }

    /// Asks for the rest, on the condition that it is the rest of the same object.
    async fn resume(&mut self, why: Box<dyn std::error::Error + Send + Sync>) -> Result<(), BodyError> {
        if self.resumes == 0 {
            return Err(BodyError::Broken(why));
        }
        self.resumes -= 1;
        if self.at - self.resumed_at > PROGRESS_BYTES {
            self.resumes = RESUMES;
        }
        self.resumed_at = self.at;
        let range = Some(format!("bytes={}-", self.at));
        let answer = self.s3.request(&self.name, Some(&self.version), range).await;
        let answer = answer.map_err(|error| match error {
            RemoteError::PreconditionFailed | RemoteError::NotFound => BodyError::Changed,
            error => BodyError::Broken(error.into()),
        })?;
        // A server that ignores the range begins anew, or elsewhere; its first bytes are not those that we lack.
        let from_here = format!("bytes {}-", self.at);
        if self.at > 0 && !answer.content_range.is_some_and(|range| range.starts_with(&from_here)) {
            return Err(BodyError::Broken("the server does not continue a download".into()));
        }
        self.from = answer.body;
        Ok(())
    }
}
