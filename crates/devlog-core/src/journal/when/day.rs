//! Days, weeks, months and years, in words or ISO form.

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};

use super::WhenError;
use super::clock_time::looks_like_date;

type Stretch = (NaiveDate, NaiveDate);

/// The first and the last day that words mean; `None` where they mean no days.
pub(super) fn days(words: &[&str], text: &str, today: NaiveDate) -> Result<Option<Stretch>, WhenError> {
    let single = |day: NaiveDate| Ok(Some((day, day)));
    match words {
        ["today"] => single(today),
        ["yesterday"] => single(today - Days::new(1)),
        [name] => match weekday(name) {
            Some(weekday) => single(latest(weekday, today)),
            None => iso(name, text),
        },
        ["last", name] => match weekday(name) {
            Some(weekday) => single(latest(weekday, today - Days::new(1))),
            None => Ok(stretch(name, today, 1)),
        },
        ["this", name] => Ok(stretch(name, today, 0)),
        [count, unit, "ago"] => {
            let Some(count) = number(count) else {
                return Ok(None);
            };
            let back = match *unit {
                "day" | "days" => today.checked_sub_days(Days::new(count.into())),
                "week" | "weeks" => today.checked_sub_days(Days::new(u64::from(count) * 7)),
                "month" | "months" => today.checked_sub_months(Months::new(count)),
                "year" | "years" => {
                    count.checked_mul(12).and_then(|n| today.checked_sub_months(Months::new(n)))
                }
                _ => return Ok(None),
            };
            // Beyond the year 1 there was no log.
            match back.filter(|day| day.year() >= 1) {
                Some(day) => single(day),
                None => Err(WhenError::NoSuchDate(text.trim().to_owned())),
            }
        }
        _ => Ok(None),
    }
}

/// `2`, and `a` for one.
pub(super) fn number(word: &str) -> Option<u32> {
    match word {
        "a" | "an" | "one" => Some(1),
        digits => {
            digits.parse().ok().filter(|_| digits.len() <= 6 && digits.bytes().all(|b| b.is_ascii_digit()))
        }
    }
}

fn weekday(name: &str) -> Option<Weekday> {
    // chrono takes exactly the three-letter and the whole English names.
    name.parse().ok()
}

/// The latest such day, `from` included.
fn latest(weekday: Weekday, from: NaiveDate) -> NaiveDate {
    from - Days::new(from.weekday().days_since(weekday).into())
}

/// This or the last week, month or year.
fn stretch(unit: &str, today: NaiveDate, back: u32) -> Option<Stretch> {
    match unit {
        "week" => {
            let monday = latest(Weekday::Mon, today) - Days::new(u64::from(back) * 7);
            Some((monday, monday + Days::new(6)))
        }
        "month" => {
            let first = today.with_day(1)?.checked_sub_months(Months::new(back))?;
            Some((first, month_end(first)?))
        }
        "year" => year(today.year() - i32::try_from(back).ok()?),
        _ => None,
    }
}

fn year(number: i32) -> Option<Stretch> {
    Some((NaiveDate::from_ymd_opt(number, 1, 1)?, NaiveDate::from_ymd_opt(number, 12, 31)?))
}

fn month_end(first: NaiveDate) -> Option<NaiveDate> {
    first.checked_add_months(Months::new(1))?.pred_opt()
}

/// `2025-09-11`, `2025-09`, `2025-w37`, `2025`.
fn iso(word: &str, text: &str) -> Result<Option<Stretch>, WhenError> {
    let no_such = || WhenError::NoSuchDate(text.trim().to_owned());
    let is_number =
        |text: &str, digits: usize| text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    if looks_like_date(word) {
        let day: NaiveDate = word.parse().map_err(|_| no_such())?;
        return Ok(Some((day, day)));
    }
    let (year_text, rest) = word.split_once('-').map_or((word, None), |(year, rest)| (year, Some(rest)));
    let Some(number) = year_text.parse().ok().filter(|year| is_number(year_text, 4) && *year >= 1) else {
        return Ok(None);
    };
    let found = match rest {
        None => year(number),
        Some(month) if is_number(month, 2) => month
            .parse()
            .ok()
            .and_then(|month| NaiveDate::from_ymd_opt(number, month, 1))
            .and_then(|first| Some((first, month_end(first)?))),
        Some(week) => match week.strip_prefix('w').filter(|week| is_number(week, 2)) {
            Some(week) => week
                .parse()
                .ok()
                .and_then(|week| NaiveDate::from_isoywd_opt(number, week, Weekday::Mon))
                .map(|monday| (monday, monday + Days::new(6))),
            None => return Ok(None),
        },
    };
    found.map(Some).ok_or_else(no_such)
}
