//! `shed auto`: what an application calls at its start: migrates where something is pending, and says what it did.

mod alone;
mod drift;
mod outcome;

use crate::alembic::{Ended, Step};
use crate::error::{Error, Result};
use crate::settings::targets::Target;

use super::completions::TARGETS;
use super::live::Live;
use super::planning::{Wishes, with_x};
use super::reports::Answer;
use super::safely::{Care, Kept};
use super::scope::{Chosen, Needs};
use super::several::Way;
use super::status::{self, Standing};
use super::{Place, Scope, dump};

use drift::Drift;
pub use outcome::Outcome;

/// What a revision is called that nobody was asked about.
const MESSAGE: &str = "automatic migration";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// PROJECT[.DATABASE] or a pattern; without it every database whose `auto.auto_migrate` is true
    #[arg(value_name = "TARGET", add = TARGETS())]
    target: Option<String>,
    /// Write the revision, where models and database differ, and apply it [default: `auto.create_revision`]
    #[arg(long)]
    create_revision: bool,
    /// Say what would be done; write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    care: Care,
    #[command(flatten)]
    place: Place,
}

/// Migrates what should be migrated; a target that fails is told of in its outcome.
pub fn auto(scope: &Scope<'_>, args: &Args) -> Result<Answer<Outcome>> {
    let chosen = targets(scope, args)?;
    let way = if args.dry_run { Way::Reading } else { Way::Writing };
    let work = |scope: &Scope<'_>, target: &Chosen<'_>, _: bool| match one(scope, target, args) {
        (_, Some(error @ Error::Interrupted(_))) => Err(error),
        (outcome, None) => Ok(outcome),
        (outcome, Some(error)) => {
            scope.out.fail_one(&error);
            Ok(outcome.failed(&error))
        }
    };
    scope.each_judged(&chosen, way, work, |outcome| outcome.success)
}

/// The targets that are named; without a name those that the settings say it of.
fn targets<'a>(scope: &Scope<'a>, args: &Args) -> Result<Vec<Chosen<'a>>> {
    let Place { all, on, database_url, .. } = &args.place;
    let is_named = args.target.is_some() || *all || on.is_some() || database_url.is_some();
    let needs = if args.dry_run { Needs::Reading } else { Needs::Writing };
    let chosen = match is_named || scope.environment.text("SHED_DATABASE_URL").is_some() {
        true => scope.targets_for(args.target.as_deref(), &args.place, needs, true)?,
        false => by_policy(scope)?,
    };
    if args.dry_run { Ok(chosen) } else { scope.allow_writing(chosen) }
}

fn by_policy<'a>(scope: &Scope<'a>) -> Result<Vec<Chosen<'a>>> {
    let mut chosen = Vec::new();
    for project in scope.settings.projects()?.values() {
        for database in project.db.values().filter(|database| database.options.auto.auto_migrate) {
            let target = Target { project: project.name.clone(), database: Some(database.name.clone()) };
            chosen.push(scope.chosen(&target, true)?);
        }
    }
    if chosen.is_empty() {
        scope.out.line("no database has `auto: { auto_migrate: true }`; nothing was done");
    }
    Ok(chosen)
}

fn one(scope: &Scope<'_>, target: &Chosen<'_>, args: &Args) -> (Outcome, Option<Error>) {
    let mut outcome = Outcome::of(target, args.dry_run);
    let before = match standing(scope, target) {
        Ok(before) => before,
        Err(error) => return (outcome, Some(error)),
    };
    outcome.begins(&before);
    let Err(error) = Auto { scope, target, args }.work(&before, &mut outcome) else { return (outcome, None) };
    // What is there now, whatever was said on the way.
    if let Ok(now) = standing(scope, target) {
        outcome.stands(&now);
    }
    (outcome, Some(error))
}

/// Where the database stands, without Python.
fn standing(scope: &Scope<'_>, target: &Chosen<'_>) -> Result<Standing> {
    let found = status::read(scope, std::slice::from_ref(target), true)?;
    found.into_iter().next().unwrap_or_else(|| Err(Error::failed("the database was not read")))
}

/// One target's turn.
struct Auto<'a, 's> {
    scope: &'a Scope<'s>,
    target: &'a Chosen<'a>,
    args: &'a Args,
}

impl Auto<'_, '_> {
    fn work(&self, before: &Standing, outcome: &mut Outcome) -> Result<()> {
        let is_clean = before.pending == Some(0) && before.broken_off.is_none();
        if self.args.dry_run || is_clean {
            outcome.drift = self.look(before, is_clean);
        }
        let writes = self.creates() && outcome.drift.as_ref().is_none_or(|drift| !drift.in_order);
        if self.args.dry_run || (is_clean && !writes) {
            return Ok(());
        }
        self.scope.out.note(&format!("{}: {}", self.target.name, before.place));
        dump::before_migrate(self.scope, self.target)?;
        if writes {
            self.create(outcome)?
        } else {
            self.migrate(self.comparing(), outcome).map(drop)?
        }
        self.say_where_it_is(outcome);
        dump::after_migrate(self.scope, self.target)
    }

    fn has_models(&self) -> bool {
        !self.target.project.module.is_empty() || self.target.project.env_py.is_some()
    }

    fn creates(&self) -> bool {
        let by_policy = self.target.database.as_ref().is_some_and(|database| database.options.auto.create_revision);
        self.has_models() && (self.args.create_revision || by_policy)
    }

    /// Under the lock on the files and then the database's, applies what is pending, writes what is missing, applies that.
    fn create(&self, outcome: &mut Outcome) -> Result<()> {
        let _alone = alone::in_files(self.scope, self.target)?;
        let message = format!("--message={MESSAGE}");
        let write = Step::alembic(self.argv(["revision", "--autogenerate", &message]));
        let mut ended = self.migrate(Some(write), outcome)?;
        outcome.created_revision = ended.told.wrote.pop();
        let Some(created) = &outcome.created_revision else {
            outcome.drift = Some(Drift::none());
            return Ok(());
        };
        let words = format!("{}: models and database differed; written: {}", self.target.name, created.path);
        self.scope.out.note(&words);
        self.migrate(self.comparing(), outcome)?;
        if outcome.drift.as_ref().is_some_and(|drift| !drift.in_order) {
            let words = "the revision that was written does not settle the difference: each start would write another";
            self.scope.out.warn(&format!("{}: {words}", self.target.name));
        }
        Ok(())
    }

    /// Alembic's own words are no part of the result.
    fn argv<const N: usize>(&self, words: [&str; N]) -> Vec<String> {
        with_x(&self.args.place, std::iter::once("--quiet").chain(words).map(str::to_owned).collect())
    }

    fn comparing(&self) -> Option<Step> {
        let argv = self.argv(["check"]);
        self.has_models().then_some(Step::Compare { argv })
    }

    /// Everything that `migrate` does, and one step more.
    fn migrate(&self, then: Option<Step>, outcome: &mut Outcome) -> Result<Ended> {
        let steps = std::iter::once(Step::verified(self.argv(["upgrade", "head"]))).chain(then).collect();
        let wishes = Wishes { needs_models: true, terminal: self.args.place.tty, ..Wishes::default() };
        let plan = self.scope.plan(self.target, Needs::Writing, steps, wishes)?;
        let mut live = Live::aside(self.scope.out, &plan.target);
        let mut kept = Kept::default();
        let care = ("auto", self.args.care);
        let ended = self.scope.run_with_retries(self.target, &plan, care, &mut kept, &mut live);
        outcome.keeps(kept);
        let ended = ended?;
        outcome.migrated(&ended.told);
        if ended.told.migrated {
            return Ok(self.compared(ended, outcome));
        }
        ended.good()
    }

    /// Whatever became of the comparison: the migration stays done, and the application may start.
    fn compared(&self, mut ended: Ended, outcome: &mut Outcome) -> Ended {
        let differences = std::mem::take(&mut ended.told.differences);
        let failure = ended.told.failure.take().filter(|failure| failure.kind != "drift");
        match failure {
            Some(failure) => self.cannot_compare(&failure.text),
            None => outcome.drift = Some(Drift::of(differences)),
        }
        ended
    }

    fn cannot_compare(&self, why: &str) {
        self.scope.out.warn(&format!("{}: models and database were not compared: {why}", self.target.name));
    }

    fn say_where_it_is(&self, outcome: &Outcome) {
        let now = outcome.current_revision.as_deref().unwrap_or("base");
        let head = if outcome.pending.is_empty() { " (head)" } else { "" };
        self.scope.out.note(&format!("{}: now at {now}{head}", self.target.name));
    }
}
