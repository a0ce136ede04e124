//! `Entry`: what the events of one id add up to.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, FixedOffset, Utc};
use ulid::Ulid;

use super::{Annotations, Event, Op};

/// One entry of the journal, as it is to be shown, with all that ever happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The entry's id.
    pub id: Ulid,
    /// The time that it is about.
    pub at: DateTime<FixedOffset>,
    /// When it was first written.
    pub ts: DateTime<Utc>,
    /// Its text.
    pub body: String,
    /// Who wrote it first.
    pub device: String,
    /// It is not shown unless asked for.
    pub deleted: bool,
    heads: Vec<Ulid>,
    history: Vec<Event>,
}

/// What an author adds to what happened: an id that was never used, the time, and the device.
#[derive(Debug, Clone)]
pub struct Stamp {
    /// The new event's id.
    pub id: Ulid,
    /// Now.
    pub ts: DateTime<Utc>,
    /// The author's device.
    pub device: String,
}

impl Stamp {
    /// The event that begins an entry; its id is the event's own unless the author chose one.
    pub fn create(self, entry: Option<Ulid>, at: DateTime<FixedOffset>, body: String) -> Event {
        Event {
            id: self.id,
            entry: entry.unwrap_or(self.id),
            op: Op::Created,
            ts: Event::timestamp(self.ts),
            at: Some(at),
            device: self.device,
            parents: Vec::new(),
            body: Some(body),
        }
    }
}

impl Entry {
    /// All events, in the order of their ids.
    pub fn history(&self) -> &[Event] {
        &self.history
    }

    /// Whether devices changed it without knowing of each other. The latest text is shown; all are in the history.
    pub fn is_contested(&self) -> bool {
        self.heads.len() > 1
    }

    /// Whether its text was ever changed.
    pub fn is_edited(&self) -> bool {
        self.history.iter().any(|event| matches!(event.op, Op::Edited | Op::Merged | Op::Resolved))
    }

    /// The annotations of its text.
    pub fn annotations(&self) -> Annotations {
        Annotations::of(&self.body)
    }

    /// The event that changes it. It follows on every version there is, so that what its author wrote is what is shown.
    pub fn change(&self, op: Op, body: Option<String>, stamp: Stamp) -> Event {
        // The clock may be behind the one that wrote last; events must sort behind their parents all the same.
        let latest = self.history.iter().map(|event| event.id).max().unwrap_or(self.id);
        let next = latest.increment().unwrap_or_else(|overflow| overflow);
        Event {
            id: stamp.id.max(next),
            entry: self.id,
            op,
            ts: Event::timestamp(stamp.ts),
            at: Some(self.at),
            device: stamp.device,
            parents: self.heads.clone(),
            body,
        }
    }
}

/// Adds events up to entries, in the order of their ids. An event that occurs twice counts once.
pub fn fold(events: impl IntoIterator<Item = Event>) -> Vec<Entry> {
    let mut by_entry = HashMap::<Ulid, Vec<Event>>::new();
    for event in events {
        by_entry.entry(event.entry).or_default().push(event);
    }
    let mut entries: Vec<Entry> = by_entry.into_iter().filter_map(|(id, events)| entry(id, events)).collect();
    entries.sort_unstable_by_key(|entry| entry.id);
    entries
}

fn entry(id: Ulid, mut history: Vec<Event>) -> Option<Entry> {
    history.sort_by_key(|event| event.id);
    history.dedup_by_key(|event| event.id);
    let heads = heads(&history);
    // An edit beats a deletion; among edits the latest is shown.
    let shown = heads
        .iter()
        .filter_map(|head| Some((*head, state(&history, *head)?)))
        .max_by_key(|(head, state)| (!state.deleted, *head))
        .map(|(_, state)| state);
    let State { deleted, body, at } = shown?;
    let body = body.or_else(|| history.iter().rev().find_map(text))?.to_owned();
    let at = at.or_else(|| history.iter().find_map(|event| event.at));
    let first = history.iter().find(|event| event.op == Op::Created).or(history.first())?;
    Some(Entry {
        id,
        at: at.unwrap_or_else(|| first.ts.fixed_offset()),
        ts: first.ts,
        body,
        device: first.device.clone(),
        deleted,
        heads,
        history,
    })
}

/// The events that no other event follows on.
fn heads(history: &[Event]) -> Vec<Ulid> {
    let mut followed = HashSet::new();
    if history.len() > 1 {
        for (index, event) in history.iter().enumerate() {
            followed.extend(parents(history, index).filter(|parent| *parent != event.id));
        }
    }
    let heads: Vec<Ulid> = history.iter().map(|event| event.id).filter(|id| !followed.contains(id)).collect();
    // Only in a forged ring does everything follow on something.
    if heads.is_empty() { history.last().map(|event| event.id).into_iter().collect() } else { heads }
}

/// What an event follows on. Hand-written lines may not say; such a change follows on the one before.
fn parents(history: &[Event], index: usize) -> impl Iterator<Item = Ulid> {
    let event = &history[index];
    let before = index.checked_sub(1).filter(|_| event.parents.is_empty() && event.op != Op::Created);
    event.parents.iter().copied().chain(before.map(|before| history[before].id))
}

struct State<'a> {
    deleted: bool,
    body: Option<&'a str>,
    at: Option<DateTime<FixedOffset>>,
}

/// What an entry is after an event, told by walking back until everything is known.
fn state(history: &[Event], head: Ulid) -> Option<State<'_>> {
    let find = |id: Ulid| history.binary_search_by_key(&id, |event| event.id).ok();
    let (mut deleted, mut body, mut at) = (None, None, None);
    let mut next = Some(find(head)?);
    // Never longer than the history, or a forged ring would not end.
    for _ in 0..history.len() {
        let Some(index) = next else { break };
        let event = &history[index];
        let deletes = match event.op {
            Op::Deleted => Some(true),
            Op::Created | Op::Edited | Op::Restored | Op::Merged | Op::Resolved => Some(false),
            Op::Unknown(_) => None,
        };
        deleted = deleted.or(deletes);
        body = body.or_else(|| text(event));
        at = at.or(event.at);
        if deleted.is_some() && body.is_some() && at.is_some() {
            break;
        }
        next = parents(history, index).filter_map(find).max();
    }
    Some(State { deleted: deleted.unwrap_or(false), body, at })
}

fn text(event: &Event) -> Option<&str> {
    match event.op {
        Op::Unknown(_) => None,
        Op::Created | Op::Edited | Op::Deleted | Op::Restored | Op::Merged | Op::Resolved => {
            event.body.as_deref()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> Ulid {
        Ulid(n)
    }

    /// An event of entry 1: its id, what it follows on, and its text.
    fn event(n: u128, op: Op, parents: &[u128], body: &str) -> Event {
        Event {
            id: id(n),
            entry: id(1),
            op,
            ts: DateTime::UNIX_EPOCH,
            at: Some(DateTime::UNIX_EPOCH.fixed_offset()),
            device: format!("d{n}"),
            parents: parents.iter().copied().map(id).collect(),
            body: Some(body.to_owned()).filter(|body| !body.is_empty()),
        }
    }

    #[track_caller]
    fn check(events: &[Event], body: &str, deleted: bool, contested: bool) {
        // The order of lines, and lines that occur twice, change nothing.
        let mixed = events.iter().rev().chain(events).cloned();
        for entries in [fold(events.to_vec()), fold(mixed)] {
            assert_eq!(entries.len(), 1);
            let entry = &entries[0];
            assert_eq!((&*entry.body, entry.deleted, entry.is_contested()), (body, deleted, contested));
            assert_eq!(entry.history().len(), events.len());
            assert_eq!(entry.device, "d1");
        }
    }

    #[test]
    fn events_add_up() {
        let a = event(1, Op::Created, &[], "a");
        let b = event(2, Op::Edited, &[1], "b");
        let gone = event(3, Op::Deleted, &[2], "");
        let back = event(4, Op::Restored, &[3], "");
        check(std::slice::from_ref(&a), "a", false, false);
        check(&[a.clone(), b.clone()], "b", false, false);
        check(&[a.clone(), b.clone(), gone.clone()], "b", true, false);
        check(&[a, b, gone, back], "b", false, false);
    }

    #[test]
    fn of_two_concurrent_edits_the_later_is_shown_and_both_are_kept() {
        let a = event(1, Op::Created, &[], "a");
        let here = event(2, Op::Edited, &[1], "here");
        let there = event(3, Op::Edited, &[1], "there");
        check(&[a.clone(), here.clone(), there.clone()], "there", false, true);

        let settled = event(4, Op::Resolved, &[2, 3], "both");
        check(&[a.clone(), here.clone(), there, settled], "both", false, false);

        // An edit beats a deletion, whichever came later.
        check(&[a.clone(), here.clone(), event(3, Op::Deleted, &[1], "")], "here", false, true);
        check(&[a, event(2, Op::Deleted, &[1], ""), event(3, Op::Edited, &[1], "x")], "x", false, true);
    }

    #[test]
    fn a_change_follows_on_every_version_whatever_the_clock_says() {
        let future = u128::from(u32::MAX);
        let events = [
            event(1, Op::Created, &[], "a"),
            event(2, Op::Edited, &[1], "b"),
            event(future, Op::Edited, &[1], "from the future"),
        ];
        let entry = fold(events.clone()).remove(0);
        let stamp = Stamp { id: id(10), ts: DateTime::UNIX_EPOCH, device: "xps".into() };
        let mine = entry.change(Op::Edited, Some("mine".into()), stamp);
        assert_eq!(mine.parents, [id(2), id(future)]);
        let events: Vec<Event> = events.into_iter().chain([mine]).collect();
        check(&events, "mine", false, false);
    }

    #[test]
    fn ops_of_the_future_and_lines_without_parents_do_no_harm() {
        let a = event(1, Op::Created, &[], "a");
        let pinned = event(2, Op::Unknown("pinned".into()), &[1], "not a text");
        check(&[a.clone(), pinned.clone()], "a", false, false);
        check(&[a.clone(), pinned, event(3, Op::Deleted, &[], "")], "a", true, false);
        check(&[a.clone(), event(2, Op::Edited, &[], "b")], "b", false, false);
        check(&[a.clone(), event(2, Op::Edited, &[77], "b")], "b", false, true);
        // Rings cannot be written honestly; they must still end.
        check(&[a, event(2, Op::Restored, &[3], ""), event(3, Op::Restored, &[2], "")], "a", false, false);
    }

    #[test]
    fn what_lost_its_beginning_is_shown_and_what_never_had_text_is_not() {
        let entries = fold([event(2, Op::Edited, &[1], "b")]);
        assert_eq!(entries[0].body, "b");
        assert!(fold([event(2, Op::Deleted, &[1], "")]).is_empty());
    }
}
