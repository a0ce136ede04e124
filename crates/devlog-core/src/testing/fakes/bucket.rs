//! `FakeRemote`: a bucket in memory with versions, conditional writes and a log of every request.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::DateTime;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use super::lock;
use crate::files::Version;
use crate::ports::{Body, Fetched, ObjectKey, Precondition, RemoteError, RemoteObject, RemoteStorage};

/// The kinds of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the method of the same name")]
pub enum Verb {
    List,
    Head,
    Get,
    Put,
    Copy,
    Delete,
}

/// One request that arrived, and whether it changed anything or found what it asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What was asked.
    pub verb: Verb,
    /// Of which object; of a copy the source, of a listing the prefix.
    pub key: String,
    /// Whether it was granted.
    pub granted: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Stored {
    bytes: Bytes,
    version: u64,
}

#[derive(Debug, Default)]
struct Bucket {
    objects: BTreeMap<String, Stored>,
    versions: u64,
    log: Vec<Call>,
}

impl Bucket {
    fn store(&mut self, key: &str, bytes: Bytes) -> Version {
        self.versions += 1;
        let version = self.versions;
        self.objects.insert(key.to_owned(), Stored { bytes, version });
        version_of(version)
    }

    fn note(&mut self, verb: Verb, key: &str, granted: bool) {
        self.log.push(Call { verb, key: key.to_owned(), granted });
    }

    fn is_at(&self, key: &str, expected: &Version) -> bool {
        self.objects.get(key).is_some_and(|stored| version_of(stored.version) == *expected)
    }
}

fn version_of(number: u64) -> Version {
    Version::new(format!("\"{number}\""))
}

fn object(key: &str, stored: &Stored) -> RemoteObject {
    let stored_at = i64::try_from(stored.version).unwrap_or(i64::MAX);
    RemoteObject {
        key: key.to_owned(),
        size: stored.bytes.len() as u64,
        version: version_of(stored.version),
        modified: DateTime::from_timestamp(1_757_000_000 + stored_at, 0).unwrap_or_default(),
    }
}

/// One device's way to a bucket. [`Self::another`] is another device's way to the same one.
#[derive(Debug)]
pub struct FakeRemote {
    url: String,
    bucket: Arc<Mutex<Bucket>>,
    requests: AtomicU64,
}

impl FakeRemote {
    /// An empty bucket at this URL.
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), bucket: Arc::default(), requests: AtomicU64::new(0) }
    }

    /// The same bucket with a request count of its own.
    pub fn another(&self) -> Self {
        Self { url: self.url.clone(), bucket: Arc::clone(&self.bucket), requests: AtomicU64::new(0) }
    }

    /// Every object's bytes by key, `.devlog/` included.
    pub fn objects(&self) -> BTreeMap<String, Bytes> {
        let bucket = lock(&self.bucket);
        let bytes = |(key, stored): (&String, &Stored)| (key.clone(), stored.bytes.clone());
        bucket.objects.iter().map(bytes).collect()
    }

    /// Every object's version by key: equal before and after means that nothing was written.
    pub fn versions(&self) -> BTreeMap<String, u64> {
        let bucket = lock(&self.bucket);
        let version = |(key, stored): (&String, &Stored)| (key.clone(), stored.version);
        bucket.objects.iter().map(version).collect()
    }

    /// The bytes of one object.
    pub fn bytes(&self, key: &str) -> Option<Bytes> {
        lock(&self.bucket).objects.get(key).map(|stored| stored.bytes.clone())
    }

    /// Stores an object as another tool would: past every precondition.
    pub fn overwrite(&self, key: &str, bytes: impl Into<Bytes>) {
        lock(&self.bucket).store(key, bytes.into());
    }

    /// Removes an object as another tool would.
    pub fn remove(&self, key: &str) -> bool {
        lock(&self.bucket).objects.remove(key).is_some()
    }

    /// Removes everything.
    pub fn empty(&self) {
        lock(&self.bucket).objects.clear();
    }

    /// The requests of all devices since the last [`Self::clear_log`], in order.
    pub fn log(&self) -> Vec<Call> {
        lock(&self.bucket).log.clone()
    }

    /// How many requests of a kind were granted, of keys that begin with `prefix`.
    pub fn granted(&self, verb: Verb, prefix: &str) -> usize {
        let fits = |call: &&Call| call.granted && call.verb == verb && call.key.starts_with(prefix);
        lock(&self.bucket).log.iter().filter(fits).count()
    }

    /// Forgets the requests so far.
    pub fn clear_log(&self) {
        lock(&self.bucket).log.clear();
    }

    fn count(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Display for FakeRemote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

#[async_trait]
impl RemoteStorage for FakeRemote {
    fn list(&self, prefix: &str) -> BoxStream<'_, Result<RemoteObject, RemoteError>> {
        self.count();
        let mut bucket = lock(&self.bucket);
        bucket.note(Verb::List, prefix, true);
        let fits = |(key, stored): (&String, &Stored)| {
            let is_marker = key.ends_with('/') && stored.bytes.is_empty();
            (key.starts_with(prefix) && !is_marker).then(|| Ok(object(key, stored)))
        };
        // The other way round, because no caller may count on an order.
        let page: Vec<_> = bucket.objects.iter().rev().filter_map(fits).collect();
        futures_util::stream::iter(page).boxed()
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<RemoteObject>, RemoteError> {
        self.count();
        let mut bucket = lock(&self.bucket);
        let found = bucket.objects.get(key.as_str()).map(|stored| object(key.as_str(), stored));
        bucket.note(Verb::Head, key.as_str(), found.is_some());
        Ok(found)
    }

    async fn get(&self, key: &ObjectKey, expect: Option<&Version>) -> Result<Fetched, RemoteError> {
        self.count();
        let mut bucket = lock(&self.bucket);
        let found = match bucket.objects.get(key.as_str()) {
            None => Err(RemoteError::NotFound),
            Some(stored) if expect.is_some_and(|expected| *expected != version_of(stored.version)) => {
                Err(RemoteError::PreconditionFailed)
            }
            Some(stored) => {
                Ok(Fetched { object: object(key.as_str(), stored), body: Body::Bytes(stored.bytes.clone()) })
            }
        };
        bucket.note(Verb::Get, key.as_str(), found.is_ok());
        found
    }

    async fn put(&self, key: &ObjectKey, body: Body, when: Precondition) -> Result<Version, RemoteError> {
        self.count();
        let bytes = body.collect(u64::MAX).await.map_err(RemoteError::Body)?;
        let mut bucket = lock(&self.bucket);
        let is_allowed = match when {
            Precondition::Absent => !bucket.objects.contains_key(key.as_str()),
            Precondition::Matches(expected) => bucket.is_at(key.as_str(), &expected),
        };
        bucket.note(Verb::Put, key.as_str(), is_allowed);
        if is_allowed { Ok(bucket.store(key.as_str(), bytes)) } else { Err(RemoteError::PreconditionFailed) }
    }

    async fn copy(&self, from: &ObjectKey, expect: &Version, to: &ObjectKey) -> Result<(), RemoteError> {
        self.count();
        let mut bucket = lock(&self.bucket);
        let is_allowed = bucket.is_at(from.as_str(), expect);
        bucket.note(Verb::Copy, from.as_str(), is_allowed);
        match bucket.objects.get(from.as_str()).cloned() {
            None => Err(RemoteError::NotFound),
            Some(_) if !is_allowed => Err(RemoteError::PreconditionFailed),
            Some(stored) => {
                bucket.store(to.as_str(), stored.bytes);
                Ok(())
            }
        }
    }

    async fn delete(&self, key: &ObjectKey, when: &Version) -> Result<(), RemoteError> {
        self.count();
        let mut bucket = lock(&self.bucket);
        let is_allowed = bucket.is_at(key.as_str(), when);
        bucket.note(Verb::Delete, key.as_str(), is_allowed);
        if is_allowed {
            bucket.objects.remove(key.as_str());
            return Ok(());
        }
        let is_there = bucket.objects.contains_key(key.as_str());
        Err(if is_there { RemoteError::PreconditionFailed } else { RemoteError::NotFound })
    }

    fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}
