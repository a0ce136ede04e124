//! The one retry layer: exponential backoff with jitter, Retry-After, a deadline for every request.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use devlog_core::ports::RemoteError;

/// The first pause; each further one is twice as long, with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause of our own choice.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// The longest pause that a server may ask for; more than this is the caller's to queue.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// "Slow down" is an answer, not a fault: it may come so many times as often before we give up. Without this, a server that
/// refuses a third of all requests fails one request in a thousand.
const PATIENCE: u16 = 3;

/// A connection that carries fewer bytes a second than this is as good as dead.
const SLOWEST_BYTES_PER_S: u64 = 16 << 10;

/// A request that failed, and whether another try makes sense.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: RemoteError,
    pub(crate) again: Again,
}

/// When a request may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// Never: the answer will be the same.
    No,
    /// After a pause.
    Soon,
    /// After the pause that the server asks for.
    After(Duration),
}

impl Failure {
    pub(crate) fn last(error: RemoteError) -> Self {
        Self { error, again: Again::No }
    }

    pub(crate) fn soon(error: RemoteError) -> Self {
        Self { error, again: Again::Soon }
    }
}

/// Sends requests again where that makes sense, and counts all of them.
#[derive(Debug)]
pub(crate) struct Retry {
    attempts: u16,
    timeout: Duration,
    sent: AtomicU64,
}

impl Retry {
    pub(crate) const fn new(attempts: u16, timeout: Duration) -> Self {
        Self { attempts, timeout, sent: AtomicU64::new(0) }
    }

    /// How long an answer may take.
    pub(crate) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Requests sent so far, retries included.
    pub(crate) fn requests(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Sends a request that is not worth a second try.
    pub(crate) async fn once<T, Answer>(&self, request: impl FnOnce() -> Answer) -> Result<T, RemoteError>
    where
        Answer: Future<Output = Result<T, Failure>>,
    {
        self.sent.fetch_add(1, Ordering::Relaxed);
        match tokio::time::timeout(self.timeout, request()).await {
            Ok(answer) => answer.map_err(|failure| failure.error),
            Err(late) => Err(RemoteError::Offline(late.into())),
        }
    }

    /// Sends a request until it succeeds, fails for good, or was tried often enough.
    pub(crate) async fn run<T, Answer>(&self, request: impl Fn() -> Answer) -> Result<T, RemoteError>
    where
        Answer: Future<Output = Result<T, Failure>>,
    {
        self.run_with(0, request).await
    }

    /// The same for a request that carries so many bytes, and may take the longer for it.
    pub(crate) async fn run_with<T, Answer>(
        &self,
        bytes: usize,
        request: impl Fn() -> Answer,
    ) -> Result<T, RemoteError>
    where
        Answer: Future<Output = Result<T, Failure>>,
    {
        let deadline = self.timeout + Duration::from_secs(bytes as u64 / SLOWEST_BYTES_PER_S);
        let mut pauses = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LONGEST_PAUSE)
            .without_max_times()
            .build();
        let (mut faults, mut refusals) = (0, 0);
        loop {
            self.sent.fetch_add(1, Ordering::Relaxed);
            let failure = match tokio::time::timeout(deadline, request()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(failure)) => failure,
                Err(_) => Failure::soon(RemoteError::Offline(
                    format!("no answer within {} s", deadline.as_secs_f32()).into(),
                )),
            };
            let (count, limit) = match failure.error {
                RemoteError::Throttled { .. } => (&mut refusals, self.attempts.saturating_mul(PATIENCE)),
                _ => (&mut faults, self.attempts),
            };
            *count += 1;
            let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
            let pause = match failure.again {
                _ if *count >= limit => return Err(failure.error),
                Again::No => return Err(failure.error),
                Again::Soon => pause,
                Again::After(asked) if asked > LONGEST_ASKED => return Err(failure.error),
                Again::After(asked) => asked.max(pause),
            };
            tokio::time::sleep(pause).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    fn retry() -> Retry {
        Retry::new(4, Duration::from_secs(60))
    }

    fn throttled() -> RemoteError {
        RemoteError::Throttled { retry_after: None }
    }

    #[tokio::test(start_paused = true)]
    async fn transient_failures_are_tried_again_with_growing_pauses_and_an_end() {
        let retry = retry();
        let started = Instant::now();
        let broken = || RemoteError::Offline("broken".into());
        let result = retry.run(|| async { Err::<(), _>(Failure::soon(broken())) }).await;
        assert!(matches!(result, Err(RemoteError::Offline(_))));
        assert_eq!(retry.requests(), 4);
        assert!(started.elapsed() >= Duration::from_millis(700), "{:?}", started.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn being_asked_to_slow_down_is_borne_longer_than_faults_but_not_for_ever() {
        let retry = retry();
        let result = retry.run(|| async { Err::<(), _>(Failure::soon(throttled())) }).await;
        assert!(matches!(result, Err(RemoteError::Throttled { .. })));
        assert_eq!(retry.requests(), 12);
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_request_has_longer() {
        let retry = Retry::new(1, Duration::from_secs(60));
        let slow = || async {
            tokio::time::sleep(Duration::from_secs(300)).await;
            Ok(())
        };
        assert!(retry.run(slow).await.is_err());
        retry.run_with(8 << 20, slow).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn the_server_s_own_pause_is_honoured() {
        let retry = retry();
        let started = Instant::now();
        let left = AtomicU64::new(2);
        let answer = retry
            .run(|| async {
                match left.fetch_sub(1, Ordering::Relaxed) {
                    1 => Ok("done"),
                    _ => Err(Failure { error: throttled(), again: Again::After(Duration::from_secs(7)) }),
                }
            })
            .await;
        assert_eq!(answer.unwrap(), "done");
        assert_eq!(started.elapsed().as_secs(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_never_answers_ends_and_a_refusal_is_final() {
        let silent = retry().run(|| async { std::future::pending::<Result<(), Failure>>().await }).await;
        assert!(matches!(silent, Err(RemoteError::Offline(_))));
        let refused = retry();
        let answer =
            refused.run(|| async { Err::<(), _>(Failure::last(RemoteError::Denied("x".into()))) }).await;
        assert!(matches!(answer, Err(RemoteError::Denied(_))));
        assert_eq!(refused.requests(), 1);
    }
}
