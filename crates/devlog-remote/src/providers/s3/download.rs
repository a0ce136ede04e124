//! Fetches content, and goes on where a connection broke, if the object is still the same.

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use devlog_core::files::Version;
use devlog_core::ports::{Body, BodyError, Fetched, ObjectKey, RemoteError, RemoteObject};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

use super::{S3, failure, time, version};

/// How often one download goes on after it broke off.
const RESUMES: u32 = 5;

impl S3 {
    pub(super) async fn download(
        &self,
        key: &ObjectKey,
        expect: Option<&Version>,
    ) -> Result<Fetched, RemoteError> {
        let name = self.prefix.full(key);
        let answer = self.request(&name, expect, None).await?;
        let object = RemoteObject {
            key: key.as_str().to_owned(),
            size: answer.content_length.and_then(|len| u64::try_from(len).ok()).unwrap_or(0),
            version: version(answer.e_tag)?,
            modified: time(answer.last_modified),
        };
        let download = Download {
            s3: self.clone(),
            name,
            version: object.version.clone(),
            from: answer.body,
            at: 0,
            len: object.size,
            resumes: RESUMES,
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
                    .map_err(failure)
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
        let range = Some(format!("bytes={}-", self.at));
        let answer = self.s3.request(&self.name, Some(&self.version), range).await;
        let answer = answer.map_err(|error| BodyError::Broken(error.into()))?;
        // A server that ignores the range begins anew; what is already there is passed over nowhere, so it is an error.
        if answer.content_range.is_none() && self.at > 0 {
            return Err(BodyError::Broken("the server does not continue a download".into()));
        }
        self.from = answer.body;
        Ok(())
    }
}
