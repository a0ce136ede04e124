//! Answers that never came and uploads that nobody will complete: what was done is known, what is left over goes.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use devlog_core::files::Version;
use devlog_core::ports::{Body, Precondition, RemoteError};
use futures_util::{StreamExt, stream};

use super::server::{Reply, Request, Server, answer, error, stored};
use crate::{key, open};

/// Just too much for one request.
fn large() -> Body {
    let pieces = [8 << 20, 1].map(|len| Ok(Bytes::from(vec![7; len])));
    Body::Stream { len: (8 << 20) + 1, stream: stream::iter(pieces).boxed() }
}

fn begun() -> Reply {
    answer(200, "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>")
}

fn completed() -> Reply {
    answer(200, "<CompleteMultipartUploadResult><ETag>\"done\"</ETag></CompleteMultipartUploadResult>")
}

#[tokio::test]
async fn a_completion_whose_answer_was_lost_is_known_by_its_mark() {
    let mark = Mutex::new(None);
    let carried_out = AtomicBool::new(false);
    let server = Server::start(move |_, request| match request {
        request if request.is("POST", "uploads") => {
            *mark.lock().unwrap() = request.header("x-amz-meta-devlog-upload").map(str::to_owned);
            begun()
        }
        request if request.is("PUT", "partNumber") => stored("\"part\""),
        request if request.is("POST", "uploadId") => match carried_out.swap(true, Ordering::Relaxed) {
            false => Reply::Reset,
            true => error(404, "NoSuchUpload"),
        },
        request if request.is("HEAD", "/a") => {
            let mark = mark.lock().unwrap().clone().unwrap();
            let headers = vec![("ETag", "\"done\"".to_owned()), ("x-amz-meta-devlog-upload", mark)];
            Reply::Answer { status: 200, headers, body: Vec::new() }
        }
        _ => answer(204, ""),
    })
    .await;
    let sent = open(&server.endpoint).await.put(&key("a"), large(), Precondition::Absent).await;
    assert_eq!(sent.unwrap(), Version::new("\"done\""));
}

#[tokio::test]
async fn a_completion_that_somebody_else_was_faster_than_is_a_lost_race() {
    let tried = AtomicBool::new(false);
    let server = Server::start(move |_, request| match request {
        request if request.is("POST", "uploads") => begun(),
        request if request.is("PUT", "partNumber") => stored("\"part\""),
        request if request.is("POST", "uploadId") => match tried.swap(true, Ordering::Relaxed) {
            false => Reply::Reset,
            true => error(412, "PreconditionFailed"),
        },
        request if request.is("HEAD", "/a") => stored("\"hers\""),
        _ => answer(204, ""),
    })
    .await;
    let lost = open(&server.endpoint).await.put(&key("a"), large(), Precondition::Absent).await;
    assert!(matches!(lost, Err(RemoteError::PreconditionFailed)), "{lost:?}");
}

#[tokio::test]
async fn a_deletion_whose_answer_was_lost_is_done() {
    let server = Server::start(|n, _| if n == 0 { Reply::Reset } else { error(404, "NoSuchKey") }).await;
    let remote = open(&server.endpoint).await;
    remote.delete(&key("a"), &Version::new("\"v\"")).await.unwrap();
    let again = remote.delete(&key("a"), &Version::new("\"v\"")).await;
    assert!(matches!(again, Err(RemoteError::NotFound)), "{again:?}");
}

#[tokio::test]
async fn an_upload_that_is_given_up_leaves_no_parts() {
    let server = Server::start(|_, request| match request {
        request if request.is("POST", "uploads") => begun(),
        request if request.is("PUT", "partNumber") => Reply::Silence,
        _ => answer(204, ""),
    })
    .await;
    let remote = open(&server.endpoint).await;
    let a = key("a");
    let put = remote.put(&a, large(), Precondition::Absent);
    tokio::time::timeout(Duration::from_millis(800), put).await.unwrap_err();
    for _ in 0..100 {
        if server.count(|request| request.is("DELETE", "uploadId=u1")) == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the parts were left behind: {:?}", server.count(|_| true));
}

#[tokio::test]
async fn what_a_dead_run_left_behind_is_aborted_below_the_own_prefix() {
    let upload = |id: &str, since: &str| {
        format!("<Upload><Key>p/{id}</Key><UploadId>{id}</UploadId><Initiated>{since}</Initiated></Upload>")
    };
    let (old, new) = (upload("old", "2020-01-01T00:00:00Z"), upload("new", "2999-01-01T00:00:00Z"));
    let left = format!("<ListMultipartUploadsResult>{old}{new}</ListMultipartUploadsResult>");
    let server = Server::start(move |_, request| match request {
        request if request.is("GET", "uploads") => answer(200, &left),
        request if request.is("POST", "uploads") => begun(),
        request if request.is("PUT", "partNumber") => stored("\"part\""),
        request if request.is("POST", "uploadId") => completed(),
        _ => answer(204, ""),
    })
    .await;
    let remote = open(&server.endpoint).await;
    for path in ["a", "b"] {
        remote.put(&key(path), large(), Precondition::Absent).await.unwrap();
    }
    assert_eq!(server.count(|request| request.is("GET", "prefix=p%2F")), 1);
    let aborted: Vec<Request> =
        server.seen().into_iter().filter(|request| request.method == "DELETE").collect();
    assert!(matches!(aborted.as_slice(), [one] if one.is("DELETE", "uploadId=old")), "{aborted:?}");
}
