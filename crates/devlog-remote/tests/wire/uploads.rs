//! Content that goes in one request: slow servers, lost connections, lost answers, lost races.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::Bytes;
use devlog_core::files::Version;
use devlog_core::ports::{Precondition, RemoteError};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::server::{Reply, Server, error, slow_down, stored};
use crate::{TIMEOUT, key, open, open_with, put};

const ATTEMPTS: usize = crate::ATTEMPTS as usize;

#[tokio::test]
async fn the_pause_that_a_server_asks_for_is_kept() {
    let server = Server::start(|n, _| match n {
        0 => slow_down(1),
        1 => error(503, "SlowDown"),
        _ => stored("\"v\""),
    })
    .await;
    let remote = open(&server.endpoint).await;
    let started = Instant::now();
    assert_eq!(put(&*remote, "a").await.unwrap(), Version::new("\"v\""));
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!((server.seen().len(), remote.requests()), (3, 3));
}

#[tokio::test]
async fn many_uploads_to_a_server_that_refuses_some_of_them_all_arrive() {
    let tries = Mutex::new(HashMap::<String, usize>::new());
    let server = Server::start(move |_, request| {
        let mut tries = tries.lock().unwrap();
        let tried = tries.entry(request.path().to_owned()).or_default();
        *tried += 1;
        if request.path().ends_with('7') && *tried < ATTEMPTS {
            error(503, "SlowDown")
        } else {
            stored("\"v\"")
        }
    })
    .await;
    let remote = open(&server.endpoint).await;
    let remote = &*remote;
    stream::iter(0..50)
        .map(|n| async move { put(remote, &format!("f{n}")).await })
        .buffer_unordered(16)
        .try_collect::<Vec<_>>()
        .await
        .unwrap();
    // f7, f17, … f47 are refused three times each.
    assert_eq!(server.seen().len(), 50 + 5 * (ATTEMPTS - 1));
}

#[tokio::test]
async fn a_reset_upload_is_sent_again_whole_and_on_the_same_condition() {
    let server = Server::start(|n, _| if n == 0 { Reply::Reset } else { stored("\"v\"") }).await;
    put(&*open(&server.endpoint).await, "a").await.unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    for request in seen {
        assert_eq!(request.body, b"mine");
        assert_eq!(request.header("if-none-match"), Some("*"));
    }
}

#[tokio::test]
async fn a_replacement_is_sent_again_on_the_same_condition() {
    let server =
        Server::start(|n, _| if n == 0 { error(500, "InternalError") } else { stored("\"v2\"") }).await;
    let when = Precondition::Matches(Version::new("\"v1\""));
    let remote = open(&server.endpoint).await;
    remote.put(&key("a"), Bytes::from_static(b"mine").into(), when).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|request| request.header("if-match") == Some("\"v1\"")), "{seen:?}");
}

#[tokio::test]
async fn a_race_lost_at_once_costs_one_request() {
    let server = Server::start(|_, _| error(412, "PreconditionFailed")).await;
    let lost = put(&*open(&server.endpoint).await, "a").await;
    assert!(matches!(lost, Err(RemoteError::PreconditionFailed)), "{lost:?}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn two_writes_that_met_are_sorted_out_by_another_try() {
    let conflict = "ConditionalRequestConflict";
    let server = Server::start(move |n, _| if n == 0 { error(409, conflict) } else { stored("\"v\"") }).await;
    assert_eq!(put(&*open(&server.endpoint).await, "a").await.unwrap(), Version::new("\"v\""));
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_server_that_never_answers_meets_a_deadline() {
    let server = Server::start(|_, _| Reply::Silence).await;
    let remote = open(&server.endpoint).await;
    let started = Instant::now();
    let silent = put(&*remote, "a").await;
    assert!(matches!(silent, Err(RemoteError::Offline(_))), "{silent:?}");
    let (took, tries) = (started.elapsed(), u32::from(crate::ATTEMPTS));
    assert!(took >= TIMEOUT * tries && took < TIMEOUT * (tries + 4), "{took:?}");
    assert_eq!((server.seen().len(), remote.requests()), (ATTEMPTS, ATTEMPTS as u64));
}

#[tokio::test]
async fn a_host_that_is_not_there_is_offline() {
    // A port that was free a moment ago.
    let endpoint = Server::start(|_, _| Reply::Silence).await.stop().await;
    let remote = open(&endpoint).await;
    let silent = put(&*remote, "a").await;
    assert!(matches!(silent, Err(RemoteError::Offline(_))), "{silent:?}");
    assert_eq!(remote.requests(), ATTEMPTS as u64);
}

/// "Slow down" may be borne longer than a fault, but not for ever.
#[tokio::test]
async fn a_server_that_only_refuses_is_not_asked_for_ever() {
    let server = Server::start(|_, _| slow_down(1)).await;
    let remote = open_with(&server.endpoint, 2).await;
    let refused = put(&*remote, "a").await;
    let Err(RemoteError::Throttled { retry_after }) = refused else { panic!("{refused:?}") };
    assert_eq!(retry_after, Some(Duration::from_secs(1)));
    let sent = server.seen().len();
    assert!((2..=6).contains(&sent), "{sent} requests");
    assert_eq!(remote.requests(), sent as u64);
}

/// A server that carries out the first write and loses its answer; what is there is `content`.
async fn forgetful(content: &'static [u8]) -> Server {
    Server::start(move |n, request| match (n, request.method.as_str()) {
        (0, _) => Reply::Reset,
        (_, "GET") => {
            Reply::Answer { status: 200, headers: vec![("ETag", "\"v\"".to_owned())], body: content.to_vec() }
        }
        _ => error(412, "PreconditionFailed"),
    })
    .await
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_known_as_our_own() {
    let server = forgetful(b"mine").await;
    assert_eq!(put(&*open(&server.endpoint).await, "a").await.unwrap(), Version::new("\"v\""));
    assert_eq!(server.count(|request| request.method == "PUT"), 2);
}

#[tokio::test]
async fn a_race_lost_after_a_fault_is_still_lost() {
    let server = forgetful(b"hers").await;
    let lost = put(&*open(&server.endpoint).await, "a").await;
    assert!(matches!(lost, Err(RemoteError::PreconditionFailed)), "{lost:?}");
    assert_eq!(server.count(|request| request.method == "PUT"), 2);
}
