//! `SystemClock`: this machine's time and randomness.

use chrono::{DateTime, Utc};
use devlog_core::ports::Clock;

/// The real clock and the system's random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn entropy(&self) -> u128 {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the system gives random numbers once it has booted");
        u128::from_ne_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_differ() {
        assert_ne!(SystemClock.entropy(), SystemClock.entropy());
        assert_ne!(SystemClock.ulid(), SystemClock.ulid());
    }
}
