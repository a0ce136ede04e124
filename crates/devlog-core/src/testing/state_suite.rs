//! What every `StateStore` must keep: one case a function, each on a store of its own.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::conflict::{Clash, Conflict, ConflictSide};
use crate::files::{BaseFile, CommitNumber, ContentHash, FileTime, RemoteFile, Version};
use crate::path::RelPath;
use crate::ports::{
    FileStat, Head, Intent, Known, QueuedRequest, RemoteId, RunRecord, StatRecord, StateChange, StateStore,
};
use crate::report::Operation;

/// Runs every case, each on an empty store of `open`'s making. Panics at the first that does not hold.
pub fn run(open: &dyn Fn() -> Box<dyn StateStore>) {
    for case in CASES {
        case(&*open());
    }
}

const CASES: [fn(&dyn StateStore); 12] = [
    an_unknown_remote_is_empty,
    urls_lead_to_identities,
    what_is_applied_is_loaded,
    changes_apply_in_order,
    agreement_settles_what_was_ahead,
    deletions_are_forgotten_or_marked,
    identities_are_apart,
    an_intent_is_replaced_and_cleared,
    stats_are_learned_and_dropped,
    conflicts_keep_their_time,
    equal_requests_are_one,
    runs_are_capped,
];

fn an_unknown_remote_is_empty(store: &dyn StateStore) {
    assert_eq!(known(store, "never"), Known::default());
    assert_eq!(store.conflicts(&id("never")).expect("conflicts"), []);
    assert!(store.stats().expect("stats").is_empty());
    assert_eq!(store.queue().expect("queue"), []);
    assert_eq!(store.runs(10).expect("runs"), []);
}

fn urls_lead_to_identities(store: &dyn StateStore) {
    assert_eq!(store.identity("file:///a").expect("identity"), None);
    store.bind("file:///a", &id("one")).expect("bind");
    store.bind("file:///b", &id("one")).expect("bind");
    store.bind("file:///a", &id("two")).expect("bind again");
    assert_eq!(store.identity("file:///a").expect("identity"), Some(id("two")));
    assert_eq!(store.identity("file:///b").expect("identity"), Some(id("one")));
    assert_eq!(store.identity("file:///c").expect("identity"), None);
}

fn what_is_applied_is_loaded(store: &dyn StateStore) {
    let extreme = BaseFile {
        size: u64::MAX,
        mtime: FileTime(i64::MIN),
        commit: CommitNumber(u64::MAX),
        deleted_here: true,
        ..base(1)
    };
    let seen = RemoteFile { commit: None, ..remote(5) };
    let intent = Intent {
        commit_id: "c-1".into(),
        number: CommitNumber(8),
        rows: vec![(path("z"), Some(base(3))), (path("a"), None), (path("m"), Some(extreme.clone()))],
    };
    let head = Head { number: CommitNumber(7), hash: ContentHash::of(b"seven") };
    let changes = [
        StateChange::Head(head),
        StateChange::Agree(path("b/日本.md"), base(2)),
        StateChange::Agree(path("a"), extreme.clone()),
        StateChange::Ahead(path("new"), Some(remote(4))),
        StateChange::Ahead(path("seen"), Some(seen.clone())),
        StateChange::Ahead(path("gone"), None),
        StateChange::Intend(intent.clone()),
    ];
    store.apply(&id("one"), &changes).expect("apply");
    let expected = Known {
        base: BTreeMap::from([(path("a"), extreme), (path("b/日本.md"), base(2))]),
        ahead: BTreeMap::from([
            (path("new"), Some(remote(4))),
            (path("seen"), Some(seen)),
            (path("gone"), None),
        ]),
        head: Some(head),
        intent: Some(intent),
    };
    assert_eq!(known(store, "one"), expected);
}

fn changes_apply_in_order(store: &dyn StateStore) {
    let changes = [
        StateChange::Agree(path("a"), base(1)),
        StateChange::Forget(path("a")),
        StateChange::Agree(path("a"), base(2)),
        StateChange::Ahead(path("b"), Some(remote(1))),
        StateChange::Ahead(path("b"), None),
        StateChange::Agree(path("c"), base(3)),
        StateChange::Ahead(path("c"), Some(remote(9))),
        StateChange::Agree(path("d"), base(4)),
        StateChange::Forget(path("d")),
    ];
    store.apply(&id("one"), &changes).expect("apply");
    let known = known(store, "one");
    assert_eq!(known.base, BTreeMap::from([(path("a"), base(2)), (path("c"), base(3))]));
    assert_eq!(known.ahead, BTreeMap::from([(path("b"), None), (path("c"), Some(remote(9)))]));
}

fn agreement_settles_what_was_ahead(store: &dyn StateStore) {
    apply(store, "one", StateChange::Ahead(path("a"), Some(remote(1))));
    apply(store, "one", StateChange::Ahead(path("b"), Some(remote(2))));
    apply(store, "one", StateChange::Agree(path("a"), base(1)));
    assert_eq!(known(store, "one").ahead, BTreeMap::from([(path("b"), Some(remote(2)))]));
}

fn deletions_are_forgotten_or_marked(store: &dyn StateStore) {
    for name in ["a", "b", "c"] {
        apply(store, "one", StateChange::Agree(path(name), base(1)));
        apply(store, "one", StateChange::Ahead(path(name), None));
    }
    apply(store, "one", StateChange::Forget(path("a")));
    apply(store, "one", StateChange::MarkDeleted(path("b")));
    apply(store, "one", StateChange::MarkDeleted(path("never")));
    apply(store, "one", StateChange::Forget(path("never")));
    let known = known(store, "one");
    let marked = BaseFile { deleted_here: true, ..base(1) };
    assert_eq!(known.base, BTreeMap::from([(path("b"), marked), (path("c"), base(1))]));
    assert_eq!(known.ahead, BTreeMap::from([(path("b"), None), (path("c"), None)]));
}

fn identities_are_apart(store: &dyn StateStore) {
    apply(store, "one", StateChange::Agree(path("a"), base(1)));
    apply(store, "two", StateChange::Agree(path("a"), base(2)));
    apply(store, "two", StateChange::Ahead(path("b"), None));
    apply(store, "one", StateChange::Head(Head { number: CommitNumber(1), hash: ContentHash::of(b"1") }));
    store.set_conflicts(&id("two"), &[conflict("a", 1, None)]).expect("set");
    store.set_conflicts(&id("one"), &[]).expect("set");
    apply(store, "one", StateChange::Forget(path("a")));

    assert_eq!(known(store, "one").base, BTreeMap::new());
    assert_eq!(known(store, "two").base, BTreeMap::from([(path("a"), base(2))]));
    assert_eq!(known(store, "two").ahead.len(), 1);
    assert_eq!(known(store, "two").head, None);
    assert_eq!(store.conflicts(&id("two")).expect("conflicts").len(), 1);
}

fn an_intent_is_replaced_and_cleared(store: &dyn StateStore) {
    let intent = |name: &str, rows: usize| Intent {
        commit_id: name.into(),
        number: CommitNumber(1),
        rows: (0..rows).map(|row| (path(&format!("f{row}")), Some(base(1)))).collect(),
    };
    apply(store, "one", StateChange::Intend(intent("first", 5)));
    apply(store, "two", StateChange::Intend(intent("other", 1)));
    apply(store, "one", StateChange::Intend(intent("second", 2)));
    assert_eq!(known(store, "one").intent, Some(intent("second", 2)));
    apply(store, "one", StateChange::ClearIntent);
    apply(store, "one", StateChange::ClearIntent);
    assert_eq!(known(store, "one").intent, None);
    assert_eq!(known(store, "two").intent, Some(intent("other", 1)));
}

fn stats_are_learned_and_dropped(store: &dyn StateStore) {
    let record = |seed: u8| StatRecord {
        stat: FileStat {
            size: u64::MAX,
            mtime: FileTime(-1),
            ctime: i64::MAX,
            inode: u64::MAX - u64::from(seed),
        },
        hash: ContentHash::of(&[seed]),
        recorded: i64::from(seed),
    };
    store
        .learn(&[(path("a"), record(1)), (path("b"), record(2)), (path("c"), record(3))], &[])
        .expect("learn");
    store.learn(&[(path("b"), record(4))], &[path("a"), path("never")]).expect("learn");
    let expected = [(path("b"), record(4)), (path("c"), record(3))];
    assert_eq!(store.stats().expect("stats"), expected.into_iter().collect());
}

fn conflicts_keep_their_time(store: &dyn StateStore) {
    let set = |conflicts: &[Conflict]| store.set_conflicts(&id("one"), conflicts).expect("set");
    let seen = || store.conflicts(&id("one")).expect("conflicts");
    set(&[conflict("b", 1, Some(at(10))), conflict("a", 2, Some(at(20)))]);
    assert_eq!(seen(), [conflict("a", 2, Some(at(20))), conflict("b", 1, Some(at(10)))], "sorted by path");
    // The local side was edited once more: still the same conflict, and as old as it was.
    set(&[conflict("b", 3, None), conflict("c", 4, Some(at(30)))]);
    assert_eq!(seen(), [conflict("b", 3, Some(at(10))), conflict("c", 4, Some(at(30)))]);
    set(&[]);
    assert_eq!(seen(), []);
    set(&[conflict("b", 3, Some(at(40)))]);
    assert_eq!(seen(), [conflict("b", 3, Some(at(40)))], "one that was settled begins anew");

    let folder = Conflict { local: None, clash: Clash::FileAndFolder, ..conflict("d", 5, Some(at(50))) };
    set(std::slice::from_ref(&folder));
    assert_eq!(seen(), [folder]);
}

fn equal_requests_are_one(store: &dyn StateStore) {
    let ask = |operation, paths: &[RelPath], second, error| {
        store.enqueue(operation, paths, at(second), error).expect("enqueue");
    };
    let some = [path("a"), path("b")];
    ask(Operation::Push, &[], 1, None);
    ask(Operation::Pull, &[], 2, Some("no route"));
    ask(Operation::Push, &some, 3, Some("no route"));
    ask(Operation::Push, &[], 4, Some("no name server"));
    ask(Operation::Push, &[path("b"), path("a")], 5, Some("timed out"));

    let queue = store.queue().expect("queue");
    let plain: Vec<_> = queue
        .iter()
        .map(|q| (q.operation, q.paths.as_slice(), q.since, q.attempts, q.last_error.as_deref()))
        .collect();
    let expected: [(_, &[RelPath], _, _, _); 3] = [
        (Operation::Push, &[], at(1), 1, Some("no name server")),
        (Operation::Pull, &[], at(2), 1, Some("no route")),
        (Operation::Push, &some, at(3), 2, Some("timed out")),
    ];
    assert_eq!(plain, expected, "oldest first; a request that was not tried counts no try");

    let ids: Vec<i64> = queue.iter().map(|request| request.id).collect();
    store.dequeue(&[ids[0], ids[2], i64::MAX]).expect("dequeue");
    let left = store.queue().expect("queue");
    assert_eq!(left.iter().map(|request| request.id).collect::<Vec<_>>(), [ids[1]]);
    ask(Operation::Push, &[], 6, None);
    let fresh: Vec<QueuedRequest> = store
        .queue()
        .expect("queue")
        .into_iter()
        .filter(|request| request.operation == Operation::Push)
        .collect();
    assert_eq!((fresh.len(), fresh[0].attempts, fresh[0].since), (1, 0, at(6)));
    assert!(!ids.contains(&fresh[0].id), "an id is never given twice");
}

fn runs_are_capped(store: &dyn StateStore) {
    let record = |number: i64| RunRecord {
        operation: Operation::Sync,
        started: at(number),
        duration_ms: 41,
        succeeded: number % 2 == 0,
        error: (number % 2 == 1).then(|| "a/b: denied".to_owned()),
        files: 3,
        bytes: u64::MAX,
        requests: 7,
    };
    for number in 0..1003 {
        store.record_run(&record(number)).expect("record");
    }
    assert_eq!(store.runs(2).expect("runs"), [record(1002), record(1001)]);
    let all = store.runs(usize::MAX).expect("runs");
    assert_eq!(all.len(), 1000);
    assert_eq!(all.last(), Some(&record(3)));
}

fn known(store: &dyn StateStore, name: &str) -> Known {
    store.load(&id(name)).expect("load")
}

fn apply(store: &dyn StateStore, name: &str, change: StateChange) {
    store.apply(&id(name), &[change]).expect("apply");
}

fn id(name: &str) -> RemoteId {
    RemoteId(name.to_owned())
}

fn path(text: &str) -> RelPath {
    RelPath::new(text).expect("a valid path")
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_757_600_000 + second) + TimeDelta::nanoseconds(123_456_789)
}

fn remote(seed: u8) -> RemoteFile {
    RemoteFile {
        hash: ContentHash::of(&[seed]),
        size: u64::from(seed),
        mtime: FileTime(i64::from(seed) * 1_000_000_007),
        version: Version::new(format!("\"v{seed}\"")),
        commit: Some(CommitNumber(u64::from(seed))),
    }
}

fn base(seed: u8) -> BaseFile {
    BaseFile::agreed(&remote(seed), CommitNumber(u64::from(seed)))
}

fn conflict(name: &str, seed: u8, detected_at: Option<DateTime<Utc>>) -> Conflict {
    let file = remote(seed);
    let local = ConflictSide {
        hash: ContentHash::of(b"local"),
        size: 5,
        mtime: FileTime(i64::from(seed)),
        version: None,
    };
    let (path, clash) = (path(name), Clash::BothModified);
    Conflict { path, clash, local: Some(local), remote: Some(ConflictSide::from(&file)), detected_at }
}
