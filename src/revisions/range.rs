//! `history`'s ranges: which revisions lie between two words, newest first.

use super::resolve::relative;
use super::{Graph, NotStatic};

impl Graph {
    /// Alembic's `walk_revisions`: from `upper` down to `lower`, both of them included.
    pub(super) fn between(&self, lower: &str, upper: &str) -> Result<Vec<usize>, NotStatic> {
        let targets = self.on_branch_of(lower, self.upper(upper, lower)?)?;
        self.demand_apart(&targets)?;
        let mut needed = self.reach(&targets, |at| self.down(at));
        let current = self.several(lower)?;
        if current.iter().any(|at| !needed[*at]) {
            return Err(NotStatic::because("one end of the range is not above the other"));
        }
        if !current.is_empty() {
            self.demand_apart(&current)?;
            let have = self.reach(&current, |at| self.down(at));
            let above = self.reach(&current, |at| self.next[at].clone());
            for at in 0..needed.len() {
                needed[at] = above[at] && ((needed[at] && !have[at]) || current.contains(&at));
            }
        }
        self.sorted(&needed, &targets)
    }

    /// Alembic's `_parse_upgrade_target`.
    fn upper(&self, upper: &str, lower: &str) -> Result<Vec<usize>, NotStatic> {
        let Some(relative) = relative(upper)? else {
            return self.several(upper);
        };
        let place = match (relative.symbol, relative.label) {
            (None, None) if relative.steps > 0 => self.walk(self.single(lower)?, relative.steps, None)?,
            (None, _) => return Err(NotStatic::because("a step from what a database holds")),
            (Some(symbol), label) if relative.steps > 0 => self.walk(self.single(symbol)?, relative.steps, label)?,
            (Some(symbol), None) => self.walk(self.single(symbol)?, relative.steps, None)?,
            (Some(symbol), Some(label)) => {
                self.walk(self.single(&format!("{label}@{symbol}"))?, relative.steps, None)?
            }
        };
        Ok(vec![self.sure(place)?])
    }

    /// A lower end on a branch means that branch alone.
    fn on_branch_of(&self, lower: &str, targets: Vec<usize>) -> Result<Vec<usize>, NotStatic> {
        let Some((branch, _)) = lower.split_once('@') else {
            return Ok(targets);
        };
        let label = match self.single(branch)? {
            Some(at) if self.revisions[at].id == branch => {
                let mut labels = self.labels[at].iter();
                match (labels.next(), labels.next()) {
                    (Some(only), None) => only.as_str(),
                    _ => return Err(NotStatic::because(format!("{branch} is not on one branch"))),
                }
            }
            _ => branch,
        };
        Ok(targets.into_iter().filter(|at| self.labels[*at].contains(label)).collect())
    }

    /// Alembic refuses ends of which one lies above the other.
    fn demand_apart(&self, ends: &[usize]) -> Result<(), NotStatic> {
        for end in ends {
            let below = self.reach(&[*end], |at| self.down(at));
            if ends.iter().any(|other| other != end && below[*other]) {
                return Err(NotStatic::because("the ends of the range overlap"));
            }
        }
        Ok(())
    }
}
