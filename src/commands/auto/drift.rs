//! Whether models and database differ, by reading alone.

use schemars::JsonSchema;
use serde::Serialize;

use crate::alembic::Difference;
use crate::error::Result;
use crate::settings::Kind;

use super::super::check::{self, Checked};
use super::super::offline::{self, Known};
use super::super::scope::Needs;
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
    pub(super) fn look(&self, is_clean: bool) -> Option<Drift> {
        if !self.has_models() {
            return None;
        }
        let found = match self.offline() {
            Some(Ok(checked)) => checked,
            _ if is_clean => match self.live() {
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

    fn live(&self) -> Result<Checked> {
        let args = check::Args::offline(&self.args.place);
        let plan = self.scope.plan(self.target, Needs::Reading, vec![check::step(&args)], check::wishes(&args))?;
        check::checked(self.scope, &plan, true)
    }
}
