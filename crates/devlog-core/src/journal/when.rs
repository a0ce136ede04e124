//! Dates in words. They look back, and what is not understood is an error, never "today".
//!
//! | words | mean |
//! |---|---|
//! | `2025-09-11`, `2025-09`, `2025-W37`, `2025` | that day, month, ISO week, year |
//! | `2025-09-11T14:03`, `2025-09-11 14:03:22`, with `Z` or `+02:00` if wanted | that time, else in the local zone |
//! | `today`, `yesterday` | that day |
//! | `monday` … `sunday` | the latest such day, today included |
//! | `last friday` | the latest such day before today |
//! | `this week`, `last week`, `month`, `year` likewise | all of it; weeks begin on Monday |
//! | `2 days ago`, `a week ago`, `3 months ago` | that day |
//! | `now`, `10 minutes ago`, `2 hours ago` | that time |
//! | `3pm`, `15:04`, `noon` | the latest such time: yesterday's where today's is still to come |
//! | `yesterday 3pm`, `monday at 15:04`, `3pm yesterday` | that time of that day |

mod clock_time;
mod day;
mod zone;

use std::fmt;

use chrono::{
    DateTime, Days, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Utc,
};

/// What a person meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// Whole days, both ends included.
    Days {
        /// The first.
        first: NaiveDate,
        /// The last; the same for a single day.
        last: NaiveDate,
    },
    /// One point in time, with the offset that holds there.
    Instant(DateTime<FixedOffset>),
}

/// Words that do not say when.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhenError {
    /// Not one of the forms above.
    #[error("`{0}` is not a date that devlog understands")]
    NotUnderstood(String),
    /// The right form with impossible numbers, such as the 31st of September.
    #[error("`{0}` does not exist in the calendar")]
    NoSuchDate(String),
    /// The clocks were put forward over it.
    #[error("`{0}` was skipped when the clocks went forward; the next time there was is {next}", next = .1.format("%H:%M"))]
    Skipped(String, NaiveDateTime),
    /// The clocks were put back over it.
    #[error("`{text}` happened twice when the clocks went back; write {first} or {second}", first = .first.to_rfc3339(), second = .second.to_rfc3339())]
    Twice {
        /// As written.
        text: String,
        /// The first time.
        first: DateTime<FixedOffset>,
        /// The second time.
        second: DateTime<FixedOffset>,
    },
    /// A point in time is needed, and this is a longer stretch.
    #[error("`{0}` is more than one day; a point in time is needed")]
    TooLong(String),
    /// Days are needed, and this is a point in time.
    #[error("`{0}` is a time of day; a day, week or month is needed")]
    TooShort(String),
    /// The log holds what has happened.
    #[error("`{0}` is still to come ({at})", at = .1.format("%Y-%m-%d %H:%M %:z"))]
    Future(String, DateTime<FixedOffset>),
}

/// Examples to show with every error.
pub const EXAMPLES: &str =
    "today, yesterday 3pm, last friday, 2 days ago, 2025-09-11, \"2025-09-11 14:03\", 2025-09, 2025-W37";

/// Clocks of two machines differ a little; so far ahead is not yet the future.
const TOLERANCE: TimeDelta = TimeDelta::seconds(60);

impl When {
    /// Reads words, given the present moment in the person's zone.
    pub fn parse<Z: TimeZone>(text: &str, now: &DateTime<Z>) -> Result<Self, WhenError> {
        let not_understood = || WhenError::NotUnderstood(text.trim().to_owned());
        if text.len() > 64 || !text.is_ascii() {
            return Err(not_understood());
        }
        let lower = text.trim().to_ascii_lowercase();
        let words: Vec<&str> = lower.split_ascii_whitespace().collect();
        let words = words.as_slice();
        if let Some(when) = clock_time::iso(words, text, now)? {
            return Ok(when);
        }
        if let Some(when) = ago(words, text, now)? {
            return Ok(when);
        }
        if let Some(time) = clock_time::time(words) {
            return latest(time, text, now);
        }
        if let Some((first, last)) = day::days(words, text, now.date_naive())? {
            return Ok(Self::Days { first, last });
        }
        let (day, time) = day_and_time(words).ok_or_else(not_understood)?;
        match day::days(day, text, now.date_naive())? {
            Some((first, last)) if first == last => {
                let at = zone::resolve(first.and_time(time), text, &now.timezone())?;
                Ok(Self::Instant(at))
            }
            Some(_) | None => Err(not_understood()),
        }
    }

    /// For `--at`: a point in time that has come. A day alone takes the present time of day.
    pub fn point<Z: TimeZone>(text: &str, now: &DateTime<Z>) -> Result<DateTime<FixedOffset>, WhenError> {
        let at = match Self::parse(text, now)? {
            Self::Instant(at) => at,
            Self::Days { first, last } if first == last => {
                // Nobody wrote this time of day, so nobody is to blame where the clocks were changed.
                zone::nearest(first.and_time(now.naive_local().time()), &now.timezone())
            }
            Self::Days { .. } => return Err(WhenError::TooLong(text.trim().to_owned())),
        };
        if at.to_utc() > now.to_utc() + TOLERANCE {
            return Err(WhenError::Future(text.trim().to_owned(), at));
        }
        Ok(at)
    }

    /// For `--on`: whole days.
    pub fn days<Z: TimeZone>(text: &str, now: &DateTime<Z>) -> Result<Self, WhenError> {
        match Self::parse(text, now)? {
            days @ Self::Days { .. } => Ok(days),
            Self::Instant(_) => Err(WhenError::TooShort(text.trim().to_owned())),
        }
    }
}

/// As it was understood: `Wed 2025-09-10`, `2025-09-01 to 2025-09-30`, `Wed 2025-09-10 15:00 -07:00`.
impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days { first, last } if first == last => write!(f, "{}", first.format("%a %Y-%m-%d")),
            Self::Days { first, last } => write!(f, "{first} to {last}"),
            Self::Instant(at) => write!(f, "{}", at.format("%a %Y-%m-%d %H:%M %:z")),
        }
    }
}

/// `yesterday [at] 3pm` or `3pm yesterday`.
fn day_and_time<'w, 't>(words: &'w [&'t str]) -> Option<(&'w [&'t str], NaiveTime)> {
    // Longer times are tried first, so that the `pm` of `3 pm` is not lost.
    let splits = || (1..words.len()).map(|at| words.split_at(at));
    let time_last = splits().find_map(|(day, time)| {
        let day = day.strip_suffix(&["at"]).unwrap_or(day);
        Some((day, clock_time::time(time)?))
    });
    time_last.or_else(|| splits().rev().find_map(|(time, day)| Some((day, clock_time::time(time)?))))
}

/// The latest such time of day that has come.
fn latest<Z: TimeZone>(time: NaiveTime, text: &str, now: &DateTime<Z>) -> Result<When, WhenError> {
    let today = now.date_naive();
    let at = |day: NaiveDate| zone::resolve(day.and_time(time), text, &now.timezone());
    let todays = at(today)?;
    if todays.to_utc() <= now.to_utc() {
        return Ok(When::Instant(todays));
    }
    at(today - Days::new(1)).map(When::Instant)
}

/// `now` and `2 hours ago`; `2 days ago` is a day and stands with the days.
fn ago<Z: TimeZone>(words: &[&str], text: &str, now: &DateTime<Z>) -> Result<Option<When>, WhenError> {
    let (number, unit) = match words {
        ["now"] => return Ok(Some(When::Instant(now.with_timezone(&now.offset().fix())))),
        [number, unit, "ago"] => (*number, *unit),
        _ => return Ok(None),
    };
    let Some(number) = day::number(number) else {
        return Ok(None);
    };
    let seconds = match unit {
        "second" | "seconds" | "sec" | "secs" => 1,
        "minute" | "minutes" | "min" | "mins" => 60,
        "hour" | "hours" => 3600,
        _ => return Ok(None),
    };
    let back = TimeDelta::seconds(i64::from(number) * seconds);
    let then = now.to_utc().checked_sub_signed(back).ok_or_else(|| WhenError::NoSuchDate(text.to_owned()))?;
    Ok(Some(When::Instant(local(then, &now.timezone()))))
}

/// An instant with the offset that holds there in a zone.
fn local<Z: TimeZone>(at: DateTime<Utc>, zone: &Z) -> DateTime<FixedOffset> {
    let there = at.with_timezone(zone);
    there.with_timezone(&there.offset().fix())
}

#[cfg(test)]
mod tests;
