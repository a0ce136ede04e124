//! A table of phrases, read on a Thursday afternoon in Los Angeles, and the days when clocks change.

use chrono_tz::Tz;

use super::*;

/// Thursday.
const NOW: &str = "2025-09-11T14:03:22-07:00";

fn now_in(zone: Tz, text: &str) -> DateTime<Tz> {
    DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&zone)
}

fn now() -> DateTime<Tz> {
    now_in(Tz::America__Los_Angeles, NOW)
}

#[track_caller]
fn check(text: &str, understood: &str) {
    assert_eq!(When::parse(text, &now()).map(|when| when.to_string()), Ok(understood.to_owned()), "{text}");
}

#[test]
fn days_and_stretches() {
    for (text, understood) in [
        ("today", "Thu 2025-09-11"),
        ("  Yesterday ", "Wed 2025-09-10"),
        ("thursday", "Thu 2025-09-11"),
        ("monday", "Mon 2025-09-08"),
        ("fri", "Fri 2025-09-05"),
        ("last thursday", "Thu 2025-09-04"),
        ("last friday", "Fri 2025-09-05"),
        ("Last  Wednesday", "Wed 2025-09-10"),
        ("0 days ago", "Thu 2025-09-11"),
        ("2 days ago", "Tue 2025-09-09"),
        ("a week ago", "Thu 2025-09-04"),
        ("2 weeks ago", "Thu 2025-08-28"),
        ("7 months ago", "Tue 2025-02-11"),
        ("1 year ago", "Wed 2024-09-11"),
        ("2025-09-11", "Thu 2025-09-11"),
        ("2024-02-29", "Thu 2024-02-29"),
        ("2030-01-01", "Tue 2030-01-01"),
        ("2025-09", "2025-09-01 to 2025-09-30"),
        ("2024-02", "2024-02-01 to 2024-02-29"),
        ("2025-12", "2025-12-01 to 2025-12-31"),
        ("2025-W37", "2025-09-08 to 2025-09-14"),
        ("2020-w53", "2020-12-28 to 2021-01-03"),
        ("2025", "2025-01-01 to 2025-12-31"),
        ("this week", "2025-09-08 to 2025-09-14"),
        ("last week", "2025-09-01 to 2025-09-07"),
        ("last month", "2025-08-01 to 2025-08-31"),
        ("this year", "2025-01-01 to 2025-12-31"),
    ] {
        check(text, understood);
    }
}

#[test]
fn points_in_time() {
    for (text, understood) in [
        ("now", "Thu 2025-09-11 14:03 -07:00"),
        ("2pm", "Thu 2025-09-11 14:00 -07:00"),
        ("3pm", "Wed 2025-09-10 15:00 -07:00"),
        ("3 PM", "Wed 2025-09-10 15:00 -07:00"),
        ("12am", "Thu 2025-09-11 00:00 -07:00"),
        ("12:30pm", "Thu 2025-09-11 12:30 -07:00"),
        ("noon", "Thu 2025-09-11 12:00 -07:00"),
        ("09:15", "Thu 2025-09-11 09:15 -07:00"),
        ("9:15", "Thu 2025-09-11 09:15 -07:00"),
        ("23:59:59", "Wed 2025-09-10 23:59 -07:00"),
        ("today 3pm", "Thu 2025-09-11 15:00 -07:00"),
        ("yesterday 3pm", "Wed 2025-09-10 15:00 -07:00"),
        ("yesterday at 15:04", "Wed 2025-09-10 15:04 -07:00"),
        ("3pm yesterday", "Wed 2025-09-10 15:00 -07:00"),
        ("last friday 3 pm", "Fri 2025-09-05 15:00 -07:00"),
        ("2 days ago at noon", "Tue 2025-09-09 12:00 -07:00"),
        ("2025-01-31 3pm", "Fri 2025-01-31 15:00 -08:00"),
        ("10 minutes ago", "Thu 2025-09-11 13:53 -07:00"),
        ("an hour ago", "Thu 2025-09-11 13:03 -07:00"),
        ("36 hours ago", "Wed 2025-09-10 02:03 -07:00"),
        ("2025-09-10T15:00", "Wed 2025-09-10 15:00 -07:00"),
        ("2025-09-10 15:00:59", "Wed 2025-09-10 15:00 -07:00"),
        ("2025-01-10 15:00", "Fri 2025-01-10 15:00 -08:00"),
        ("2025-09-10T15:00:00.123Z", "Wed 2025-09-10 15:00 +00:00"),
        ("2025-09-10t15:00z", "Wed 2025-09-10 15:00 +00:00"),
        ("2025-09-10 15:00 +02:00", "Wed 2025-09-10 15:00 +02:00"),
        ("2025-09-10T15:00-0730", "Wed 2025-09-10 15:00 -07:30"),
        ("2025-09-10T15:00+02", "Wed 2025-09-10 15:00 +02:00"),
    ] {
        check(text, understood);
    }
}

#[test]
fn what_is_not_understood_is_never_today() {
    for text in [
        "",
        " ",
        "nonsense",
        "the 3rd",
        "on the 3rd",
        "tomorrow",
        "next friday",
        "friday last",
        "mon day",
        "3",
        "15",
        "13pm",
        "0am",
        "3:pm",
        "3:5pm",
        "25:00",
        "12:60",
        "15:04:05:06",
        "1:2",
        "-2 days ago",
        "2 days",
        "days ago",
        "+2 days ago",
        "9999999 days ago",
        "two days ago",
        "2 fortnights ago",
        "last",
        "this",
        "last day",
        "today today",
        "yesterday 3pm 4pm",
        "last week 3pm",
        "2025-09 3pm",
        "25-09-11",
        "2025-9-1",
        "2025/09/11",
        "11.09.2025",
        "2025-W7",
        "2025-37",
        "20250911",
        "2025-09-11T",
        "2025-09-11T3",
        "2025-09-11T15:00+99:00",
        "2025-09-11T15:00+02:00:00",
        "2025-09-11T15:00Zulu",
        "2025-09-11T23:59:60",
        "at 3pm at",
        "３pm",
        "µ",
        "today at",
        "sept 3",
        "2025-09-11 15:00 America/Los_Angeles",
    ] {
        assert!(When::parse(text, &now()).is_err(), "{text} is {:?}", When::parse(text, &now()));
    }
}

#[test]
fn dates_that_do_not_exist_say_so() {
    for text in [
        "2025-02-29",
        "2025-13-01",
        "2025-09-31 3pm",
        "2025-13",
        "2025-W53",
        "2025-W00",
        "2025-02-30T10:00Z",
        "999999 years ago",
    ] {
        assert_eq!(When::parse(text, &now()), Err(WhenError::NoSuchDate(text.into())), "{text}");
    }
}

#[test]
fn a_point_has_come_and_is_one() {
    let point = |text: &str| When::point(text, &now()).map(|at| at.to_rfc3339());
    assert_eq!(point("yesterday").as_deref(), Ok("2025-09-10T14:03:22-07:00"));
    assert_eq!(point("today").as_deref(), Ok(NOW));
    assert_eq!(point("2025-01-31").as_deref(), Ok("2025-01-31T14:03:22-08:00"));
    assert_eq!(
        point("2025-09-11T14:04:22").as_deref(),
        Ok("2025-09-11T14:04:22-07:00"),
        "a minute is tolerated"
    );
    for text in ["today 3pm", "2025-09-12", "2025-09-11T14:04:23", "2052-09-11"] {
        assert!(matches!(point(text), Err(WhenError::Future(..))), "{text}");
    }
    assert_eq!(point("2025-09"), Err(WhenError::TooLong("2025-09".into())));
    assert!(When::days("2025-09", &now()).is_ok());
    assert_eq!(When::days("3pm", &now()), Err(WhenError::TooShort("3pm".into())));
}

#[test]
fn clocks_that_are_changed() {
    let spring = now_in(Tz::Europe__Berlin, "2025-03-30T12:00:00+02:00");
    let autumn = now_in(Tz::Europe__Berlin, "2025-10-26T12:00:00+01:00");
    let error = |text: &str, now: &DateTime<Tz>| When::parse(text, now).unwrap_err().to_string();
    for text in ["2:30", "today 2:30am", "2025-03-30 02:30", "2025-03-30T02:30:00"] {
        let expected =
            format!("`{text}` was skipped when the clocks went forward; the next time there was is 03:00");
        assert_eq!(error(text, &spring), expected);
    }
    assert_eq!(
        error("2025-10-26 02:30", &autumn),
        "`2025-10-26 02:30` happened twice when the clocks went back; \
         write 2025-10-26T02:30:00+02:00 or 2025-10-26T02:30:00+01:00"
    );
    // With an offset, or where nobody wrote the time of day, there is no question.
    assert!(When::parse("2025-10-26T02:30+01:00", &autumn).is_ok());
    let after = now_in(Tz::Europe__Berlin, "2025-03-31T02:30:00+02:00");
    assert_eq!(When::point("yesterday", &after).unwrap().to_rfc3339(), "2025-03-30T03:00:00+02:00");
    let after = now_in(Tz::Europe__Berlin, "2025-10-27T02:30:00+01:00");
    assert_eq!(When::point("yesterday", &after).unwrap().to_rfc3339(), "2025-10-26T02:30:00+02:00");
    // Hours are counted on no wall clock.
    assert_eq!(When::point("12 hours ago", &spring).unwrap().to_rfc3339(), "2025-03-29T23:00:00+01:00");
}
