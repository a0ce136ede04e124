//! Times of day, and ISO date-times.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime, TimeZone};

use super::{When, WhenError, zone};

/// `3pm`, `3:30 pm`, `15:04`, `15:04:05`, `noon`; `None` for anything else.
pub(super) fn time(words: &[&str]) -> Option<NaiveTime> {
    let (digits, half) = match words {
        ["noon"] => return NaiveTime::from_hms_opt(12, 0, 0),
        [digits, half @ ("am" | "pm")] => (*digits, Some(*half)),
        [one] => match (one.strip_suffix("am"), one.strip_suffix("pm")) {
            (Some(digits), _) => (digits, Some("am")),
            (None, Some(digits)) => (digits, Some("pm")),
            (None, None) => (*one, None),
        },
        _ => return None,
    };
    let mut parts = digits.split(':');
    let hour = two_digits(parts.next()?, 1)?;
    // `3pm` is a time, `15` is a number.
    let minute = parts.next().map_or(half.map(|_| 0), |text| two_digits(text, 2))?;
    let second = parts.next().map_or(Some(0), |text| two_digits(text, 2))?;
    if parts.next().is_some() {
        return None;
    }
    let hour = match half {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some("am") => hour % 12,
        Some(_) => hour % 12 + 12,
    };
    NaiveTime::from_hms_opt(hour, minute, second)
}

fn two_digits(text: &str, least: usize) -> Option<u32> {
    let fits = (least..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| fits)
}

/// `2025-09-11T14:03:22.118Z` and its shorter forms; `None` for what is no ISO date-time.
pub(super) fn iso<Z: TimeZone>(
    words: &[&str],
    text: &str,
    now: &DateTime<Z>,
) -> Result<Option<When>, WhenError> {
    let joined;
    let whole = match words {
        [one] => *one,
        [date, time] => {
            joined = format!("{date}t{time}");
            &joined
        }
        [date, time, offset] => {
            joined = format!("{date}t{time}{offset}");
            &joined
        }
        _ => return Ok(None),
    };
    let Some((date, rest)) = whole.split_once('t') else {
        return Ok(None);
    };
    if !looks_like_date(date) || !rest.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(None);
    }
    let (time, offset) = match rest.find(['z', '+', '-']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    // `2025-09-11 3pm` is a day and a time in words.
    let Some(time) = iso_time(time) else {
        return Ok(None);
    };
    let date: NaiveDate = date.parse().map_err(|_| WhenError::NoSuchDate(text.trim().to_owned()))?;
    let at = date.and_time(time);
    if offset.is_empty() {
        return zone::resolve(at, text, &now.timezone()).map(|at| Some(When::Instant(at)));
    }
    let offset = iso_offset(offset).ok_or_else(|| WhenError::NotUnderstood(text.trim().to_owned()))?;
    let at = at
        .and_local_timezone(offset)
        .single()
        .ok_or_else(|| WhenError::NoSuchDate(text.trim().to_owned()))?;
    Ok(Some(When::Instant(at)))
}

/// `dddd-dd-dd`, whatever the numbers.
pub(super) fn looks_like_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

fn iso_time(text: &str) -> Option<NaiveTime> {
    let whole = text.len() >= 5 && text.as_bytes()[2] == b':';
    let formats = ["%H:%M", "%H:%M:%S", "%H:%M:%S%.f"];
    // A leap second would be read as the 60th second, which no clock of ours shows.
    let leap = text.get(6..8) == Some("60");
    formats.iter().find_map(|format| NaiveTime::parse_from_str(text, format).ok()).filter(|_| whole && !leap)
}

fn iso_offset(text: &str) -> Option<FixedOffset> {
    if text == "z" {
        return FixedOffset::east_opt(0);
    }
    let (sign, digits) = match text.split_at(1) {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() == 2 => (digits, "00"),
        None => digits.split_at_checked(2)?,
    };
    let (hours, minutes) = (two_digits(hours, 2)?, two_digits(minutes, 2)?);
    // No zone on earth is further than 14 hours away.
    let seconds =
        i32::try_from(hours * 3600 + minutes * 60).ok().filter(|s| *s <= 14 * 3600 && minutes < 60)?;
    FixedOffset::east_opt(sign * seconds)
}
