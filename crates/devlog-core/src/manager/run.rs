//! One run, from scan to report: read both sides, plan, ask the guards, publish in slices, plan again where needed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use futures_util::future::try_join;

use super::chain::Chain;
use super::error::{SyncError, SyncFailure};
use super::options::{PushMode, PushOptions, SyncOptions};
use super::publish::CommitOutcome;
use super::survey::Drift;
use super::{Ports, SyncManager};
use crate::config::SyncConfig;
use crate::conflict::Strategy;
use crate::execute::{self, Executor, Slice};
use crate::files::{BaseFile, RemoteFiles, Unknown};
use crate::guard;
use crate::path::RelPath;
use crate::plan::{self, Action, Deletions, Note, NoteKind, Plan, Scope, Side, Step, SyncPolicy};
use crate::ports::{Scan, ScanDepth, ScanNote, ScanNoteKind, StateChange};
use crate::progress::SyncEvent;
use crate::report::{FileError, Operation, SyncReport};

/// How often a run plans again because the world moved, before it says so.
const MAX_ROUNDS: usize = 8;

/// A run as it was asked for.
pub(super) struct Request {
    pub(super) operation: Operation,
    mode: PushMode,
    dry_run: bool,
    offline: bool,
    confirmed: Option<usize>,
    deletions: Deletions,
    strategy: Strategy,
    pub(super) scope: Scope,
}

impl Request {
    pub(super) fn push(options: &PushOptions, config: &SyncConfig) -> Self {
        Self {
            operation: Operation::Push,
            mode: options.mode,
            dry_run: options.dry_run,
            offline: options.offline || config.offline,
            confirmed: options.confirm_delete,
            deletions: if options.delete { Deletions::Propagate } else { Deletions::Keep },
            strategy: match options.force {
                true => Strategy::LocalPreferred,
                false => options.conflict.unwrap_or(config.conflict),
            },
            scope: Scope::of(options.paths.clone()),
        }
    }

    pub(super) fn planned(operation: Operation, options: &SyncOptions, config: &SyncConfig) -> Self {
        Self {
            operation,
            mode: options.mode,
            dry_run: true,
            offline: false,
            confirmed: None,
            deletions: if options.delete { Deletions::Propagate } else { Deletions::Keep },
            strategy: options.conflict.unwrap_or(config.conflict),
            scope: Scope::of(options.paths.clone()),
        }
    }
}

/// What both sides look like, and what is to be done about it.
pub(super) struct Survey {
    pub(super) scan: Scan,
    pub(super) chain: Chain,
    drift: Drift,
    /// Files that went while the run was at work.
    vanished: BTreeSet<RelPath>,
    notes: Vec<Note>,
}

impl SyncManager {
    /// Runs a request; the report is complete, and announced, however it ends.
    pub(super) async fn run(&self, request: &Request) -> Result<SyncReport, SyncError> {
        let Ports { clock, reporter, remote, local, .. } = &self.ports;
        let started = clock.now();
        let requests_before = remote.requests();
        let (url, root) = (remote.to_string(), local.root());
        reporter.report(&SyncEvent::Started {
            operation: request.operation,
            mode: request.mode.name(),
            dry_run: request.dry_run,
            remote: &url,
            root: &root,
        });
        let mut report = SyncReport::default();
        let result = self.carry_out(request, &mut report).await;
        report.requests = remote.requests() - requests_before;
        report.duration_ms = u64::try_from((clock.now() - started).num_milliseconds()).unwrap_or(0);
        report.stopped = result.as_ref().err().map(SyncFailure::stop);
        let remembered = match request.dry_run {
            true => Ok(()),
            false => self.remember(request, &report, started, result.as_ref().err()),
        };
        reporter.report(&SyncEvent::Finished { report: &report });
        match result.and(remembered) {
            Ok(()) => Ok(report),
            Err(failure) => Err(SyncError {
                operation: request.operation,
                remote: url,
                report: Box::new(report),
                failure,
            }),
        }
    }

    /// Plans a request and throws everything but the plan away.
    pub(super) async fn plan_only(&self, request: &Request) -> Result<Plan, SyncError> {
        let result = async {
            let mut survey = self.survey(request).await?;
            Ok(self.plan_survey(request, &mut survey).0)
        };
        result.await.map_err(|failure| SyncError {
            operation: request.operation,
            remote: self.ports.remote.to_string(),
            report: Box::default(),
            failure,
        })
    }

    async fn carry_out(&self, request: &Request, report: &mut SyncReport) -> Result<(), SyncFailure> {
        if request.offline && !request.dry_run {
            report.queued = true;
            return Ok(());
        }
        let Ports { state, reporter, .. } = &self.ports;
        let mut survey = match self.survey(request).await {
            Err(failure) if failure.is_broken_chain() => {
                report.guard = Some(self.other_remote().await?.ok_or(failure)?);
                return Ok(());
            }
            survey => survey?,
        };
        let local = &survey.scan.local.files;
        report.files_scanned = local.len() as u64;
        report.bytes_scanned = local.values().map(|file| file.size).sum();
        reporter.report(&SyncEvent::Scanned { files: report.files_scanned, bytes: report.bytes_scanned });
        if !request.dry_run {
            self.keep_scan(&survey.scan)?;
            survey.chain.save(state.as_ref())?;
            self.remember_url(&survey.chain)?;
        }
        let mut is_prepared = false;
        let mut approved = BTreeSet::new();
        let mut failed = BTreeMap::new();
        for round in 0..MAX_ROUNDS {
            let (plan, remote) = self.plan_survey(request, &mut survey);
            if round == 0 {
                report.files_skipped = report.files_scanned.saturating_sub(touched(&plan));
            }
            reporter.report(&SyncEvent::Planned { plan: &plan, skipped: report.files_skipped });
            report.conflicts = plan.conflicts.len() as u64;
            report.conflicts_settled += if round == 0 { plan.settled() as u64 } else { 0 };
            report.notes = plan.notes.iter().cloned().chain(survey.notes.iter().cloned()).collect();
            let unapproved = without(&plan, &approved);
            let (base, local) = (&survey.chain.known.base, &survey.scan.local);
            // What was confirmed is carried out in the first round; later ones may not delete anything else.
            let confirmed = request.confirmed.map(|deletions| if round == 0 { deletions } else { 0 });
            if let Err(guard) = guard::check(&unapproved, local, base, &remote, confirmed) {
                report.guard = Some(guard);
                return Ok(());
            }
            if request.dry_run {
                return Ok(());
            }
            approved.extend(deleted(&plan).cloned());
            if let Some(id) = &survey.chain.id {
                let elsewhere = state.conflicts(id)?.into_iter();
                let elsewhere = elsewhere.filter(|conflict| !request.scope.includes(&conflict.path));
                state.set_conflicts(
                    id,
                    &plan.conflicts.iter().cloned().chain(elsewhere).collect::<Vec<_>>(),
                )?;
            }
            survey.chain.learn(settle_state(&plan));
            survey.chain.save(state.as_ref())?;
            if !plan.touches(Side::Remote) {
                break;
            }
            if !is_prepared {
                if let Some(guard) = self.prepare_remote(&mut survey.chain).await? {
                    report.guard = Some(guard);
                    return Ok(());
                }
                is_prepared = true;
            }
            let published = self.publish(plan, &mut survey, report, &mut failed).await;
            let named = failed.iter().map(|(path, message)| (path.clone(), message.clone()));
            report.errors = named.map(|(path, message)| FileError { path, message }).collect();
            if published? {
                break;
            }
            if round + 1 == MAX_ROUNDS {
                return Err(SyncFailure::Contended);
            }
        }
        Ok(())
    }

    /// Reads both sides at once. Writes nothing.
    pub(super) async fn survey(&self, request: &Request) -> Result<Survey, SyncFailure> {
        let Ports { local, remote, state, .. } = &self.ports;
        let depth = match request.mode {
            PushMode::Incremental => ScanDepth::TrustStats,
            PushMode::All => ScanDepth::HashAll,
        };
        let known = state.stats()?;
        let scan = async { local.scan(known, depth).await.map_err(SyncFailure::from) };
        let (scan, chain) = try_join(scan, Chain::read(remote.as_ref(), state.as_ref())).await?;
        let (drift, vanished) = (Drift::default(), BTreeSet::new());
        let mut survey = Survey { notes: scan_notes(&scan), scan, chain, drift, vanished };
        if request.mode == PushMode::All && survey.chain.id.is_some() {
            let width = usize::from(self.config.concurrency);
            survey.notes.extend(survey.drift.survey(remote.as_ref(), &survey.chain, width).await?);
        }
        Ok(survey)
    }

    /// Plans, and returns the tree R that the plan was made for. Paths that a rule excludes are marked as unknown first.
    fn plan_survey(&self, request: &Request, survey: &mut Survey) -> (Plan, RemoteFiles) {
        let policy = SyncPolicy {
            direction: request.operation.into(),
            deletions: request.deletions,
            strategy: request.strategy,
            device: self.device.clone(),
            scope: request.scope.clone(),
        };
        let mut remote = survey.drift.overlay(&survey.chain);
        let (base, local) = (&survey.chain.known.base, &mut survey.scan.local);
        for path in base.keys().chain(remote.files.keys()) {
            if !local.files.contains_key(path) && self.ports.local.is_excluded(path) {
                local.unknown.insert(path.clone(), Unknown::Excluded);
            }
        }
        for path in survey.vanished.iter().filter(|path| !local.files.contains_key(*path)) {
            local.unknown.insert(path.clone(), Unknown::Vanished);
        }
        let own = survey.drift.own(&survey.chain, local);
        if own.is_empty() {
            return (plan::plan(local, base, &remote, &policy), remote);
        }
        let mut base = base.clone();
        base.extend(own.iter().map(|(path, file)| (path.clone(), file.clone())));
        remote.files.extend(own.into_iter().map(|(path, row)| (path, row.as_remote())));
        (plan::plan(local, &base, &remote, &policy), remote)
    }

    /// Carries out the plan's remote steps and commits them, slice by slice. False: the world moved, plan again.
    async fn publish(
        &self,
        plan: Plan,
        survey: &mut Survey,
        report: &mut SyncReport,
        failed: &mut BTreeMap<RelPath, String>,
    ) -> Result<bool, SyncFailure> {
        let Ports { local, remote, state, clock, reporter } = &self.ports;
        let executor = Executor {
            local: local.as_ref(),
            remote: remote.as_ref(),
            clock: clock.as_ref(),
            reporter: std::sync::Arc::clone(reporter),
            interrupted: &self.interrupted,
            width: usize::from(self.config.concurrency),
        };
        let steps = plan.actions.into_iter().filter(|action| !failed.contains_key(&action.path)).collect();
        let mut queue = execute::remote_steps(steps);
        let mut is_settled = true;
        while !queue.is_empty() {
            let batch = execute::next_batch(&mut queue);
            self.intend(&mut survey.chain, &batch)?;
            let slice = executor.slice(batch, &mut queue).await;
            let Slice { published, remote_moved, local_moved, vanished, failed: failures, halt } = slice;
            if !published.is_empty() {
                match self.commit(&mut survey.chain, &published).await {
                    Ok(CommitOutcome::Landed) => published.iter().for_each(|one| report.count_published(one)),
                    Ok(CommitOutcome::Raced(paths)) => {
                        survey.drift.forget(&paths);
                        for one in published {
                            match one.file {
                                Some(file) if !paths.contains(&one.path) => survey.drift.saw(one.path, file),
                                _ => {}
                            }
                        }
                        is_settled = false;
                    }
                    Err(failure) => return Err(halt.map_or(failure, SyncFailure::from)),
                }
            }
            failed.extend(failures);
            for path in vanished {
                survey.scan.local.files.remove(&path);
                survey.vanished.insert(path);
            }
            if let Some(error) = halt {
                return Err(error.into());
            }
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(SyncFailure::Interrupted);
            }
            if !remote_moved.is_empty() {
                let news = survey.chain.follow(remote.as_ref()).await?;
                survey.chain.save(state.as_ref())?;
                survey.drift.forget(&news.paths);
                let unexplained = remote_moved.into_iter().filter(|path| !news.paths.contains(path));
                survey
                    .drift
                    .observe(remote.as_ref(), unexplained, usize::from(self.config.concurrency))
                    .await?;
                is_settled = false;
            }
            if !local_moved.is_empty() {
                let scan = local.scan(state.stats()?, ScanDepth::TrustStats).await?;
                self.keep_scan(&scan)?;
                survey.scan = scan;
                is_settled = false;
            }
            if !is_settled {
                return Ok(false);
            }
        }
        Ok(is_settled)
    }

    fn keep_scan(&self, scan: &Scan) -> Result<(), SyncFailure> {
        if scan.learned.is_empty() && scan.forgotten.is_empty() {
            return Ok(());
        }
        Ok(self.ports.state.learn(&scan.learned, &scan.forgotten)?)
    }
}

/// Steps that change nothing but what is remembered.
fn settle_state(plan: &Plan) -> Vec<StateChange> {
    let change = |Action { path, step, .. }: &Action| match step {
        Step::Adopt { file } => {
            file.commit.map(|commit| StateChange::Agree(path.clone(), BaseFile::agreed(file, commit)))
        }
        Step::Forget => Some(StateChange::Forget(path.clone())),
        Step::MarkDeleted => Some(StateChange::MarkDeleted(path.clone())),
        Step::Upload { .. }
        | Step::Download { .. }
        | Step::DeleteRemote { .. }
        | Step::DeleteLocal { .. }
        | Step::Record { .. }
        | Step::Merge { .. }
        | Step::KeepBoth { .. }
        | Step::SetAsideRemote { .. } => None,
    };
    plan.actions.iter().filter_map(change).collect()
}

fn deleted(plan: &Plan) -> impl Iterator<Item = &RelPath> {
    let is_deletion = |step: &Step| matches!(step, Step::DeleteLocal { .. } | Step::DeleteRemote { .. });
    plan.actions.iter().filter(move |action| is_deletion(&action.step)).map(|action| &action.path)
}

/// The plan without deletions that an earlier round of the same run already let through.
fn without(plan: &Plan, approved: &BTreeSet<RelPath>) -> Plan {
    let mut plan = plan.clone();
    if !approved.is_empty() {
        plan.actions.retain(|action| !approved.contains(&action.path));
    }
    plan
}

/// Local files that the plan does something about.
fn touched(plan: &Plan) -> u64 {
    let moves = plan.actions.iter().filter(|a| matches!(a.step.kind().side(), Side::Remote | Side::Local));
    let moves = moves.filter(|a| !matches!(a.step, Step::DeleteRemote { .. })).count();
    (moves + plan.conflicts.len()) as u64
}

fn scan_notes(scan: &Scan) -> Vec<Note> {
    let kind = |kind: &ScanNoteKind| match kind {
        ScanNoteKind::Symlink => NoteKind::Symlink,
        ScanNoteKind::Special => NoteKind::Special,
        ScanNoteKind::Name(why) => NoteKind::UnusableName(why.clone()),
        ScanNoteKind::Twin => NoteKind::Twin,
    };
    let note = |note: &ScanNote| Note { subject: note.name.clone(), kind: kind(&note.kind) };
    scan.notes.iter().map(note).collect()
}
