//! Ports that live in memory: a bucket, a folder, a state, a clock and somebody who watches.

mod bucket;
mod state;
mod tree;

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

pub use bucket::{Call, FakeRemote, Verb};
pub use state::FakeState;
pub use tree::FakeTree;

use crate::ports::Clock;
use crate::progress::{Outcome, ProgressReporter, SyncEvent};

/// Locks, whatever a panicking test left behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A clock that stands still until a test moves it, and dice with a seed.
#[derive(Debug)]
pub struct FakeClock {
    now: Mutex<DateTime<Utc>>,
    dice: Mutex<u64>,
}

impl FakeClock {
    /// The noon of 11 September 2025. Devices of one test need different seeds, or they draw the same ids.
    pub fn new(seed: u64) -> Self {
        Self {
            now: Mutex::new(DateTime::from_timestamp_nanos(1_757_592_000_000_000_000)),
            dice: Mutex::new(seed),
        }
    }

    /// Lets time pass.
    pub fn advance(&self, by: TimeDelta) {
        *lock(&self.now) += by;
    }

    /// splitmix64.
    fn draw(&self) -> u64 {
        let mut state = lock(&self.dice);
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

impl Clock for FakeClock {
    fn now(&self) -> DateTime<Utc> {
        *lock(&self.now)
    }

    fn entropy(&self) -> u128 {
        u128::from(self.draw()) << 64 | u128::from(self.draw())
    }
}

/// Keeps one line for every event, in order.
#[derive(Debug, Default)]
pub struct Recorder(Mutex<Vec<String>>);

impl Recorder {
    /// What was reported: `started`, `action_finished upload a.md done`, `finished`.
    pub fn lines(&self) -> Vec<String> {
        lock(&self.0).clone()
    }

    /// How many of the lines begin with `start`.
    pub fn count(&self, start: &str) -> usize {
        lock(&self.0).iter().filter(|line| line.starts_with(start)).count()
    }

    /// Forgets what was reported.
    pub fn clear(&self) {
        lock(&self.0).clear();
    }
}

impl ProgressReporter for Recorder {
    fn report(&self, event: &SyncEvent<'_>) {
        let line = match event {
            SyncEvent::Started { operation, .. } => format!("started {operation}"),
            SyncEvent::Scanned { files, .. } => format!("scanned {files}"),
            SyncEvent::Planned { plan, .. } => format!("planned {}", plan.actions.len()),
            SyncEvent::ActionStarted { path, step } => {
                format!("action_started {} {path}", step.kind().name())
            }
            SyncEvent::Transferred { path, bytes } => format!("transferred {path} {bytes}"),
            SyncEvent::ActionFinished { path, step, outcome } => {
                let outcome = match outcome {
                    Outcome::Done => "done",
                    Outcome::Stale => "stale",
                    Outcome::Failed(_) => "failed",
                };
                format!("action_finished {} {path} {outcome}", step.kind().name())
            }
            SyncEvent::Committed { number, paths } => format!("committed {number} {paths}"),
            SyncEvent::Waiting { reason, .. } => format!("waiting {reason}"),
            SyncEvent::Finished { .. } => "finished".to_owned(),
        };
        lock(&self.0).push(line);
    }
}
