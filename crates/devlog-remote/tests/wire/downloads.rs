//! Content on its way here: connections that break, objects that change meanwhile, servers that mix up ranges.

use bytes::Bytes;
use devlog_core::ports::{BodyError, RemoteError};

use super::server::{Reply, Request, Server, error};
use crate::{key, open};

fn whole() -> Vec<u8> {
    (0..300_000_u32).map(|n| (n / 7).to_le_bytes()[0]).collect()
}

fn tag() -> (&'static str, String) {
    ("ETag", "\"v\"".to_owned())
}

/// The beginning of the content, up to where the connection breaks.
fn broken() -> Reply {
    Reply::BreakOff { headers: vec![tag()], body: whole(), after: 100_000 }
}

/// The rest of the content from `at`, as a server answers a range.
fn rest(at: usize) -> Reply {
    let body = whole();
    let range = format!("bytes {at}-{}/{}", body.len() - 1, body.len());
    Reply::Answer { status: 206, headers: vec![tag(), ("Content-Range", range)], body: body[at..].to_vec() }
}

fn asked_from(request: &Request) -> usize {
    let range = request.header("range").expect("a range is asked for");
    range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap()
}

async fn get(server: &Server) -> Result<Bytes, BodyError> {
    let fetched = open(&server.endpoint).await.get(&key("a"), None).await.unwrap();
    fetched.body.collect(1 << 20).await
}

#[tokio::test]
async fn a_broken_download_goes_on_where_it_was_if_the_object_is_the_same() {
    let server = Server::start(|n, request| if n == 0 { broken() } else { rest(asked_from(request)) }).await;
    assert!(get(&server).await.unwrap() == whole(), "other bytes than the server's");
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1].header("if-match"), Some("\"v\""));
    assert!((1..=100_000).contains(&asked_from(&seen[1])), "{seen:?}");
}

#[tokio::test]
async fn a_broken_download_of_a_replaced_object_fails() {
    let server = Server::start(|n, _| if n == 0 { broken() } else { error(412, "PreconditionFailed") }).await;
    let read = get(&server).await;
    assert!(matches!(read, Err(BodyError::Changed | BodyError::Broken(_))), "{read:?}");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_server_that_goes_on_elsewhere_is_not_believed() {
    let elsewhere = |request: &Request| rest(asked_from(request) - 1);
    let server = Server::start(move |n, request| if n == 0 { broken() } else { elsewhere(request) }).await;
    let read = get(&server).await;
    assert!(matches!(read, Err(BodyError::Broken(_))), "{:?}", read.map(|bytes| bytes.len()));
}

#[tokio::test]
async fn a_server_that_begins_anew_is_not_believed() {
    let anew = || Reply::Answer { status: 200, headers: vec![tag()], body: whole() };
    let server = Server::start(move |n, _| if n == 0 { broken() } else { anew() }).await;
    let read = get(&server).await;
    assert!(matches!(read, Err(BodyError::Broken(_))), "{:?}", read.map(|bytes| bytes.len()));
}

#[tokio::test]
async fn a_download_that_always_breaks_is_given_up() {
    let server = Server::start(|n, request| match n {
        0 => broken(),
        _ => match rest(asked_from(request)) {
            Reply::Answer { headers, body, .. } => Reply::BreakOff { headers, body, after: 10 },
            other => other,
        },
    })
    .await;
    let read = get(&server).await;
    assert!(matches!(read, Err(BodyError::Broken(_))), "{read:?}");
    let sent = server.seen().len();
    assert!((2..=10).contains(&sent), "{sent} requests");
}

#[tokio::test]
async fn content_of_unknown_length_is_not_taken_for_none() {
    let server = Server::start(|_, _| Reply::Chunked { headers: vec![tag()], body: b"words".to_vec() }).await;
    let fetched = open(&server.endpoint).await.get(&key("a"), None).await;
    let refused = fetched.expect_err("a length was made up");
    assert!(matches!(refused, RemoteError::Unusable(_)), "{refused:?}");
}
