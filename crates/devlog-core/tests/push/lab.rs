//! Devices that share one bucket.

use std::sync::Arc;

use devlog_core::commit::Commit;
use devlog_core::config::SyncConfig;
use devlog_core::files::ContentHash;
use devlog_core::manager::{Ports, PushMode, PushOptions, SyncError, SyncManager};
use devlog_core::ports::{Head, RemoteError};
use devlog_core::report::{Ending, SyncReport};
use devlog_core::testing::fakes::{FakeClock, FakeRemote, FakeState, FakeTree, Recorder, Verb};
use devlog_core::testing::faults::Faulty;

pub(crate) const URL: &str = "fake://bucket";
pub(crate) const COMMITS: &str = ".devlog/commits/";

/// One device: a folder, a state, and a way to the bucket that can fail.
pub(crate) struct Device {
    pub(crate) tree: FakeTree,
    pub(crate) state: Arc<FakeState>,
    pub(crate) remote: Arc<Faulty<FakeRemote>>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) events: Arc<Recorder>,
    pub(crate) manager: SyncManager,
}

/// A device with a bucket of its own.
pub(crate) fn device() -> Device {
    Device::at("xps", 1, FakeRemote::new(URL))
}

/// A second device at the same bucket.
pub(crate) fn another(first: &Device) -> Device {
    Device::at("mac", 2, first.remote.inner().another())
}

impl Device {
    pub(crate) fn at(name: &str, seed: u64, remote: FakeRemote) -> Self {
        Self::with(name, seed, remote, SyncConfig::default())
    }

    pub(crate) fn with(name: &str, seed: u64, remote: FakeRemote, config: SyncConfig) -> Self {
        let clock = Arc::new(FakeClock::new(seed));
        let tree = FakeTree::new(Arc::clone(&clock) as _);
        let state = Arc::new(FakeState::default());
        let remote = Arc::new(Faulty::new(remote));
        let events = Arc::new(Recorder::default());
        let ports = Ports {
            local: Arc::new(tree.clone()),
            remote: Arc::clone(&remote) as _,
            state: Arc::clone(&state) as _,
            clock: Arc::clone(&clock) as _,
            reporter: Arc::clone(&events) as _,
        };
        let manager = SyncManager::new(ports, config, name);
        Self { tree, state, remote, clock, events, manager }
    }

    pub(crate) fn bucket(&self) -> &FakeRemote {
        self.remote.inner()
    }

    /// Pushes, and expects everything to be done.
    pub(crate) async fn push(&self) -> SyncReport {
        let report = self.push_with(PushOptions::default()).await;
        assert_eq!(report.ending(), Ending::Done, "{report:?}");
        report
    }

    /// Pushes; the run as a whole does not fail.
    pub(crate) async fn push_with(&self, options: PushOptions) -> SyncReport {
        self.try_push(options).await.expect("the run ends well")
    }

    pub(crate) async fn try_push(&self, options: PushOptions) -> Result<SyncReport, SyncError> {
        self.manager.push(&options).await
    }

    /// Pushes; the run as a whole fails.
    pub(crate) async fn fail_to_push(&self) -> SyncError {
        self.try_push(PushOptions::default()).await.expect_err("the run fails")
    }

    /// The bucket holds exactly these files, and the chain says the same of them.
    pub(crate) fn assert_stored(&self, expected: &[(&str, &str)]) {
        let bucket = self.bucket();
        let objects = bucket.objects();
        let files: Vec<(&str, &str)> = objects
            .iter()
            .filter(|(key, _)| !key.starts_with(".devlog/"))
            .map(|(key, bytes)| (key.as_str(), std::str::from_utf8(bytes).expect("tests store text")))
            .collect();
        assert_eq!(files, expected);
        let named = chain(bucket);
        let named: Vec<(&str, ContentHash)> =
            named.iter().map(|(path, hash)| (path.as_str(), *hash)).collect();
        let hashes: Vec<(&str, ContentHash)> =
            expected.iter().map(|(path, text)| (*path, ContentHash::of(text.as_bytes()))).collect();
        assert_eq!(named, hashes, "the chain names other files than the bucket holds");
    }

    /// Bytes that a commit replaced or deleted are in the history.
    pub(crate) fn assert_kept(&self, text: &str) {
        let key = format!(".devlog/history/{}", ContentHash::of(text.as_bytes()));
        let kept = self.bucket().bytes(&key);
        assert_eq!(kept.as_deref(), Some(text.as_bytes()), "the history of {text:?}");
    }

    /// How many files were stored, by any device, since the log was cleared.
    pub(crate) fn stored(&self) -> usize {
        let log = self.bucket().log();
        log.iter()
            .filter(|call| call.granted && call.verb == Verb::Put && !call.key.starts_with(".devlog/"))
            .count()
    }
}

/// What the whole chain, read from its first commit and verified, says is there.
pub(crate) fn chain(bucket: &FakeRemote) -> Vec<(String, ContentHash)> {
    let mut files = std::collections::BTreeMap::new();
    let mut head: Option<Head> = None;
    for (_, bytes) in bucket.objects().range(COMMITS.to_owned()..".devlog/commits0".to_owned()) {
        let (commit, next) = Commit::from_bytes(bytes, head).expect("the chain is whole");
        head = Some(next);
        for change in commit.changes {
            match change.content {
                Some(content) => files.insert(change.path.to_string(), content.sha256),
                None => files.remove(change.path.as_str()),
            };
        }
    }
    files.into_iter().collect()
}

/// How many commits the chain has.
pub(crate) fn commits(bucket: &FakeRemote) -> usize {
    bucket.objects().keys().filter(|key| key.starts_with(COMMITS)).count()
}

pub(crate) fn offline() -> RemoteError {
    RemoteError::Offline("no route to host".into())
}

pub(crate) fn denied() -> RemoteError {
    RemoteError::Denied("the token has expired".into())
}

pub(crate) fn all() -> PushOptions {
    PushOptions { mode: PushMode::All, ..PushOptions::default() }
}

pub(crate) fn delete() -> PushOptions {
    PushOptions { delete: true, ..PushOptions::default() }
}

pub(crate) fn force() -> PushOptions {
    PushOptions { force: true, ..PushOptions::default() }
}

pub(crate) fn dry() -> PushOptions {
    PushOptions { dry_run: true, ..PushOptions::default() }
}
