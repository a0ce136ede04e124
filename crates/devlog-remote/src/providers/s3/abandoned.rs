//! Uploads in parts that nobody will complete: their parts are invisible, and paid for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use super::S3;

/// An upload as old as this belongs to a run that died.
const STALE_AFTER: Duration = Duration::from_secs(24 * 3600);

/// An upload on its way. Aborted when it is dropped before it was completed, as happens when a run is interrupted.
pub(super) struct Unfinished {
    s3: S3,
    name: String,
    id: String,
    abort: AtomicBool,
}

impl Unfinished {
    pub(super) fn new(s3: S3, name: &str, id: &str) -> Self {
        Self { s3, name: name.to_owned(), id: id.to_owned(), abort: AtomicBool::new(true) }
    }

    /// The upload is completed.
    pub(super) fn forget(self) {
        self.abort.store(false, Ordering::Relaxed);
    }

    /// Best effort: the error that led here is the one to tell.
    pub(super) async fn abort(self) {
        self.abort.store(false, Ordering::Relaxed);
        self.s3.abort(&self.name, &self.id).await;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.abort.load(Ordering::Relaxed) {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (s3, name, id) =
                (self.s3.clone(), std::mem::take(&mut self.name), std::mem::take(&mut self.id));
            runtime.spawn(async move { s3.abort(&name, &id).await });
        }
    }
}

impl S3 {
    async fn abort(&self, name: &str, id: &str) {
        let aborted = self.retry.run(|| async {
            let request = self.client.abort_multipart_upload().bucket(&self.bucket).key(name);
            request.upload_id(id).send().await.map_err(|error| self.failure(error))
        });
        // An upload by its id: whatever became of it, no object is touched.
        let _ = aborted.await;
    }

    /// Aborts what earlier runs left behind below our own prefix; once, and only by runs that make such uploads themselves.
    /// Best effort, on the first page: a server that cannot list them leaves them to the bucket's lifecycle rules.
    pub(super) async fn sweep_once(&self) {
        if self.swept.swap(true, Ordering::Relaxed) {
            return;
        }
        let listed = self.retry.once(|| async {
            let request = self.client.list_multipart_uploads().bucket(&self.bucket);
            request.prefix(self.prefix.join("")).send().await.map_err(|error| self.failure(error))
        });
        let Ok(listed) = listed.await else { return };
        let now = SystemTime::now();
        let is_stale =
            |initiated: SystemTime| now.duration_since(initiated).is_ok_and(|age| age > STALE_AFTER);
        for upload in listed.uploads() {
            let (Some(name), Some(id), Some(initiated)) =
                (upload.key(), upload.upload_id(), upload.initiated())
            else {
                continue;
            };
            if SystemTime::try_from(*initiated).is_ok_and(is_stale) {
                self.abort(name, id).await;
            }
        }
    }
}
