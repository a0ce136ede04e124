//! What every provider must do: one suite, run by each against a real server.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{StreamExt, TryStreamExt};

use crate::files::{ContentHash, Version};
use crate::path::RelPath;
use crate::ports::{Body, BodyError, ObjectKey, Precondition, RemoteError, RemoteStorage, ReservedKey};

/// Runs the whole suite; `fresh` makes an empty remote each time.
///
/// # Panics
/// Where the provider breaks a promise of [`RemoteStorage`].
pub async fn run(fresh: impl AsyncFn() -> Arc<dyn RemoteStorage>) {
    one_of_many_racing_creates_wins(fresh().await).await;
    one_of_many_racing_replacements_wins(fresh().await).await;
    every_request_is_counted(&*fresh().await).await;
    run_alone(fresh).await;
}

/// What must hold where there is but one writer: all, but for races.
///
/// # Panics
/// As [`run`].
pub async fn run_alone(fresh: impl AsyncFn() -> Arc<dyn RemoteStorage>) {
    absent_objects_are_not_found(&*fresh().await).await;
    a_name_is_created_once(&*fresh().await).await;
    replacing_names_what_is_replaced(&*fresh().await).await;
    deleting_names_what_is_deleted(&*fresh().await).await;
    reading_can_insist_on_a_version(&*fresh().await).await;
    copying_insists_on_a_version(&*fresh().await).await;
    odd_names_and_empty_content_survive(&*fresh().await).await;
    listings_are_complete(&*fresh().await).await;
    large_content_streams(&*fresh().await).await;
    a_body_that_fails_at_its_end_publishes_nothing(&*fresh().await).await;
}

fn key(path: &str) -> ObjectKey {
    ObjectKey::from(&RelPath::new(path).expect("a path"))
}

fn text(text: &'static str) -> Body {
    Bytes::from_static(text.as_bytes()).into()
}

async fn create(remote: &dyn RemoteStorage, path: &str, content: &'static str) -> Version {
    remote.put(&key(path), text(content), Precondition::Absent).await.expect("created")
}

async fn read(remote: &dyn RemoteStorage, path: &str) -> Bytes {
    let fetched = remote.get(&key(path), None).await.expect("fetched");
    fetched.body.collect(1 << 30).await.expect("read to its end")
}

async fn absent_objects_are_not_found(remote: &dyn RemoteStorage) {
    assert!(remote.head(&key("none")).await.expect("an answer").is_none());
    assert!(matches!(remote.get(&key("none"), None).await, Err(RemoteError::NotFound)));
    let replaced = remote.put(&key("none"), text("x"), Precondition::Matches(Version::new("\"v\""))).await;
    assert!(matches!(replaced, Err(RemoteError::PreconditionFailed)), "{replaced:?}");
    assert_eq!(remote.list("").count().await, 0);
}

async fn a_name_is_created_once(remote: &dyn RemoteStorage) {
    let version = create(remote, "a/b.md", "one").await;
    let again = remote.put(&key("a/b.md"), text("two"), Precondition::Absent).await;
    assert!(matches!(again, Err(RemoteError::PreconditionFailed)), "{again:?}");
    let object = remote.head(&key("a/b.md")).await.expect("an answer").expect("an object");
    assert_eq!((object.version, object.size, object.key.as_str()), (version, 3, "a/b.md"));
    assert_eq!(&read(remote, "a/b.md").await[..], b"one");
}

async fn one_of_many_racing_creates_wins(remote: Arc<dyn RemoteStorage>) {
    for round in 0..4 {
        let name = format!("race-{round}");
        let puts = (0..16_u8).map(|n| {
            let (remote, key) = (Arc::clone(&remote), key(&name));
            async move { remote.put(&key, Bytes::from(vec![n; 64]).into(), Precondition::Absent).await }
        });
        assert_eq!(winners(join_all(puts).await), 1, "{name}");
    }
}

async fn one_of_many_racing_replacements_wins(remote: Arc<dyn RemoteStorage>) {
    let seen = create(&*remote, "race", "before").await;
    let puts =
        (0..16_u8).map(|n| {
            let (remote, seen) = (Arc::clone(&remote), seen.clone());
            async move {
                remote.put(&key("race"), Bytes::from(vec![n; 64]).into(), Precondition::Matches(seen)).await
            }
        });
    assert_eq!(winners(join_all(puts).await), 1);
}

fn winners(results: Vec<Result<Version, RemoteError>>) -> usize {
    let lost = |result: &Result<Version, RemoteError>| match result {
        Ok(_) => false,
        Err(RemoteError::PreconditionFailed) => true,
        Err(error) => panic!("a lost race is a failed precondition, not {error:?}"),
    };
    results.iter().filter(|result| !lost(result)).count()
}

async fn replacing_names_what_is_replaced(remote: &dyn RemoteStorage) {
    let first = create(remote, "a", "one").await;
    let second =
        remote.put(&key("a"), text("two!"), Precondition::Matches(first.clone())).await.expect("replaced");
    assert_ne!(first, second);
    let stale = remote.put(&key("a"), text("three"), Precondition::Matches(first)).await;
    assert!(matches!(stale, Err(RemoteError::PreconditionFailed)), "{stale:?}");
    assert_eq!(&read(remote, "a").await[..], b"two!");
}

async fn deleting_names_what_is_deleted(remote: &dyn RemoteStorage) {
    let first = create(remote, "d/a", "one").await;
    let second =
        remote.put(&key("d/a"), text("two!"), Precondition::Matches(first.clone())).await.expect("replaced");
    let stale = remote.delete(&key("d/a"), &first).await;
    assert!(matches!(stale, Err(RemoteError::PreconditionFailed)), "{stale:?}");
    assert_eq!(&read(remote, "d/a").await[..], b"two!");
    remote.delete(&key("d/a"), &second).await.expect("deleted");
    assert!(remote.head(&key("d/a")).await.expect("an answer").is_none());
    let gone = remote.delete(&key("d/a"), &second).await;
    assert!(matches!(gone, Err(RemoteError::NotFound)), "{gone:?}");
}

async fn reading_can_insist_on_a_version(remote: &dyn RemoteStorage) {
    let first = create(remote, "a", "one").await;
    assert!(remote.get(&key("a"), Some(&first)).await.is_ok());
    remote.put(&key("a"), text("two!"), Precondition::Matches(first.clone())).await.expect("replaced");
    let stale = remote.get(&key("a"), Some(&first)).await;
    assert!(matches!(stale, Err(RemoteError::PreconditionFailed)), "{stale:?}");
}

async fn copying_insists_on_a_version(remote: &dyn RemoteStorage) {
    let odd = "od d/ü+%41#?&=.md";
    let version = create(remote, odd, "one").await;
    let hash = ContentHash::of(b"one");
    let history = ObjectKey::from(ReservedKey::History(hash));
    remote.copy(&key(odd), &version, &history).await.expect("copied");
    remote.copy(&key(odd), &version, &history).await.expect("copying again does no harm");
    let copied = remote.get(&history, None).await.expect("fetched").body.collect(10).await.expect("read");
    assert_eq!(&copied[..], b"one");
    remote.put(&key(odd), text("two!"), Precondition::Matches(version.clone())).await.expect("replaced");
    let stale = remote.copy(&key(odd), &version, &history).await;
    assert!(matches!(stale, Err(RemoteError::PreconditionFailed)), "{stale:?}");
    let missing = remote.copy(&key("none"), &version, &history).await;
    assert!(matches!(missing, Err(RemoteError::NotFound | RemoteError::PreconditionFailed)), "{missing:?}");
}

async fn odd_names_and_empty_content_survive(remote: &dyn RemoteStorage) {
    let names = [
        "plain",
        "sp ace",
        "plus+&=",
        "per%41cent",
        "ü/日本/emoji 🦀",
        "#hash?query",
        "a.b/..c/.d",
        "'\"<>`|*",
    ];
    for name in names {
        create(remote, name, "").await;
        assert_eq!(read(remote, name).await.len(), 0, "{name}");
    }
    let listed: BTreeSet<String> =
        remote.list("").map_ok(|object| object.key).try_collect().await.expect("a listing");
    assert_eq!(listed, names.into_iter().map(str::to_owned).collect());
}

async fn listings_are_complete(remote: &dyn RemoteStorage) {
    const COUNT: usize = 1_100;
    let puts = (0..COUNT).map(|n| async move {
        let path = format!("d{}/{n}", n % 7);
        remote.put(&key(&path), text("x"), Precondition::Absent).await.map(|_| path)
    });
    let made: BTreeSet<String> =
        futures_util::stream::iter(puts).buffer_unordered(32).try_collect().await.expect("created");
    let listed: BTreeSet<String> =
        remote.list("").map_ok(|object| object.key).try_collect().await.expect("a listing");
    assert_eq!(listed, made);
    let below: Vec<String> =
        remote.list("d3/").map_ok(|object| object.key).try_collect().await.expect("a listing");
    assert_eq!(below.len(), made.iter().filter(|path| path.starts_with("d3/")).count());
}

/// 20 MiB whose bytes differ from place to place, in pieces of an odd size.
fn large() -> (Vec<u8>, impl Fn() -> Vec<Result<Bytes, BodyError>>) {
    let content: Vec<u8> = (0..20_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let source = content.clone();
    (content, move || source.chunks(700_001).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect())
}

async fn large_content_streams(remote: &dyn RemoteStorage) {
    let (content, pieces) = large();
    let body =
        Body::Stream { len: content.len() as u64, stream: futures_util::stream::iter(pieces()).boxed() };
    let version = remote.put(&key("large"), body, Precondition::Absent).await.expect("sent");
    assert_eq!(read(remote, "large").await, content);
    let body =
        Body::Stream { len: content.len() as u64, stream: futures_util::stream::iter(pieces()).boxed() };
    let again = remote.put(&key("large"), body, Precondition::Absent).await;
    assert!(matches!(again, Err(RemoteError::PreconditionFailed)), "{again:?}");
    let object = remote.head(&key("large")).await.expect("an answer").expect("an object");
    assert_eq!((&object.version, object.size), (&version, content.len() as u64));
    let mut other = pieces();
    other[0] = Ok(Bytes::from(vec![1; 700_001]));
    let body = Body::Stream { len: content.len() as u64, stream: futures_util::stream::iter(other).boxed() };
    let replaced = remote.put(&key("large"), body, Precondition::Matches(version.clone())).await;
    assert_ne!(replaced.expect("replaced"), version);
    assert_eq!(read(remote, "large").await[..700_001], vec![1; 700_001]);
    let body =
        Body::Stream { len: content.len() as u64, stream: futures_util::stream::iter(pieces()).boxed() };
    let stale = remote.put(&key("large"), body, Precondition::Matches(version)).await;
    assert!(matches!(stale, Err(RemoteError::PreconditionFailed)), "{stale:?}");
}

async fn a_body_that_fails_at_its_end_publishes_nothing(remote: &dyn RemoteStorage) {
    let before = create(remote, "large", "before").await;
    let (content, pieces) = large();
    let failing = pieces().into_iter().chain([Err(BodyError::Changed)]);
    let body = Body::Stream {
        len: content.len() as u64,
        stream: futures_util::stream::iter(failing.collect::<Vec<_>>()).boxed(),
    };
    let sent = remote.put(&key("large"), body, Precondition::Matches(before)).await;
    assert!(matches!(sent, Err(RemoteError::Body(BodyError::Changed))), "{sent:?}");
    assert_eq!(&read(remote, "large").await[..], b"before");
    let small = Body::Stream {
        len: 3,
        stream: futures_util::stream::iter([Ok(Bytes::from_static(b"one")), Err(BodyError::Changed)]).boxed(),
    };
    let sent = remote.put(&key("small"), small, Precondition::Absent).await;
    assert!(matches!(sent, Err(RemoteError::Body(BodyError::Changed))), "{sent:?}");
    assert!(remote.head(&key("small")).await.expect("an answer").is_none());
}

async fn every_request_is_counted(remote: &dyn RemoteStorage) {
    let before = remote.requests();
    create(remote, "a", "one").await;
    assert_eq!(remote.requests() - before, 1);
    read(remote, "a").await;
    assert_eq!(remote.requests() - before, 2);
}
