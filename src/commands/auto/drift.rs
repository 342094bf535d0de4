//! Whether models and database differ, by reading alone.

use schemars::JsonSchema;
use serde::Serialize;

use crate::alembic::Difference;
use crate::error::Result;
use crate::settings::Kind;

use super::super::check::{self, Checked};
use super::super::live::Live;
use super::super::offline::{self, Known};
use super::super::scope::Needs;
use super::super::status::Standing;
use super::Auto;

/// What a comparison found.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Drift {
    /// Whether models and database agree.
    pub in_order: bool,
    pub differences: Vec<Difference>,
}

impl Drift {
    pub fn none() -> Self {
        Self::of(Vec::new())
    }

    pub fn of(differences: Vec<Difference>) -> Self {
        Self { in_order: differences.is_empty(), differences }
    }
}

impl Auto<'_, '_> {
    /// Models against migrations where that is cheap or known, otherwise against the database where nothing is pending;
    /// `None` where it cannot be told.
    pub(super) fn look(&self, before: &Standing, is_clean: bool) -> Option<Drift> {
        if !self.has_models() {
            return None;
        }
        let found = match self.offline() {
            Some(Ok(checked)) => checked,
            _ if is_clean => match self.live(before) {
                Ok(checked) => checked,
                Err(error) => {
                    self.cannot_compare(error.words().map_or("it was interrupted", |words| &words.what));
                    return None;
                }
            },
            _ => return None,
        };
        Some(Drift { in_order: found.in_order, differences: found.differences })
    }

    /// As `check --offline`, whose answer is kept: the next start needs no Python. A scratch database of PostgreSQL's
    /// is nothing that the start of an application makes.
    fn offline(&self) -> Option<Result<Checked>> {
        let database = self.target.database.as_ref().filter(|database| database.options.cache)?;
        let args = check::Args::offline(&self.args.place);
        let known = Known::of(self.scope, std::slice::from_ref(self.target), &args);
        let is_cheap = database.kind == Kind::Sqlite || known.is_in_order(&self.target.name);
        is_cheap.then(|| offline::check(self.scope, self.target, &known, true, &args))
    }

    /// The answer of an unchanged project and a database at the same revisions is kept too.
    fn live(&self, before: &Standing) -> Result<Checked> {
        let (scope, name) = (self.scope, &self.target.name);
        let args = check::Args::offline(&self.args.place);
        let words = format!("{} at {}", before.place, before.current.join(", "));
        let known = Known::of_live(scope, self.target, &args, &words);
        if known.is_in_order(name) {
            return Ok(check::known_to_be_in_order(self.target));
        }
        let began = known.now(name);
        let plan = scope.plan(self.target, Needs::Reading, vec![check::alone(&args)], check::wishes(&args))?;
        let mut live = Live::of(scope.out, &plan.target, true);
        let mut ended = scope.run(&plan, &mut live)?;
        let witness = ended.told.witness.take();
        let checked = check::found(ended, live)?;
        if checked.in_order
            && let Err(why) = known.keep(name, witness.as_ref(), began)
            && scope.out.verbose
        {
            scope.out.note(&format!("{name}: the answer is not kept: {why}"));
        }
        Ok(checked)
    }
}
