//! The clock and the dice: all that makes one run differ from the next.

use chrono::{DateTime, Utc};
use ulid::Ulid;

/// Tells the time and draws random numbers. Tests fix both.
pub trait Clock: std::fmt::Debug + Send + Sync {
    /// Now, in UTC.
    fn now(&self) -> DateTime<Utc>;

    /// 128 random bits.
    fn entropy(&self) -> u128;

    /// A new ULID: this moment's milliseconds and 80 random bits.
    fn ulid(&self) -> Ulid {
        let ms = u64::try_from(self.now().timestamp_millis()).unwrap_or(0);
        Ulid::from_parts(ms, self.entropy())
    }
}
