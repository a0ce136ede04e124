//! The planner against the table of the sync model: every row, direction, strategy and treatment of deletions.

mod case;

use std::collections::BTreeSet;

use case::{Blank, Bytes, Case, Here, Row, There, every_case, hash};
use devlog_core::conflict::Strategy;
use devlog_core::files::{BaseFile, CommitNumber, Unknown};
use devlog_core::path::RelPath;
use devlog_core::plan::{
    Deletions, Direction, NoteKind, Plan, Scope, Seen, Step, StepKind, SyncPolicy, plan,
};

/// What a cell of the table demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// No step, no conflict; a word at most, and none that makes a run partial.
    Nothing,
    LocalAhead,
    RemoteAhead,
    /// An edit met a deletion, and this run may not carry it.
    EditKept,
    Upload,
    Download,
    DeleteRemote,
    DeleteLocal,
    Forget,
    Conflict,
}
use Cell::{
    Conflict, DeleteLocal, DeleteRemote, Download, EditKept, Forget, LocalAhead, Nothing, RemoteAhead, Upload,
};

/// L, R, then sync, push and pull, where deletions are passed on and the two sides differ. From the design, by hand.
const TABLE: [(char, char, Cell, Cell, Cell); 12] = [
    ('=', '=', Nothing, Nothing, Nothing),
    ('D', 'D', Forget, Forget, Forget),
    ('A', '=', Upload, Upload, LocalAhead),
    ('M', '=', Upload, Upload, LocalAhead),
    ('=', 'A', Download, RemoteAhead, Download),
    ('=', 'M', Download, RemoteAhead, Download),
    ('D', '=', DeleteRemote, DeleteRemote, Nothing),
    ('=', 'D', DeleteLocal, Nothing, DeleteLocal),
    ('A', 'A', Conflict, Conflict, Conflict),
    ('M', 'M', Conflict, Conflict, Conflict),
    ('M', 'D', Upload, Upload, EditKept),
    ('D', 'M', Download, EditKept, Download),
];

/// What the table demands of a plan.
#[derive(Debug, PartialEq, Eq)]
enum Demand {
    /// Neither a step nor a conflict, and no word that makes a run partial.
    Quiet,
    /// Exactly this word and nothing else.
    Say(NoteKind),
    /// A step that settles no conflict.
    Do(StepKind),
    /// A step that settles a conflict.
    Settle(StepKind),
    /// A conflict that waits.
    Wait,
}

fn demanded(case: &Case) -> Demand {
    let is_tracked = case.row != Row::None || matches!(case.there, There::File(..));
    match (case.here, case.there) {
        (Here::Unreadable, _) => return Demand::Say(NoteKind::UnknownHere(Unknown::Unreadable("no".into()))),
        (Here::Excluded, _) if is_tracked => return Demand::Say(NoteKind::UnknownHere(Unknown::Excluded)),
        (Here::Excluded, _) => return Demand::Quiet,
        (_, There::Unknown(blank)) => return demanded_of_blank(case, blank),
        (Here::File(ours), There::File(theirs, commit)) if ours == theirs => {
            let is_settled = (case.row, theirs, commit) == (Row::Agreed, Bytes::Agreed, Some(5));
            return match commit {
                _ if is_settled => Demand::Quiet,
                Some(_) => Demand::Do(StepKind::Adopt),
                None if case.up() => Demand::Do(StepKind::Record),
                None => Demand::Quiet,
            };
        }
        _ => {}
    }
    let (l, r) = (case.letter_here(), case.letter_there());
    let row = TABLE.iter().find(|row| (row.0, row.1) == (l, r)).unwrap_or_else(|| panic!("no row {l}{r}"));
    let cell = match case.direction {
        Direction::Sync => row.2,
        Direction::Push => row.3,
        Direction::Pull => row.4,
    };
    let keep = case.deletions == Deletions::Keep;
    match cell {
        // (*) where deletions are not passed on, the row is marked, once.
        DeleteRemote if keep && case.row == Row::DeletedHere => Demand::Quiet,
        DeleteRemote if keep => Demand::Do(StepKind::MarkDeleted),
        DeleteLocal if keep => Demand::Quiet,
        Nothing => Demand::Quiet,
        LocalAhead => Demand::Say(NoteKind::LocalAhead),
        RemoteAhead => Demand::Say(NoteKind::RemoteAhead),
        EditKept => Demand::Say(NoteKind::EditBeatsDeletion),
        Upload => Demand::Do(StepKind::Upload),
        Download => Demand::Do(StepKind::Download),
        DeleteRemote => Demand::Do(StepKind::DeleteRemote),
        DeleteLocal => Demand::Do(StepKind::DeleteLocal),
        Forget => Demand::Do(StepKind::Forget),
        Conflict => demanded_of_conflict(case),
    }
}

/// The chain names an object and the bucket lacks it: only a device that has the bytes of that very commit may heal it.
fn demanded_of_blank(case: &Case, blank: Blank) -> Demand {
    let commit = match blank {
        Blank::MissingSinceBase => Some(CommitNumber(5)),
        Blank::MissingNewer => Some(CommitNumber(6)),
        Blank::MissingUnknown => None,
        Blank::Corrupt => return Demand::Say(NoteKind::UnknownThere(Unknown::Corrupt)),
    };
    let may_heal = blank == Blank::MissingSinceBase && case.row != Row::None && case.up();
    match case.here {
        Here::File(_) if may_heal => Demand::Do(StepKind::Upload),
        Here::Absent if may_heal && case.deletions == Deletions::Propagate => {
            Demand::Do(StepKind::DeleteRemote)
        }
        _ => Demand::Say(NoteKind::UnknownThere(Unknown::Missing(commit))),
    }
}

fn demanded_of_conflict(case: &Case) -> Demand {
    let (Here::File(ours), There::File(theirs, _)) = (case.here, case.there) else {
        panic!("a conflict takes two files");
    };
    let is_ours_newer = match case.times.0.cmp(&case.times.1) {
        std::cmp::Ordering::Equal => hash(ours) > hash(theirs),
        order => order.is_gt(),
    };
    let merges = case.path.starts_with("events/") || (case.path == "notes/a.md" && case.row != Row::None);
    let wanted = match case.strategy {
        Strategy::Manual => return Demand::Wait,
        Strategy::LocalPreferred => StepKind::Upload,
        Strategy::ServerPreferred => StepKind::Download,
        Strategy::LastWriteWins if is_ours_newer => StepKind::Upload,
        Strategy::LastWriteWins => StepKind::Download,
        Strategy::Merge if merges => StepKind::Merge,
        Strategy::Merge | Strategy::KeepBoth => StepKind::KeepBoth,
    };
    let may = if wanted == StepKind::Upload { case.up() } else { case.down() };
    if may { Demand::Settle(wanted) } else { Demand::Wait }
}

fn check(case: &Case) {
    let (local, base, remote) = (case.local(), case.base(), case.remote());
    let plan = plan(&local, &base, &remote, &case.policy());
    let demand = demanded(case);
    let found = match (plan.actions.as_slice(), plan.conflicts.as_slice(), plan.notes.as_slice()) {
        ([action], [], []) if action.settles.is_none() => Demand::Do(action.step.kind()),
        ([action], [], []) => Demand::Settle(action.step.kind()),
        ([], [conflict], []) => {
            assert_eq!(conflict.local.as_ref().map(|side| side.hash), Some(local.files[&case.path()].hash));
            assert_eq!(conflict.remote.as_ref().map(|side| side.hash), Some(remote.files[&case.path()].hash));
            Demand::Wait
        }
        ([], [], [note]) if demand == Demand::Quiet && !note.is_partial() => Demand::Quiet,
        ([], [], [note]) => Demand::Say(note.kind.clone()),
        ([], [], []) => Demand::Quiet,
        _ => panic!("{case:?}: more than one thing: {plan:?}"),
    };
    assert_eq!(found, demand, "{case:?}\n{plan:?}");
    check_expectations(case, &plan);
}

/// Whatever a step replaces or deletes, it names in the state in which the plan saw it.
fn check_expectations(case: &Case, plan: &Plan) {
    let path = case.path();
    let (local, remote) = (case.local(), case.remote());
    let (ours, theirs) = (local.files.get(&path), remote.files.get(&path));
    for action in &plan.actions {
        assert_eq!(action.path, path);
        match &action.step {
            Step::Upload { hash, size, replaces } => {
                assert_eq!(Some((*hash, *size)), ours.map(|file| (file.hash, file.size)));
                assert_eq!(*replaces, theirs.map(Seen::from), "{case:?}");
            }
            Step::Download { file, replaces } => {
                assert_eq!(Some(file), theirs);
                assert_eq!(*replaces, ours.map(|file| file.hash), "{case:?}");
            }
            Step::DeleteRemote { seen } => {
                let missing = case.base().get(&path).map(BaseFile::as_remote);
                assert_eq!(Some(seen.clone()), theirs.or(missing.as_ref()).map(Seen::from));
            }
            Step::DeleteLocal { hash, .. } => assert_eq!(Some(*hash), ours.map(|file| file.hash)),
            Step::Adopt { file } | Step::Record { file } => assert_eq!(Some(file), theirs),
            Step::Merge { local, base, remote, copy } => {
                assert_eq!((Some(*local), Some(remote)), (ours.map(|file| file.hash), theirs));
                assert_eq!(*base, case.base().get(&path).map(|row| row.hash));
                assert_ne!(*copy, path);
            }
            Step::KeepBoth { local, remote, copy } => {
                assert_eq!((Some(*local), remote.as_ref()), (ours.map(|file| file.hash), theirs));
                assert_ne!(*copy, path);
            }
            Step::Forget | Step::MarkDeleted => {}
            Step::SetAsideRemote { .. } => panic!("{case:?}: no folder is in sight"),
        }
    }
}

#[test]
fn every_row_is_as_the_table_says() {
    let mut cases = 0;
    let mut letters = BTreeSet::new();
    every_case(|case| {
        check(&case);
        cases += 1;
        letters.insert((case.letter_here(), case.letter_there()));
    });
    assert_eq!(cases, 3 * 7 * 3 * 11 * 3 * 2 * 6 * 3);
    assert!(TABLE.iter().all(|row| letters.contains(&(row.0, row.1))), "a row was never tried");
}

#[test]
fn a_path_outside_the_scope_is_left_alone() {
    every_case(|case| {
        let policy =
            SyncPolicy { scope: Scope::of(vec![RelPath::new("elsewhere").unwrap()]), ..case.policy() };
        let plan = plan(&case.local(), &case.base(), &case.remote(), &policy);
        assert_eq!(plan, Plan::default(), "{case:?}");
    });
}

#[test]
fn only_local_changes_are_never_a_conflict_under_any_strategy() {
    every_case(|case| {
        if case.letter_there() == '=' && matches!(case.letter_here(), 'A' | 'M') {
            let plan = plan(&case.local(), &case.base(), &case.remote(), &case.policy());
            assert!(plan.conflicts.is_empty(), "{case:?}");
            assert!(plan.actions.iter().all(|action| action.settles.is_none()), "{case:?}");
        }
    });
}

#[test]
fn the_last_writer_is_the_same_on_both_devices() {
    for times in [(1, 2), (2, 1), (1, 1)] {
        let seen_from = |ours, theirs, times| {
            let case = Case {
                path: "a.bin",
                here: Here::File(ours),
                row: Row::Agreed,
                there: There::File(theirs, Some(6)),
                direction: Direction::Sync,
                deletions: Deletions::Propagate,
                strategy: Strategy::LastWriteWins,
                times,
            };
            let plan = plan(&case.local(), &case.base(), &case.remote(), &case.policy());
            match plan.actions[0].step.kind() {
                StepKind::Upload => ours,
                StepKind::Download => theirs,
                other => panic!("{other:?}"),
            }
        };
        let here = seen_from(Bytes::Ours, Bytes::Theirs, times);
        let there = seen_from(Bytes::Theirs, Bytes::Ours, (times.1, times.0));
        assert_eq!(here, there, "{times:?}");
    }
}
