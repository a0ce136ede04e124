//! The bandwidth limit: one budget of bytes a second for all workers, both directions.

use std::num::{NonZeroU32, NonZeroU64};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// Hands out bytes; without a limit it never waits.
pub(crate) struct Throttle(Option<Budget>);

struct Budget {
    limiter: DefaultDirectRateLimiter,
    /// The most that is asked for at once: a tenth of a second, so that no worker waits long behind another.
    piece: NonZeroU32,
}

impl Throttle {
    /// At most so many bytes a second.
    pub(crate) fn new(bytes_per_second: Option<NonZeroU64>) -> Self {
        Self(bytes_per_second.map(|rate| {
            let rate = NonZeroU32::try_from(rate).unwrap_or(NonZeroU32::MAX);
            let piece = NonZeroU32::new(rate.get() / 10).unwrap_or(NonZeroU32::MIN);
            Budget { limiter: RateLimiter::direct(Quota::per_second(rate).allow_burst(piece)), piece }
        }))
    }

    /// Waits until so many bytes may pass.
    pub(crate) async fn pass(&self, bytes: usize) {
        let Some(Budget { limiter, piece }) = &self.0 else {
            return;
        };
        let mut left = bytes as u64;
        while left > 0 {
            let now = u32::try_from(left)
                .map_or(*piece, |left| NonZeroU32::new(left).map_or(*piece, |left| left.min(*piece)));
            // A piece is never larger than the burst, which is the only way this can fail.
            let _ = limiter.until_n_ready(now).await;
            left -= u64::from(now.get());
        }
    }
}

impl std::fmt::Debug for Throttle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Throttle({:?} bytes a piece)", self.0.as_ref().map(|budget| budget.piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[tokio::test]
    async fn workers_share_one_budget() {
        let throttle = Throttle::new(NonZeroU64::new(100_000));
        let started = Instant::now();
        futures_util::future::join(throttle.pass(30_000), throttle.pass(30_000)).await;
        // 60 kB at 100 kB/s, less the first tenth of a second's burst. Only the lower bound is asserted: machines are slow, never fast.
        assert!(started.elapsed().as_millis() >= 450, "{:?}", started.elapsed());
    }

    #[tokio::test]
    async fn without_a_limit_nothing_waits() {
        Throttle::new(None).pass(usize::MAX).await;
    }
}
