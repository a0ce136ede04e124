//! Content that goes in parts: a part that fails, and a completion that says yes and means no.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use devlog_core::files::Version;
use devlog_core::ports::{Body, BodyError, Precondition, RemoteError};
use futures_util::{StreamExt, stream};

use super::server::{Reply, Request, Server, answer, error, stored};
use crate::{key, open};

const ATTEMPTS: usize = crate::ATTEMPTS as usize;

const COMPLETED: &str =
    "<CompleteMultipartUploadResult><ETag>\"done\"</ETag></CompleteMultipartUploadResult>";

/// How many bytes `large` holds: a full part and a little.
const LARGE: u64 = (8 << 20) + (1 << 16);

/// Too much for one request, in small pieces.
fn large() -> Body {
    let pieces = (0..LARGE >> 16).map(|n| Ok(Bytes::from(vec![n.to_le_bytes()[0]; 1 << 16])));
    Body::Stream { len: LARGE, stream: stream::iter(pieces.collect::<Vec<_>>()).boxed() }
}

fn is_part(request: &Request, number: u32) -> bool {
    request.is("PUT", &format!("partNumber={number}"))
}

fn is_completion(request: &Request) -> bool {
    request.is("POST", "uploadId=u1")
}

fn is_abort(request: &Request) -> bool {
    request.is("DELETE", "uploadId=u1")
}

/// A server that takes uploads in parts, but for what `fault` says.
async fn server(fault: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> Server {
    Server::start(move |_, request| {
        fault(request).unwrap_or_else(|| match request {
            request if request.is("POST", "uploads") => answer(
                200,
                "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>",
            ),
            request if request.is("PUT", "partNumber") => stored("\"part\""),
            request if is_completion(request) => answer(200, COMPLETED),
            _ => answer(204, ""),
        })
    })
    .await
}

/// A server whose fault shows the first `times` times only.
async fn server_failing(times: usize, wrong: fn(&Request) -> bool, how: fn() -> Reply) -> Server {
    let failed = AtomicUsize::new(0);
    server(move |request| (wrong(request) && failed.fetch_add(1, Ordering::Relaxed) < times).then(how)).await
}

async fn put(server: &Server, body: Body) -> Result<Version, RemoteError> {
    open(&server.endpoint).await.put(&key("a"), body, Precondition::Absent).await
}

#[tokio::test]
async fn only_the_part_that_failed_is_sent_again() {
    let server = server_failing(1, |request| is_part(request, 1), || error(500, "InternalError")).await;
    assert_eq!(put(&server, large()).await.unwrap(), Version::new("\"done\""));
    assert_eq!((server.count(|r| is_part(r, 1)), server.count(|r| is_part(r, 2))), (2, 1));
    assert_eq!((server.count(is_completion), server.count(is_abort)), (1, 0));
    let tries: Vec<Request> = server.seen().into_iter().filter(|request| is_part(request, 1)).collect();
    assert!(tries[0].body == tries[1].body, "the second try sent other bytes");
    assert_eq!(tries[1].body.len(), 8 << 20);
}

#[tokio::test]
async fn a_part_that_always_fails_ends_the_upload() {
    let server =
        server_failing(usize::MAX, |request| is_part(request, 2), || error(500, "InternalError")).await;
    let sent = put(&server, large()).await;
    assert!(matches!(sent, Err(RemoteError::Other { .. })), "{sent:?}");
    assert_eq!(server.count(|request| is_part(request, 2)), ATTEMPTS);
    assert_eq!((server.count(is_completion), server.count(is_abort)), (0, 1));
}

#[tokio::test]
async fn a_completion_that_says_200_and_means_no_is_a_failure() {
    let server = server_failing(usize::MAX, is_completion, || error(200, "InternalError")).await;
    let sent = put(&server, large()).await;
    assert!(matches!(sent, Err(RemoteError::Other { .. })), "{sent:?}");
    assert_eq!((server.count(is_completion), server.count(is_abort)), (ATTEMPTS, 1));
}

#[tokio::test]
async fn a_completion_that_fails_once_is_sent_again_on_the_same_condition() {
    let server = server_failing(1, is_completion, || error(200, "InternalError")).await;
    assert_eq!(put(&server, large()).await.unwrap(), Version::new("\"done\""));
    assert_eq!((server.count(is_completion), server.count(is_abort)), (2, 0));
    let seen = server.seen();
    let mut completions = seen.iter().filter(|request| is_completion(request));
    assert!(completions.all(|request| request.header("if-none-match") == Some("*")), "{seen:?}");
}

#[tokio::test]
async fn a_race_lost_at_the_completion_leaves_no_parts() {
    let server = server_failing(1, is_completion, || error(412, "PreconditionFailed")).await;
    let lost = put(&server, large()).await;
    assert!(matches!(lost, Err(RemoteError::PreconditionFailed)), "{lost:?}");
    assert_eq!((server.count(is_completion), server.count(is_abort)), (1, 1));
}

#[tokio::test]
async fn a_stream_of_another_length_than_said_publishes_nothing() {
    for len in [LARGE - 1, LARGE + 1] {
        let server = server(|_| None).await;
        let sent = put(&server, Body::Stream { len, stream: large().into_stream() }).await;
        assert!(matches!(sent, Err(RemoteError::Body(_))), "{len}: {sent:?}");
        assert_eq!((server.count(is_completion), server.count(is_abort)), (0, 1), "{len}");
    }
}

#[tokio::test]
async fn a_file_that_changed_while_it_was_sent_is_not_published() {
    let server = server(|_| None).await;
    let changed = large().into_stream().chain(stream::iter([Err(BodyError::Changed)])).boxed();
    let sent = put(&server, Body::Stream { len: LARGE, stream: changed }).await;
    assert!(matches!(sent, Err(RemoteError::Body(BodyError::Changed))), "{sent:?}");
    assert_eq!((server.count(is_completion), server.count(is_abort)), (0, 1));
}
