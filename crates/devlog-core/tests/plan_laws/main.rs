//! Laws that hold for every plan, whatever the trees look like.

mod world;

use std::collections::BTreeSet;

use devlog_core::conflict::Strategy as Settle;
use devlog_core::files::ContentHash;
use devlog_core::path::RelPath;
use devlog_core::plan::{Deletions, Direction, Plan, Step, StepKind, plan};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use world::{World, clashes, world};

const CASES: u32 = 2048;
const SEED: u64 = 1;

fn made(world: &World) -> Plan {
    plan(&world.local, &world.base, &world.remote, &world.policy)
}

fn kinds(plan: &Plan) -> Vec<StepKind> {
    plan.actions.iter().map(|action| action.step.kind()).collect()
}

fn copy_of(step: &Step) -> Option<&RelPath> {
    match step {
        Step::Merge { copy, .. } | Step::KeepBoth { copy, .. } | Step::SetAsideRemote { copy, .. } => {
            Some(copy)
        }
        Step::Upload { .. }
        | Step::Download { .. }
        | Step::DeleteRemote { .. }
        | Step::DeleteLocal { .. }
        | Step::Adopt { .. }
        | Step::Record { .. }
        | Step::Forget
        | Step::MarkDeleted => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: CASES,
        rng_seed: RngSeed::Fixed(SEED),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn planning_is_deterministic_sorted_and_speaks_of_a_path_once(world in world()) {
        let plan = made(&world);
        prop_assert_eq!(&plan, &made(&world));
        let actions = plan.actions.iter().map(|action| action.path.to_string());
        let conflicts = plan.conflicts.iter().map(|conflict| conflict.path.to_string());
        let notes = plan.notes.iter().map(|note| note.subject.clone());
        for names in [actions.clone().collect::<Vec<_>>(), conflicts.clone().collect(), notes.clone().collect()] {
            prop_assert!(names.is_sorted(), "{plan:?}");
        }
        let all: Vec<String> = actions.chain(conflicts).chain(notes).collect();
        let once: BTreeSet<&String> = all.iter().collect();
        prop_assert_eq!(once.len(), all.len(), "{:?}", plan);
    }

    #[test]
    fn once_carried_out_a_plan_leaves_nothing_to_do(world in world()) {
        let plan = made(&world);
        let after = world.clone().carry_out(&plan);
        let again = made(&after);
        prop_assert!(again.actions.is_empty(), "first {plan:#?}\nthen {again:#?}");
    }

    #[test]
    fn a_push_leaves_this_disk_alone_and_a_pull_the_remote(world in world()) {
        for kind in kinds(&made(&world)) {
            let changes_local = matches!(
                kind,
                StepKind::Download | StepKind::DeleteLocal | StepKind::Merge | StepKind::KeepBoth | StepKind::SetAsideRemote
            );
            let changes_remote = matches!(
                kind,
                StepKind::Upload | StepKind::DeleteRemote | StepKind::Record | StepKind::SetAsideRemote
            );
            match world.policy.direction {
                Direction::Push => prop_assert!(!changes_local, "{kind:?}"),
                Direction::Pull => prop_assert!(!changes_remote, "{kind:?}"),
                Direction::Sync => {}
            }
        }
    }

    #[test]
    fn a_first_run_deletes_nothing(mut world in world()) {
        world.base.clear();
        for kind in kinds(&made(&world)) {
            prop_assert!(!matches!(kind, StepKind::DeleteLocal | StepKind::DeleteRemote | StepKind::Forget));
        }
    }

    #[test]
    fn what_is_unknown_is_never_deleted_nor_overwritten(world in world()) {
        for action in made(&world).actions {
            prop_assert!(world.local.unknown.get(&action.path).is_none(), "{action:?}");
            if world.remote.unknown.exactly(&action.path).is_some() {
                // An object of the very commit that this disk agreed on may be sent again, or its loss committed.
                prop_assert!(world.base.contains_key(&action.path), "{action:?}");
                prop_assert!(matches!(action.step.kind(), StepKind::Upload | StepKind::DeleteRemote), "{action:?}");
            }
        }
    }

    #[test]
    fn names_of_conflict_copies_are_free_and_differ(world in world()) {
        let plan = made(&world);
        let mut given = BTreeSet::new();
        for action in &plan.actions {
            let Some(copy) = copy_of(&action.step) else { continue };
            let wanted = match &action.step {
                Step::SetAsideRemote { remote, .. } => remote.hash,
                _ => world.local.files[&action.path].hash,
            };
            prop_assert!(given.insert(copy.clone()), "{copy} twice in {plan:?}");
            let there = [
                world.local.files.get(copy).map(|file| file.hash),
                world.remote.files.get(copy).map(|file| file.hash),
            ];
            for hash in there.into_iter().flatten() {
                prop_assert_eq!(hash, wanted, "{} is taken", copy);
            }
        }
    }

    #[test]
    fn no_plan_leaves_a_file_and_a_folder_of_one_name(world in world()) {
        let plan = made(&world);
        let after = world.clone().carry_out(&plan);
        prop_assert_eq!(clashes(&after.local_names()), Vec::<String>::new(), "here, after {:#?}", plan);
        prop_assert_eq!(clashes(&after.remote_names()), Vec::<String>::new(), "there, after {:#?}", plan);
    }

    #[test]
    fn what_either_side_brought_is_still_there(world in world()) {
        // Under the other strategies the loser goes to the trash or the history.
        if !matches!(world.policy.strategy, Settle::KeepBoth | Settle::Manual) {
            return Ok(());
        }
        let plan = made(&world);
        let after = world.clone().carry_out(&plan);
        let held = |world: &World| -> BTreeSet<ContentHash> {
            let local = world.local.files.values().map(|file| file.hash);
            local.chain(world.remote.files.values().map(|file| file.hash)).collect()
        };
        let is_news = |path: &RelPath, hash| world.base.get(path).is_none_or(|row| row.hash != hash);
        let local = world.local.files.iter().filter(|(path, file)| is_news(path, file.hash));
        let remote = world.remote.files.iter().filter(|(path, file)| is_news(path, file.hash));
        let brought = local.map(|(path, file)| (path, file.hash)).chain(remote.map(|(path, file)| (path, file.hash)));
        let left = held(&after);
        for (path, hash) in brought {
            prop_assert!(left.contains(&hash), "{path} was lost by {plan:#?}");
        }
    }

    #[test]
    fn deletions_are_kept_unless_a_name_has_to_be_freed(mut world in world()) {
        world.policy.deletions = Deletions::Keep;
        let plan = made(&world);
        let after = world.clone().carry_out(&plan);
        for action in &plan.actions {
            let names = match action.step.kind() {
                StepKind::DeleteLocal => after.remote_names(),
                StepKind::DeleteRemote => after.local_names(),
                _ => continue,
            };
            let path = &action.path;
            let is_needed = names.iter().any(|name| name != path && (name.is_within(path) || path.is_within(name)));
            prop_assert!(is_needed, "{action:?}");
        }
    }
}
