//! Which entries are asked for, and in which order.

use std::cmp::Reverse;

use chrono::{DateTime, Days, NaiveDate, Utc};

use super::annotation::same;
use super::{Entry, When};

/// One end of a stretch of time.
///
/// A day is the date that the writer's clock showed, whatever the zone of the reader: an entry of late evening stays
/// on its evening. A time of day is an instant, the same for everyone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// From the beginning, or to the end, of this day.
    Day(NaiveDate),
    /// From, or to, this instant.
    Instant(DateTime<Utc>),
}

/// Conditions that all must hold. The default holds for every entry that is not deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Nothing before.
    pub since: Option<Bound>,
    /// Nothing after.
    pub until: Option<Bound>,
    /// All of these tags.
    pub tags: Vec<String>,
    /// All of these people.
    pub people: Vec<String>,
    /// All of these projects.
    pub projects: Vec<String>,
    /// The deleted entries, instead of the others.
    pub deleted: bool,
}

/// The order in which entries are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// What is latest comes first.
    #[default]
    NewestFirst,
    /// What is latest comes last.
    OldestFirst,
}

impl Filter {
    /// Nothing before the beginning of `when`.
    pub fn since(&mut self, when: &When) {
        self.since = Some(match when {
            When::Days { first, .. } => Bound::Day(*first),
            When::Instant(at) => Bound::Instant(at.to_utc()),
        });
    }

    /// Nothing after the end of `when`.
    pub fn until(&mut self, when: &When) {
        self.until = Some(match when {
            When::Days { last, .. } => Bound::Day(*last),
            When::Instant(at) => Bound::Instant(at.to_utc()),
        });
    }

    /// Whether the entry is asked for.
    pub fn matches(&self, entry: &Entry) -> bool {
        let day = entry.at.date_naive();
        let late_enough = match self.since {
            None => true,
            Some(Bound::Day(first)) => day >= first,
            Some(Bound::Instant(first)) => entry.at >= first,
        };
        let early_enough = match self.until {
            None => true,
            Some(Bound::Day(last)) => day <= last,
            Some(Bound::Instant(last)) => entry.at <= last,
        };
        late_enough && early_enough && self.deleted == entry.deleted && self.matches_annotations(entry)
    }

    fn matches_annotations(&self, entry: &Entry) -> bool {
        if self.tags.is_empty() && self.people.is_empty() && self.projects.is_empty() {
            return true;
        }
        let found = entry.annotations();
        let all =
            |wanted: &[String], found: &[String]| wanted.iter().all(|w| found.iter().any(|f| same(w, f)));
        all(&self.tags, &found.tags)
            && all(&self.people, &found.people)
            && all(&self.projects, &found.projects)
    }

    /// Whether entries of a day, as their writers saw it, may be asked for.
    pub fn may_match_day(&self, day: NaiveDate) -> bool {
        // Somewhere on earth an instant is on the day before or after.
        let late_enough = match self.since {
            None => true,
            Some(Bound::Day(first)) => day >= first,
            Some(Bound::Instant(first)) => day >= first.date_naive() - Days::new(1),
        };
        let early_enough = match self.until {
            None => true,
            Some(Bound::Day(last)) => day <= last,
            Some(Bound::Instant(last)) => day <= last.date_naive() + Days::new(1),
        };
        late_enough && early_enough
    }
}

impl Order {
    /// Keeps the latest `limit` entries and puts them into this order. Entries of the same time go by their ids.
    pub fn arrange(self, entries: &mut Vec<Entry>, limit: Option<usize>) {
        entries.sort_unstable_by_key(|entry| Reverse((entry.at, entry.id)));
        entries.truncate(limit.unwrap_or(usize::MAX));
        match self {
            Self::NewestFirst => {}
            Self::OldestFirst => entries.reverse(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ulid::Ulid;

    use super::super::entry::Stamp;
    use super::super::fold;
    use super::*;

    fn entry(n: u128, at: &str, body: &str) -> Entry {
        let stamp = Stamp { id: Ulid(n), ts: DateTime::UNIX_EPOCH, device: "xps".into() };
        fold([stamp.create(None, DateTime::parse_from_rfc3339(at).unwrap(), body.into())]).remove(0)
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_is_what_the_writers_clock_showed() {
        let late = entry(1, "2025-09-10T23:30:00-07:00", "x");
        let on = |text: &str| Filter {
            since: Some(Bound::Day(day(text))),
            until: Some(Bound::Day(day(text))),
            ..Filter::default()
        };
        assert!(on("2025-09-10").matches(&late));
        assert!(!on("2025-09-11").matches(&late), "in UTC it is the 11th, which nobody saw");
        assert!(!on("2025-09-09").matches(&late));
    }

    #[test]
    fn a_time_of_day_is_an_instant_and_both_ends_belong() {
        let noon = entry(1, "2025-09-10T12:00:00+02:00", "x");
        let at = |text: &str| Some(Bound::Instant(text.parse().unwrap()));
        for (since, until, expected) in [
            (at("2025-09-10T10:00:00Z"), None, true),
            (at("2025-09-10T10:00:01Z"), None, false),
            (None, at("2025-09-10T10:00:00Z"), true),
            (None, at("2025-09-10T09:59:59Z"), false),
        ] {
            let filter = Filter { since, until, ..Filter::default() };
            assert_eq!(filter.matches(&noon), expected, "{filter:?}");
            assert!(!expected || filter.may_match_day(noon.at.date_naive()), "{filter:?}");
        }
    }

    #[test]
    fn no_offset_on_earth_hides_an_entry_from_its_day() {
        for at in ["2025-09-10T00:00:00+14:00", "2025-09-10T23:59:59-12:00"] {
            let entry = entry(1, at, "x");
            let instant = Some(Bound::Instant(entry.at.to_utc()));
            let filter = Filter { since: instant, until: instant, ..Filter::default() };
            assert!(filter.matches(&entry) && filter.may_match_day(entry.at.date_naive()), "{at}");
        }
        let filter = Filter { since: Some(Bound::Day(day("2025-09-10"))), ..Filter::default() };
        assert!(!filter.may_match_day(day("2025-09-09")) && filter.may_match_day(day("2025-09-10")));
    }

    #[test]
    fn all_annotations_must_be_there_in_any_case() {
        let entry = entry(1, "2025-09-10T12:00:00Z", "with @Alice on ::search +ci +Übung");
        let filter = |tags: &[&str], people: &[&str]| Filter {
            tags: tags.iter().map(ToString::to_string).collect(),
            people: people.iter().map(ToString::to_string).collect(),
            ..Filter::default()
        };
        assert!(filter(&["CI", "u\u{308}bung"], &["alice"]).matches(&entry));
        assert!(!filter(&["ci", "cd"], &[]).matches(&entry));
        assert!(!filter(&[], &["ci"]).matches(&entry));
        assert!(!Filter { deleted: true, ..Filter::default() }.matches(&entry));
    }

    #[test]
    fn the_limit_keeps_the_latest_in_either_order() {
        let all = [
            entry(3, "2025-09-10T12:00:00Z", "b"),
            entry(2, "2025-09-10T14:00:00+02:00", "a"),
            entry(1, "2025-09-11T00:00:00Z", "c"),
        ];
        let texts = |order: Order, limit| {
            let mut entries = all.to_vec();
            order.arrange(&mut entries, limit);
            entries.into_iter().map(|entry| entry.body).collect::<String>()
        };
        assert_eq!(texts(Order::NewestFirst, None), "cba");
        assert_eq!(texts(Order::NewestFirst, Some(2)), "cb");
        assert_eq!(texts(Order::OldestFirst, Some(2)), "bc");
        assert_eq!(texts(Order::OldestFirst, Some(0)), "");
    }
}
