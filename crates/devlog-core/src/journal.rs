//! The journal: entries are what a log of events adds up to; no event is ever changed or removed.
//!
//! An event is one line of `events/YYYYMMDD.jsonl`. **Every event of an entry lies in the file of the entry's day**,
//! the date of its `at` as the writer's own clock showed it, so that one day can be read alone. Which file a line
//! lies in carries no meaning, though: readers that see all files get the same entries wherever the lines are.

mod annotation;
mod entry;
mod event;
mod id;
mod query;
mod when;

pub use annotation::Annotations;
pub use entry::{Entry, Stamp, fold};
pub use event::{Event, EventError, Op};
pub use id::{IdError, IdPrefix, MIN_PREFIX, ShortIds};
pub use query::{Bound, Filter, Order};
pub use when::{EXAMPLES as WHEN_EXAMPLES, When, WhenError};

use chrono::NaiveDate;
pub use ulid::Ulid;

/// The folder of the journal's files below the root.
pub const EVENTS_DIR: &str = "events";

/// The name of a day's file: `20250911.jsonl`.
pub fn day_file_name(day: NaiveDate) -> String {
    format!("{}.jsonl", day.format("%Y%m%d"))
}

/// The day that a file of events is about; `None` for files that no day can be told of, such as a conflict copy.
pub fn day_of_file(name: &str) -> Option<NaiveDate> {
    let day = name.strip_suffix(".jsonl").filter(|day| day.len() == 8)?;
    NaiveDate::parse_from_str(day, "%Y%m%d").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_days_file_is_named_after_it() {
        let day = NaiveDate::from_ymd_opt(2025, 9, 1).unwrap();
        assert_eq!(day_file_name(day), "20250901.jsonl");
        assert_eq!(day_of_file("20250901.jsonl"), Some(day));
        for other in
            ["20250901.conflict-xps-20250902.jsonl", "20251301.jsonl", "2025091.jsonl", "notes.md", ".jsonl"]
        {
            assert_eq!(day_of_file(other), None, "{other}");
        }
    }
}
