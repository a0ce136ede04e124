//! Looks at the bucket itself where the chain is not enough: `--mode all`, and objects changed by other means.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};

use super::chain::Chain;
use super::error::SyncFailure;
use crate::commit;
use crate::files::{
    BaseFile, CommitNumber, ContentHash, FileTime, LocalFiles, RemoteFile, RemoteFiles, Unknown,
};
use crate::path::{RESERVED_DIR, RelPath};
use crate::plan::{Note, NoteKind};
use crate::ports::{BodyError, ObjectKey, RemoteError, RemoteObject, RemoteStorage};

/// What was seen in the bucket that differs from what the chain says, by path; `None` where the object is missing.
#[derive(Debug, Default)]
pub(super) struct Drift(BTreeMap<RelPath, Option<RemoteFile>>);

impl Drift {
    /// The tree R: the chain, with what was really seen laid over it.
    pub(super) fn overlay(&self, chain: &Chain) -> RemoteFiles {
        let mut remote = RemoteFiles { files: commit::remembered(&chain.known), ..RemoteFiles::default() };
        for (path, seen) in &self.0 {
            let is_named =
                |seen: &RemoteFile| remote.files.get(path).is_some_and(|named| named.version == seen.version);
            match seen {
                // The chain speaks of this very state.
                Some(file) if is_named(file) => {}
                Some(file) => {
                    remote.files.insert(path.clone(), file.clone());
                }
                None => {
                    if let Some(named) = remote.files.remove(path) {
                        remote.unknown.insert(path.clone(), Unknown::Missing(named.commit));
                    }
                }
            }
        }
        remote
    }

    /// Objects that this device stored before a run died, and whose local files were edited since: what both sides
    /// would have agreed on, had the commit been made.
    pub(super) fn own(&self, chain: &Chain, local: &LocalFiles) -> Vec<(RelPath, BaseFile)> {
        let commit = chain.known.head.map_or(CommitNumber(1), |head| head.number.next());
        let is_own = |(path, seen): (&RelPath, &Option<RemoteFile>)| {
            let seen = seen
                .as_ref()
                .filter(|seen| chain.attempted.get(path).is_some_and(|hashes| hashes.contains(&seen.hash)))?;
            let is_edited = local.files.get(path).is_some_and(|file| file.hash != seen.hash);
            is_edited.then(|| (path.clone(), BaseFile::agreed(seen, commit)))
        };
        self.0.iter().filter_map(is_own).collect()
    }

    /// Forgets what was seen of these paths: newer commits speak of them.
    pub(super) fn forget(&mut self, paths: &[RelPath]) {
        for path in paths {
            self.0.remove(path);
        }
    }

    /// Remembers an object that is in the bucket and not in the chain.
    pub(super) fn saw(&mut self, path: RelPath, file: RemoteFile) {
        self.0.insert(path, Some(file));
    }

    /// Reads these objects, and remembers them where the chain says otherwise.
    pub(super) async fn observe(
        &mut self,
        remote: &dyn RemoteStorage,
        paths: impl IntoIterator<Item = RelPath>,
        width: usize,
    ) -> Result<(), SyncFailure> {
        let seen: Vec<_> = futures_util::stream::iter(paths)
            .map(|path| async move {
                let file = read_object(remote, &ObjectKey::from(&path)).await?;
                Ok::<_, SyncFailure>((path, file))
            })
            .buffer_unordered(width)
            .try_collect()
            .await?;
        self.0.extend(seen);
        Ok(())
    }

    /// Lists the whole bucket and compares it with the chain. Objects whose version the chain knows are not read.
    pub(super) async fn survey(
        &mut self,
        remote: &dyn RemoteStorage,
        chain: &Chain,
        width: usize,
    ) -> Result<Vec<Note>, SyncFailure> {
        let files = commit::remembered(&chain.known);
        let mut listing = remote.list("");
        let (mut present, mut to_read, mut notes) = (BTreeSet::new(), Vec::new(), Vec::new());
        while let Some(object) = listing.try_next().await? {
            match path_of(&object) {
                Ok(None) => {}
                Ok(Some(path)) => {
                    if files.get(&path).is_none_or(|file| file.version != object.version) {
                        to_read.push(path.clone());
                    }
                    present.insert(path);
                }
                Err(note) => notes.push(note),
            }
        }
        self.0 = files.into_keys().filter(|path| !present.contains(path)).map(|path| (path, None)).collect();
        self.observe(remote, to_read, width).await?;
        Ok(notes)
    }
}

/// The path an object stands for; `None` for devlog's own.
fn path_of(object: &RemoteObject) -> Result<Option<RelPath>, Note> {
    if object.key.split('/').next() == Some(RESERVED_DIR) {
        return Ok(None);
    }
    let unusable = |why: String| Note {
        subject: object.key.escape_default().to_string(),
        kind: NoteKind::UnusableKey(why),
    };
    match RelPath::new(&object.key) {
        Ok(path) if path.as_str() == object.key => Ok(Some(path)),
        Ok(_) => Err(unusable("it is not in Unicode's composed form".into())),
        Err(error) => Err(unusable(error.to_string())),
    }
}

/// Reads an object to the end; what it holds is known by its bytes, whoever wrote it.
async fn read_object(remote: &dyn RemoteStorage, key: &ObjectKey) -> Result<Option<RemoteFile>, SyncFailure> {
    let fetched = match remote.get(key, None).await {
        Ok(fetched) => fetched,
        Err(RemoteError::NotFound) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let RemoteObject { size, version, modified, .. } = fetched.object;
    let mut digest = Sha256::new();
    let mut stream = fetched.body.into_stream();
    while let Some(piece) = stream.try_next().await.map_err(broken_off)? {
        digest.update(&piece);
    }
    let mtime = FileTime(modified.timestamp_nanos_opt().unwrap_or_default());
    Ok(Some(RemoteFile { hash: ContentHash::from_digest(digest), size, mtime, version, commit: None }))
}

fn broken_off(error: BodyError) -> SyncFailure {
    match error {
        BodyError::Broken(source) => RemoteError::Offline(source).into(),
        other => RemoteError::Body(other).into(),
    }
}
