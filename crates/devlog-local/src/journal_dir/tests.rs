//! What must hold of the journal's files: nothing lost, nothing glued, nothing read in vain.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use chrono::{DateTime, FixedOffset};
use devlog_core::journal::{Bound, Event, Filter, Order, Stamp, Ulid};
use tempfile::TempDir;

use super::*;

fn journal() -> (TempDir, JournalDir) {
    let folder = tempfile::tempdir().unwrap();
    let journal = JournalDir::of(&Root::at(folder.path()).unwrap());
    (folder, journal)
}

fn at(text: &str) -> DateTime<FixedOffset> {
    DateTime::parse_from_rfc3339(text).unwrap()
}

fn event(n: u128, time: &str, body: &str) -> Event {
    let stamp = Stamp { id: Ulid(n), ts: at(time).to_utc(), device: "xps".into() };
    stamp.create(None, at(time), body.into())
}

fn bodies(selection: &Selection) -> Vec<&str> {
    let mut bodies: Vec<&str> = selection.entries.iter().map(|entry| entry.body.as_str()).collect();
    bodies.sort_unstable();
    bodies
}

fn day_file(folder: &TempDir, name: &str) -> std::path::PathBuf {
    folder.path().join("events").join(name)
}

const TIME: &str = "2025-09-10T23:30:00-07:00";

#[test]
fn an_event_is_one_line_in_the_file_of_its_entrys_day() {
    let (folder, journal) = journal();
    let event = event(1, TIME, "two\nlines");
    assert_eq!(journal.append(&event).unwrap(), None);
    let file = day_file(&folder, "20250910.jsonl");
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{}\n", event.to_line()));
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(journal.lines_of(event.entry).unwrap(), [event.to_line()]);
}

#[test]
fn many_writers_at_once_all_land() {
    let (_folder, journal) = journal();
    std::thread::scope(|scope| {
        for writer in 0..8_u128 {
            let journal = &journal;
            scope.spawn(move || {
                for n in 0..25 {
                    journal.append(&event(writer * 100 + n, TIME, &"x".repeat(5000))).unwrap();
                }
            });
        }
    });
    let all = journal.all().unwrap();
    assert_eq!((all.entries.len(), all.skipped.len()), (200, 0));
}

#[test]
fn a_torn_line_is_set_aside_and_nothing_is_glued_to_it() {
    // The pieces are longer than what is read at once, too.
    for piece in
        ["{\"v\":1,\"id\":\"01K4", "\0\0\0\0", &format!("{{\"v\":1,\"body\":\"{}", "x".repeat(200_000))]
    {
        let (folder, journal) = journal();
        journal.append(&event(1, TIME, "a")).unwrap();
        let file = day_file(&folder, "20250910.jsonl");
        let whole = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{whole}{piece}")).unwrap();

        assert_eq!(bodies(&journal.all().unwrap()), ["a"], "reading passes over it");
        let aside = journal.append(&event(2, TIME, "b")).unwrap().unwrap();
        assert_eq!(aside.file, day_file(&folder, "20250910.torn-1"));
        assert_eq!(fs::read_to_string(&aside.file).unwrap(), piece);
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("{whole}{}\n", event(2, TIME, "b").to_line()));

        fs::write(&file, piece).unwrap();
        assert!(journal.append(&event(3, TIME, "c")).unwrap().unwrap().file.ends_with("20250910.torn-2"));
        assert_eq!(bodies(&journal.all().unwrap()), ["c"]);
    }
}

#[test]
fn a_whole_line_that_only_lacks_its_break_is_kept_in_place() {
    let (folder, journal) = journal();
    let (a, b) = (event(1, TIME, "a"), event(2, TIME, "b"));
    fs::create_dir(folder.path().join("events")).unwrap();
    fs::write(day_file(&folder, "20250910.jsonl"), a.to_line()).unwrap();
    assert_eq!(journal.append(&b).unwrap(), None);
    let text = fs::read_to_string(day_file(&folder, "20250910.jsonl")).unwrap();
    assert_eq!(text, format!("{}\n{}\n", a.to_line(), b.to_line()));
}

#[test]
fn a_file_that_is_replaced_while_we_wait_does_not_swallow_the_line() {
    let (folder, journal) = journal();
    journal.append(&event(1, TIME, "old")).unwrap();
    let file = day_file(&folder, "20250910.jsonl");
    let holder = fs::File::open(&file).unwrap();
    holder.lock().unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| journal.append(&event(2, TIME, "mine")).unwrap());
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert!(!writer.is_finished(), "the lock is respected");
        let pulled = folder.path().join("pulled");
        fs::write(&pulled, format!("{}\n", event(3, TIME, "theirs").to_line())).unwrap();
        fs::rename(&pulled, &file).unwrap();
        drop(holder);
    });
    assert_eq!(bodies(&journal.all().unwrap()), ["mine", "theirs"]);
}

#[test]
fn lines_that_are_no_events_are_named_and_passed_over() {
    let (folder, journal) = journal();
    journal.append(&event(1, TIME, "a")).unwrap();
    let file = day_file(&folder, "20250910.jsonl");
    let line = fs::read(&file).unwrap();
    let text = [&line[..], b"\nnonsense\n\xff\xfe\n{\"v\":9}\r\n", &line[..line.len() - 1], b"\r\n"].concat();
    fs::write(&file, text).unwrap();
    fs::create_dir(day_file(&folder, "20250911.jsonl")).unwrap();
    let all = journal.all().unwrap();
    assert_eq!(bodies(&all), ["a"]);
    let skipped: Vec<(&str, usize)> = all.skipped.iter().map(|s| (s.file.as_str(), s.line)).collect();
    let file = "events/20250910.jsonl";
    assert_eq!(skipped, [(file, 3), (file, 4), (file, 5)]);
    assert_eq!(all.skipped[2].reason, "written in format 9 by a newer devlog");
}

#[test]
fn only_the_days_that_matter_are_read() {
    let (folder, journal) = journal();
    for day in 1..=9_u128 {
        journal.append(&event(day, &format!("2025-09-0{day}T15:00:00Z"), &day.to_string())).unwrap();
    }
    let on = |day: &str| Filter {
        since: Some(Bound::Day(day.parse().unwrap())),
        until: Some(Bound::Day(day.parse().unwrap())),
        ..Filter::default()
    };
    let one = journal.select(&on("2025-09-04"), None).unwrap();
    assert_eq!((bodies(&one), one.unread.len()), (vec!["4"], 8));
    assert_eq!(journal.ids_in(&one.unread).unwrap().len(), 8);

    let mut latest = journal.select(&Filter::default(), Some(2)).unwrap();
    assert_eq!(latest.unread.len(), 7, "in no zone is the 7th later than the 8th at 15:00 UTC");
    Order::NewestFirst.arrange(&mut latest.entries, Some(2));
    let texts: Vec<&str> = latest.entries.iter().map(|entry| entry.body.as_str()).collect();
    assert_eq!(texts, ["9", "8"]);
    assert_eq!(journal.select(&Filter::default(), Some(0)).unwrap().unread.len(), 9);

    // A file of no day, such as a conflict copy, is always read.
    fs::copy(day_file(&folder, "20250901.jsonl"), day_file(&folder, "20250901.conflict-b-1.jsonl")).unwrap();
    fs::remove_file(day_file(&folder, "20250901.jsonl")).unwrap();
    assert_eq!(bodies(&journal.select(&Filter::default(), Some(1)).unwrap())[0], "1");
    assert_eq!(journal.all().unwrap().entries.len(), 9);
}

#[test]
fn an_evening_far_in_the_west_is_later_than_the_next_morning_in_the_east() {
    let (_folder, journal) = journal();
    journal.append(&event(1, "2025-09-10T23:00:00-10:00", "west")).unwrap();
    journal.append(&event(2, "2025-09-11T06:00:00+10:00", "east")).unwrap();
    let mut latest = journal.select(&Filter::default(), Some(1)).unwrap();
    Order::NewestFirst.arrange(&mut latest.entries, Some(1));
    assert_eq!(bodies(&latest), ["west"]);
}

#[test]
fn an_unwritable_journal_is_an_error_that_names_the_file() {
    let (folder, journal) = journal();
    fs::write(folder.path().join("events"), "a file, not a folder").unwrap();
    let error = journal.append(&event(1, TIME, "a")).unwrap_err();
    assert!(
        matches!(&error, JournalError::Write { file, .. } if file.ends_with("events/20250910.jsonl")),
        "{error}"
    );
    assert!(matches!(journal.all(), Err(JournalError::Read { .. })));
}
