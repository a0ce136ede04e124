//! Listings: whatever is not the whole of it is an error, for what is missing would look deleted.

use devlog_core::ports::{RemoteError, RemoteObject};
use futures_util::TryStreamExt;

use super::server::{Reply, Server, answer, error};
use crate::open;

const ATTEMPTS: usize = crate::ATTEMPTS as usize;

/// A page: what stands before its entries, and their names.
fn page(head: &str, names: &[&str]) -> Reply {
    let entry = |name: &&str| {
        let modified = "<LastModified>2026-01-02T03:04:05.000Z</LastModified>";
        format!("<Contents><Key>p/{name}</Key><Size>1</Size>{modified}<ETag>\"v\"</ETag></Contents>")
    };
    let entries: String = names.iter().map(entry).collect();
    answer(200, &format!("<ListBucketResult>{head}{entries}</ListBucketResult>"))
}

/// The head of a page that another follows.
fn more(token: &str) -> String {
    format!("<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>")
}

const LAST: &str = "<IsTruncated>false</IsTruncated>";

async fn list(server: &Server) -> Result<Vec<RemoteObject>, RemoteError> {
    open(&server.endpoint).await.list("").try_collect().await
}

#[tokio::test]
async fn a_listing_goes_on_to_its_last_page() {
    let server = Server::start(|n, _| match n {
        0 => page(&more("next"), &["a", "b"]),
        1 => error(500, "InternalError"),
        _ => page(LAST, &["c"]),
    })
    .await;
    let keys: Vec<String> = list(&server).await.unwrap().into_iter().map(|object| object.key).collect();
    assert_eq!(keys, ["a", "b", "c"]);
    let asked: Vec<bool> =
        server.seen().iter().map(|request| request.target.contains("continuation-token=next")).collect();
    assert_eq!(asked, [false, true, true]);
}

#[tokio::test]
async fn a_listing_that_says_there_is_more_but_not_where_is_an_error() {
    let server = Server::start(|_, _| page("<IsTruncated>true</IsTruncated>", &["a"])).await;
    let listed = list(&server).await;
    assert!(matches!(listed, Err(RemoteError::Other { .. })), "{listed:?}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_page_that_never_comes_whole_is_an_error() {
    for half in ["", "<ListBucketResult><Contents><Key>p/a</Key>", "<html>please log in</html>"] {
        let server =
            Server::start(move |n, _| if n == 0 { page(&more("next"), &["a"]) } else { answer(200, half) })
                .await;
        let listed = list(&server).await;
        assert!(listed.is_err(), "{listed:?}");
        assert!(server.seen().len() <= 1 + ATTEMPTS);
    }
}

#[tokio::test]
async fn a_second_page_that_fails_is_an_error() {
    let server =
        Server::start(|n, _| if n == 0 { page(&more("next"), &["a"]) } else { error(500, "InternalError") })
            .await;
    let listed = list(&server).await;
    assert!(matches!(listed, Err(RemoteError::Other { .. })), "{listed:?}");
    assert_eq!(server.seen().len(), 1 + ATTEMPTS);
}

#[tokio::test]
async fn markers_of_folders_are_left_out() {
    let marker = "<Contents><Key>p/dir/</Key><Size>0</Size><ETag>\"v\"</ETag></Contents>";
    let server = Server::start(move |_, _| page(&format!("{LAST}{marker}"), &["dir/a"])).await;
    let keys: Vec<String> = list(&server).await.unwrap().into_iter().map(|object| object.key).collect();
    assert_eq!(keys, ["dir/a"]);
}

#[tokio::test]
async fn a_page_that_names_the_next_is_not_the_last_whatever_else_it_lacks() {
    let half = "<NextContinuationToken>next</NextContinuationToken>";
    let server = Server::start(|n, _| if n == 0 { page(half, &["a"]) } else { page(LAST, &["b"]) }).await;
    assert_eq!(list(&server).await.unwrap().len(), 2);
}

#[tokio::test]
async fn names_that_xml_cannot_hold_come_through() {
    let coded = format!("{LAST}<EncodingType>url</EncodingType>");
    let server = Server::start(move |_, _| page(&coded, &["a%00b+c%2Bd/%C3%BC"])).await;
    assert_eq!(list(&server).await.unwrap()[0].key, "a\0b c+d/ü");
    assert!(server.seen()[0].target.contains("encoding-type=url"));
}

#[tokio::test]
async fn a_listing_that_goes_in_circles_is_an_error() {
    let server = Server::start(|_, _| page(&more("again"), &["a"])).await;
    let listed = list(&server).await;
    assert!(matches!(listed, Err(RemoteError::Other { .. })), "{listed:?}");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_page_that_does_not_say_it_is_the_last_is_an_error() {
    let server = Server::start(|_, _| page("", &["a"])).await;
    let listed = list(&server).await;
    assert!(matches!(listed, Err(RemoteError::Other { .. })), "{listed:?}");
}
