//! The one retry layer: exponential backoff with jitter, Retry-After, a deadline for every request.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use devlog_core::ports::RemoteError;

/// The first pause; each further one is twice as long, with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause, also where a server asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

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

    /// Sends a request until it succeeds, fails for good, or was tried often enough.
    pub(crate) async fn run<T, Answer>(&self, request: impl Fn() -> Answer) -> Result<T, RemoteError>
    where
        Answer: Future<Output = Result<T, Failure>>,
    {
        let mut pauses = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LONGEST_PAUSE)
            .with_max_times(usize::from(self.attempts.saturating_sub(1)))
            .build();
        loop {
            self.sent.fetch_add(1, Ordering::Relaxed);
            let failure = match tokio::time::timeout(self.timeout, request()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(failure)) => failure,
                Err(_) => Failure::soon(RemoteError::Offline(
                    format!("no answer within {} s", self.timeout.as_secs()).into(),
                )),
            };
            let pause = match (failure.again, pauses.next()) {
                (Again::No, _) | (_, None) => return Err(failure.error),
                (Again::Soon, Some(pause)) => pause,
                (Again::After(asked), Some(pause)) => asked.clamp(pause, LONGEST_PAUSE),
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
        let result = retry.run(|| async { Err::<(), _>(Failure::soon(throttled())) }).await;
        assert!(matches!(result, Err(RemoteError::Throttled { .. })));
        assert_eq!(retry.requests(), 4);
        assert!(started.elapsed() >= Duration::from_millis(700), "{:?}", started.elapsed());
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
