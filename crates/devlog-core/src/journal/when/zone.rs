//! From a wall clock to a point in time, with the hours that clocks skip or show twice.

use chrono::{DateTime, FixedOffset, LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone};

use super::WhenError;

/// The point in time that a wall clock in a zone shows; an error where there is none, or more than one.
pub(super) fn resolve<Z: TimeZone>(
    wall: NaiveDateTime,
    text: &str,
    zone: &Z,
) -> Result<DateTime<FixedOffset>, WhenError> {
    let text = || text.trim().to_owned();
    match zone.from_local_datetime(&wall) {
        LocalResult::Single(at) => Ok(fixed(&at)),
        LocalResult::Ambiguous(first, second) => {
            let (first, second) = (fixed(&first), fixed(&second));
            Err(WhenError::Twice { text: text(), first: first.min(second), second: first.max(second) })
        }
        LocalResult::None => Err(WhenError::Skipped(text(), nearest(wall, zone).naive_local())),
    }
}

/// The same, where no error is wanted: the first of two, and the first that there is after a gap.
pub(super) fn nearest<Z: TimeZone>(wall: NaiveDateTime, zone: &Z) -> DateTime<FixedOffset> {
    // Gaps are an hour as a rule, and a day where an island crossed the date line.
    let candidates = (0..=26 * 60).map(|minutes| wall + TimeDelta::minutes(minutes));
    let found = candidates.into_iter().find_map(|wall| zone.from_local_datetime(&wall).earliest());
    found.map_or_else(|| wall.and_utc().fixed_offset(), |at| fixed(&at))
}

fn fixed<Z: TimeZone>(at: &DateTime<Z>) -> DateTime<FixedOffset> {
    at.with_timezone(&at.offset().fix())
}
