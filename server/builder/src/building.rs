//! Carrying a plan out: builds and admissions side by side, the most urgent first.
//!
//! A build waits for what is in `requirements.host` only; the wheel's admission imports it, and so waits for what it needs
//! at run time too.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::action::{Action, ActionResult};
use crate::admission::{self, WheelIdentity};
use crate::build_record::BuildRecord;
use crate::builder::{BuildOptions, BuildOutcome, FailedPackage};
use crate::context::Context;
use crate::error::BuildError;
use crate::execute::{self, Built, Workshop};
use crate::plan::Plan;
use crate::schedule::Schedule;

/// How long to wait before a lock that another program holds is tried again.
const LOCK_INTERVAL: Duration = Duration::from_millis(100);

/// Seconds that a build is thought to take of which nothing is known.
const UNKNOWN_BUILD: u64 = 30;

/// Seconds that an admission is thought to take.
const ADMISSION: u64 = 5;

/// A plan under way.
pub(crate) struct Building<'a> {
    plan: &'a Plan<'a>,
    context: &'a Context,
    state: Mutex<State>,
    changed: Condvar,
}

/// What is known of each action, at its place in the plan.
struct State {
    schedule: Schedule,
    stages: Vec<Stage>,
    failures: Vec<(usize, BuildError)>,
    given_up: BTreeSet<usize>,
    /// Tasks under way.
    running: usize,
    /// Tasks whose lock another program holds, and when they are tried again.
    postponed: Vec<(Instant, usize)>,
    /// Actions of which was said that another program holds their lock.
    told_busy: BTreeSet<usize>,
    /// Tasks that were begun.
    begun: BTreeSet<usize>,
    /// A thread died: nothing more is begun.
    stopping: bool,
}

/// How far an action has come. Its lock is held from the build's beginning until the result is admitted.
enum Stage {
    /// Nothing is there.
    Open,
    /// Built, and to be admitted.
    Built(Box<Built>, File),
    /// In the cache, and to be admitted again, since the checks or the company may be others now.
    Found(ActionResult, File),
    /// All is done.
    Done(ActionResult),
}

/// Two tasks for each action: even numbers build, odd ones admit.
#[derive(Clone, Copy)]
struct Task(usize);

impl Task {
    fn build(action: usize) -> Self {
        Self(2 * action)
    }

    fn admission(action: usize) -> Self {
        Self(2 * action + 1)
    }

    fn action(self) -> usize {
        self.0 / 2
    }

    fn is_build(self) -> bool {
        self.0.is_multiple_of(2)
    }
}

/// How a task went.
enum Progress {
    Done(Stage),
    /// Another program makes the same just now.
    Busy,
}

impl<'a> Building<'a> {
    /// Finds what is done already.
    pub(crate) fn new(context: &'a Context, plan: &'a Plan<'a>) -> Result<Self, BuildError> {
        let mut stages: Vec<Stage> = Vec::new();
        for (place, action) in plan.actions.iter().enumerate() {
            let result = ActionResult::find(context, action.digest)?;
            let whole =
                result.filter(|result| company(plan, &stages, place).is_some_and(|it| is_admitted(result, &it)));
            stages.push(whole.map_or(Stage::Open, Stage::Done));
        }
        let schedule = schedule(context, plan, &stages);
        let state = State {
            schedule,
            stages,
            failures: Vec::new(),
            given_up: BTreeSet::new(),
            running: 0,
            postponed: Vec::new(),
            told_busy: BTreeSet::new(),
            begun: BTreeSet::new(),
            stopping: false,
        };
        Ok(Self { plan, context, state: Mutex::new(state), changed: Condvar::new() })
    }

    /// Whether nothing is left to do.
    pub(crate) fn is_over(&self) -> bool {
        self.state().schedule.is_over()
    }

    /// Does all of it, on as many threads as there may be jobs.
    pub(crate) fn carry_out(self, shop: &Workshop<'_>, options: BuildOptions) -> Result<BuildOutcome, BuildError> {
        // The client that fetches sources counts a server's silence by the timer of the caller's runtime.
        let runtime = tokio::runtime::Handle::try_current();
        std::thread::scope(|scope| {
            for _ in 0..options.jobs {
                scope.spawn(|| {
                    let _entered = runtime.as_ref().map(tokio::runtime::Handle::enter);
                    self.work(shop, options);
                });
            }
        });
        self.context.interrupt.check()?;
        Ok(self.outcome())
    }

    pub(crate) fn outcome(self) -> BuildOutcome {
        let State { stages, mut failures, mut given_up, .. } =
            self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let name = |place: usize| self.plan.actions[place].recipe().name.clone();
        failures.sort_by_key(|(place, _)| *place);
        given_up.retain(|place| failures.iter().all(|(failed, _)| failed != place));
        BuildOutcome {
            given_up: given_up.into_iter().map(name).collect(),
            results: stages.into_iter().filter_map(Stage::into_result).collect(),
            failures: failures.into_iter().map(|(place, error)| FailedPackage { name: name(place), error }).collect(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One thread's work, until there is none left.
    fn work(&self, shop: &Workshop<'_>, options: BuildOptions) {
        while let Some(task) = self.next() {
            let guard = Unfinished { building: self };
            let went = shop.tokens.take(&self.context.interrupt).and_then(|_token| self.carry_out_task(shop, task));
            std::mem::forget(guard);
            self.finished(task, went, options);
        }
    }

    /// The next task; waits while there is none and others are under way.
    fn next(&self) -> Option<Task> {
        let mut state = self.state();
        loop {
            if state.stopping || state.schedule.is_over() || self.context.interrupt.check().is_err() {
                return None;
            }
            state.bring_back_postponed();
            if let Some(task) = state.schedule.next() {
                state.running += 1;
                state.begun.insert(task);
                return Some(Task(task));
            }
            if state.running == 0 && state.postponed.is_empty() {
                return None;
            }
            let waited = self.changed.wait_timeout(state, LOCK_INTERVAL);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn finished(&self, task: Task, went: Result<Progress, BuildError>, options: BuildOptions) {
        let mut state = self.state();
        state.running -= 1;
        match went {
            Ok(Progress::Done(reached)) => {
                state.stages[task.action()] = reached;
                state.schedule.done(task.0);
            }
            Ok(Progress::Busy) => {
                state.begun.remove(&task.0);
                state.postponed.push((Instant::now() + LOCK_INTERVAL, task.0));
                if state.told_busy.insert(task.action()) {
                    let label = self.plan.actions[task.action()].label();
                    self.context.progress.line(&format!("{label} waiting for another pkgsrv that makes the same"));
                }
            }
            Err(error) => {
                state.give_up(task.0);
                state.failures.push((task.action(), error));
                if !options.keep_going {
                    state.begin_nothing();
                }
            }
        }
        self.changed.notify_all();
    }

    fn carry_out_task(&self, shop: &Workshop<'_>, task: Task) -> Result<Progress, BuildError> {
        let action = &self.plan.actions[task.action()];
        if task.is_build() { self.build(shop, action) } else { self.admit(shop, task.action(), action) }
    }

    fn build(&self, shop: &Workshop<'_>, action: &Action<'_>) -> Result<Progress, BuildError> {
        let Some(lock) = self.context.cache.try_lock(&action.digest.to_string())? else { return Ok(Progress::Busy) };
        // Another program may have made it meanwhile, and this version may ask more of it.
        if let Some(result) = ActionResult::find_or_discard(self.context, action.digest)? {
            return Ok(Progress::Done(Stage::Found(result, lock)));
        }
        let host: Vec<ActionResult> = {
            let state = self.state();
            let place = |name| self.plan.places[name];
            let results = action.recipe().requirements.host.iter().map(|name| state.stages[place(name)].result());
            results.flatten().cloned().collect()
        };
        let built = execute::build(shop, action, &host)?;
        Ok(Progress::Done(Stage::Built(Box::new(built), lock)))
    }

    fn admit(&self, shop: &Workshop<'_>, place: usize, action: &Action<'_>) -> Result<Progress, BuildError> {
        let (stage, company) = {
            let mut state = self.state();
            let company = company(self.plan, &state.stages, place).unwrap_or_default();
            (std::mem::replace(&mut state.stages[place], Stage::Open), company)
        };
        let companions: Vec<PathBuf> = company.iter().filter_map(ActionResult::wheel_path).collect();
        let result = match stage {
            Stage::Built(built, _lock) => built.keep(shop, action, &companions)?,
            Stage::Found(result, _lock) => {
                if let Some(path) = result.wheel_path().filter(|_| !is_admitted(&result, &company)) {
                    let report = admission::admit_built(
                        self.context,
                        shop.abi,
                        &action.loaded.import_test(),
                        &path,
                        &companions,
                    )?;
                    result.write_admission(self.context, &report)?;
                }
                result
            }
            Stage::Done(result) => result,
            Stage::Open => unreachable!("a build is done before its admission"),
        };
        Ok(Progress::Done(Stage::Done(result)))
    }
}

/// Tells the other threads when one dies in the midst of a task, which else they would wait for.
struct Unfinished<'a, 'b> {
    building: &'a Building<'b>,
}

impl Drop for Unfinished<'_, '_> {
    fn drop(&mut self) {
        let mut state = self.building.state();
        state.running -= 1;
        state.stopping = true;
        self.building.changed.notify_all();
    }
}

/// The tasks of all actions that are not done, with those of the others as done.
fn schedule(context: &Context, plan: &Plan<'_>, stages: &[Stage]) -> Schedule {
    let all_done = stages.iter().all(|stage| stage.result().is_some());
    let records = if all_done { Vec::new() } else { BuildRecord::all(context) };
    let mut needs = Vec::new();
    let mut weights = Vec::new();
    for action in &plan.actions {
        let recipe = action.recipe();
        let admissions = |names: &[pkgsrv_index::PackageName]| {
            names.iter().map(|name| Task::admission(plan.places[name]).0).collect::<Vec<usize>>()
        };
        let build = needs.len();
        needs.push(admissions(&recipe.requirements.host));
        needs.push([vec![build], admissions(&recipe.requirements.run)].concat());
        let record = records.iter().find(|record| record.name == recipe.name);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a build")]
        weights.push(record.map_or(UNKNOWN_BUILD, |record| record.seconds as u64 + 1));
        weights.push(ADMISSION);
    }
    let mut schedule = Schedule::new(&needs, &weights);
    for (place, _) in stages.iter().enumerate().filter(|(_, stage)| stage.result().is_some()) {
        schedule.done_before(Task::build(place).0);
        schedule.done_before(Task::admission(place).0);
    }
    schedule
}

/// The results of everything that an action needs at run time; `None` where not all of it is done.
fn company(plan: &Plan<'_>, stages: &[Stage], place: usize) -> Option<Vec<ActionResult>> {
    plan.run_closure(place).into_iter().map(|other| stages.get(other)?.result().cloned()).collect()
}

/// Whether a result was admitted by all checks of this version, in this company. A library needs no admission.
fn is_admitted(result: &ActionResult, company: &[ActionResult]) -> bool {
    let Some(_) = result.wheel else { return true };
    let mut expected: Vec<WheelIdentity> = company
        .iter()
        .filter_map(|other| Some(WheelIdentity { filename: other.wheel.clone()?, sha256: other.sha256? }))
        .collect();
    expected.sort();
    result.admission().is_some_and(|report| report.company == expected)
}

impl State {
    /// A task will not be done, nor what waits for it. A build whose admission is lost is not begun any more, and what it
    /// has made already goes.
    fn give_up(&mut self, task: usize) {
        let mut pending = vec![task];
        while let Some(task) = pending.pop() {
            for lost in self.schedule.failed(task) {
                let place = Task(lost).action();
                self.given_up.insert(place);
                if matches!(self.stages[place], Stage::Built(..) | Stage::Found(..)) {
                    self.stages[place] = Stage::Open;
                }
                let build = Task::build(place).0;
                if !self.begun.contains(&build) {
                    pending.push(build);
                }
            }
        }
    }

    /// No further build is begun. What is under way comes to its end, and is admitted if it can be.
    fn begin_nothing(&mut self) {
        for place in 0..self.stages.len() {
            let build = Task::build(place).0;
            if matches!(self.stages[place], Stage::Open) && !self.begun.contains(&build) {
                self.given_up.insert(place);
                self.give_up(build);
            }
        }
        self.postponed.clear();
    }

    /// Tells postponed tasks again whose time has come.
    fn bring_back_postponed(&mut self) {
        let now = Instant::now();
        for (_, task) in self.postponed.extract_if(.., |(time, _)| *time <= now) {
            self.schedule.put_back(task);
        }
    }
}

impl Stage {
    fn result(&self) -> Option<&ActionResult> {
        if let Self::Done(result) = self { Some(result) } else { None }
    }

    fn into_result(self) -> Option<ActionResult> {
        if let Self::Done(result) = self { Some(result) } else { None }
    }
}
