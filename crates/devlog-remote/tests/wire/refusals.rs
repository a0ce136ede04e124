//! Answers that stay the same however often one asks.

use devlog_core::ports::RemoteError;

use super::server::{Server, error};
use crate::{key, open, put};

#[tokio::test]
async fn a_refusal_is_final_and_tells_no_secret() {
    for (status, code) in [
        (403, "ExpiredToken"),
        (400, "ExpiredToken"),
        (403, "InvalidAccessKeyId"),
        (403, "SignatureDoesNotMatch"),
        (403, "AccessDenied"),
    ] {
        let server = Server::start(move |_, _| error(status, code)).await;
        let remote = open(&server.endpoint).await;
        let refused = put(&*remote, "a").await.unwrap_err();
        assert!(matches!(refused, RemoteError::Denied(_)), "{refused:?}");
        assert!(refused.to_string().contains(code), "{refused}");
        assert!(!format!("{refused:?} {remote} {remote:?}").contains("hidden-secret"));
        assert_eq!(server.seen().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_no_missing_object() {
    let server = Server::start(|_, _| error(404, "NoSuchBucket")).await;
    let remote = open(&server.endpoint).await;
    let missing = remote.get(&key("a"), None).await.unwrap_err();
    assert!(matches!(missing, RemoteError::Unusable(_)), "{missing:?}");
    assert!(missing.to_string().contains("`b`"), "{missing}");
    let missing = put(&*remote, "a").await.unwrap_err();
    assert!(matches!(missing, RemoteError::Unusable(_)), "{missing:?}");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn an_object_that_is_not_there_is_asked_for_once() {
    let server = Server::start(|_, _| error(404, "NoSuchKey")).await;
    let remote = open(&server.endpoint).await;
    let missing = remote.get(&key("a"), None).await.unwrap_err();
    assert!(matches!(missing, RemoteError::NotFound), "{missing:?}");
    assert_eq!(remote.head(&key("a")).await.unwrap(), None);
    assert_eq!(server.seen().len(), 2);
}
