//! `Faulty`: a remote that fails when a test says so, before or after its effect, and lets others in between.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};

use super::fakes::Verb;
use crate::files::Version;
use crate::ports::{Body, Fetched, ObjectKey, Precondition, RemoteError, RemoteObject, RemoteStorage};

/// When a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The request never reaches the remote.
    Before,
    /// The request is carried out, and its answer is lost.
    After,
}

/// Which requests a fault is about: a kind, keys that begin with a text, and how many of them pass first.
#[derive(Debug, Clone)]
pub struct Aim {
    verb: Verb,
    prefix: String,
    skip: usize,
}

impl Aim {
    /// The first request of this kind at a key that begins with `prefix`.
    pub fn at(verb: Verb, prefix: &str) -> Self {
        Self { verb, prefix: prefix.to_owned(), skip: 0 }
    }

    /// The one after `skip` others.
    #[must_use]
    pub fn after(self, skip: usize) -> Self {
        Self { skip, ..self }
    }
}

type MakeError = Arc<dyn Fn() -> RemoteError + Send + Sync>;
type Visit = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

enum Effect {
    Error { moment: Moment, error: MakeError, forever: bool },
    Visit(Option<Visit>),
}

struct Fault {
    aim: Aim,
    effect: Effect,
}

/// What is to happen to the request at hand.
enum Verdict {
    Pass,
    Fail(Moment, RemoteError),
    Admit(Visit),
}

/// A remote with faults.
pub struct Faulty<R> {
    inner: R,
    faults: Mutex<Vec<Fault>>,
}

impl<R> Faulty<R> {
    /// A remote without faults yet.
    pub fn new(inner: R) -> Self {
        Self { inner, faults: Mutex::default() }
    }

    /// The remote behind the faults.
    pub fn inner(&self) -> &R {
        &self.inner
    }

    /// Fails one request.
    pub fn fail(&self, aim: Aim, moment: Moment, error: impl Fn() -> RemoteError + Send + Sync + 'static) {
        self.add(aim, Effect::Error { moment, error: Arc::new(error), forever: false });
    }

    /// Fails that request and every one like it after.
    pub fn fail_from(&self, aim: Aim, error: impl Fn() -> RemoteError + Send + Sync + 'static) {
        let (moment, error) = (Moment::Before, Arc::new(error));
        self.add(aim, Effect::Error { moment, error, forever: true });
    }

    /// Lets something happen just before a request is carried out; another device's run, say.
    pub fn before<F>(&self, aim: Aim, visit: impl FnOnce() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.add(aim, Effect::Visit(Some(Box::new(move || visit().boxed()))));
    }

    /// Takes every fault away.
    pub fn heal(&self) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn add(&self, aim: Aim, effect: Effect) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.push(Fault { aim, effect });
    }

    fn judge(&self, verb: Verb, key: &str) -> Verdict {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        for at in 0..faults.len() {
            let Fault { aim, effect } = &mut faults[at];
            if aim.verb != verb || !key.starts_with(&aim.prefix) {
                continue;
            }
            if aim.skip > 0 {
                aim.skip -= 1;
                continue;
            }
            return match effect {
                Effect::Error { moment, error, forever } => {
                    let (moment, error) = (*moment, error());
                    if !*forever {
                        faults.remove(at);
                    }
                    Verdict::Fail(moment, error)
                }
                Effect::Visit(visit) => {
                    let visit = visit.take();
                    faults.remove(at);
                    visit.map_or(Verdict::Pass, Verdict::Admit)
                }
            };
        }
        Verdict::Pass
    }

    async fn run<T>(
        &self,
        verb: Verb,
        key: &str,
        request: impl Future<Output = Result<T, RemoteError>> + Send,
    ) -> Result<T, RemoteError> {
        match self.judge(verb, key) {
            Verdict::Pass => request.await,
            Verdict::Admit(visit) => {
                visit().await;
                request.await
            }
            Verdict::Fail(Moment::Before, error) => Err(error),
            Verdict::Fail(Moment::After, error) => {
                request.await?;
                Err(error)
            }
        }
    }
}

impl<R: fmt::Display> fmt::Display for Faulty<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<R: fmt::Debug> fmt::Debug for Faulty<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Faulty({:?})", self.inner)
    }
}

#[async_trait]
impl<R: RemoteStorage> RemoteStorage for Faulty<R> {
    fn list(&self, prefix: &str) -> BoxStream<'_, Result<RemoteObject, RemoteError>> {
        match self.judge(Verb::List, prefix) {
            Verdict::Pass => self.inner.list(prefix),
            Verdict::Fail(Moment::Before, error) => futures_util::stream::iter([Err(error)]).boxed(),
            // A listing that breaks off: every page but the last.
            Verdict::Fail(Moment::After, error) => {
                let first = self.inner.list(prefix).take(1);
                first.chain(futures_util::stream::iter([Err(error)])).boxed()
            }
            Verdict::Admit(visit) => {
                let prefix = prefix.to_owned();
                let listing = async move {
                    visit().await;
                    self.inner.list(&prefix)
                };
                futures_util::stream::once(listing).flatten().boxed()
            }
        }
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<RemoteObject>, RemoteError> {
        self.run(Verb::Head, key.as_str(), self.inner.head(key)).await
    }

    async fn get(&self, key: &ObjectKey, expect: Option<&Version>) -> Result<Fetched, RemoteError> {
        self.run(Verb::Get, key.as_str(), self.inner.get(key, expect)).await
    }

    async fn put(&self, key: &ObjectKey, body: Body, when: Precondition) -> Result<Version, RemoteError> {
        self.run(Verb::Put, key.as_str(), self.inner.put(key, body, when)).await
    }

    async fn copy(&self, from: &ObjectKey, expect: &Version, to: &ObjectKey) -> Result<(), RemoteError> {
        self.run(Verb::Copy, from.as_str(), self.inner.copy(from, expect, to)).await
    }

    async fn delete(&self, key: &ObjectKey, when: &Version) -> Result<(), RemoteError> {
        self.run(Verb::Delete, key.as_str(), self.inner.delete(key, when)).await
    }

    fn requests(&self) -> u64 {
        self.inner.requests()
    }

    fn single_writer(&self) -> bool {
        self.inner.single_writer()
    }
}
