//! A command on several targets: together or one after another, told in the order of the settings.

use std::collections::HashSet;
use std::thread;

use crate::engine::Engine;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::fleet::{self, Ending, Order};
use crate::output::Turns;

use super::reports::Answer;
use super::scope::{Chosen, Scope};

/// How a command goes through its targets, where its caller does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Together; one that failed keeps none from being asked.
    Reading,
    /// One after another; none begins when one has failed.
    Writing,
    /// As [`Way::Writing`], whatever `--jobs` says: they write into the same files.
    InOrder,
}

impl<'a> Scope<'a> {
    /// Asks every target.
    pub fn each<'c, 's, R: Send>(
        &self,
        chosen: &'c [Chosen<'s>],
        way: Way,
        ask: impl Fn(&Scope<'_>, &'c Chosen<'s>, bool) -> Result<R> + Sync,
    ) -> Result<Answer<R>> {
        self.each_judged(chosen, way, ask, |_| true)
    }

    /// As [`Scope::each`], where an answer may tell of a failure too: it is no `good` one.
    pub fn each_judged<'c, 's, R: Send>(
        &self,
        chosen: &'c [Chosen<'s>],
        way: Way,
        ask: impl Fn(&Scope<'_>, &'c Chosen<'s>, bool) -> Result<R> + Sync,
        good: impl Fn(&R) -> bool + Sync,
    ) -> Result<Answer<R>> {
        if let [only] = chosen
            && !only.by_pattern
            && self.global.shard.is_none()
        {
            return ask(self, only, false).map(Answer::One);
        }
        let chosen: Vec<&Chosen<'_>> = chosen.iter().collect();
        let order = self.order(way);
        self.interrupts()?; // caught before there are threads
        self.common.warm.expect(chosen.iter().map(|target| target.project.name.clone()));
        let turns = Turns::of(self.out, chosen.len());
        let keys: Vec<_> = chosen.iter().map(|target| key(target, self.environment)).collect();
        let work = |index: usize| {
            let (target, out): (&Chosen<'_>, _) = (chosen[index], turns.voice(index));
            turns.begin(index, &target.name);
            let answer = ask(&self.speaking(&out), chosen[index], true);
            let ending = match &answer {
                Ok(answer) if good(answer) => Ending::Good,
                Ok(_) => Ending::Failed,
                Err(error) if error.words().is_none() => Ending::Interrupted,
                Err(error) => {
                    out.fail_one(error);
                    Ending::Failed
                }
            };
            self.common.warm.leave(target.project, self.environment);
            turns.end(index);
            (answer, ending)
        };
        let answers = fleet::carry_out(&keys, order, work, |index| turns.end(index));
        let mut told = Vec::new();
        for (target, answer) in chosen.iter().zip(answers) {
            match answer {
                Some(Err(error @ Error::Interrupted(_))) => return Err(error),
                Some(answer) => told.push((target.name.clone(), answer)),
                None => {}
            }
        }
        Ok(Answer::Several(told))
    }

    /// This machine's share, each target once: what a command is given to work on.
    pub fn share<'s>(&self, meant: Vec<Chosen<'s>>) -> Vec<Chosen<'s>> {
        let mut seen = HashSet::new();
        let once: Vec<_> = meant.into_iter().filter(|target| seen.insert(target.name.clone())).collect();
        let all = once.len();
        let ours = self.ours(once);
        if let Some(shard) = self.global.shard {
            self.out.note(&format!("shard {shard}: {} of {all} targets", ours.len()));
        }
        ours
    }

    /// Those of a list that are this machine's.
    pub fn ours<T>(&self, all: impl IntoIterator<Item = T>) -> Vec<T> {
        let ours = |place: usize| self.global.shard.is_none_or(|shard| shard.holds(place));
        all.into_iter().enumerate().filter(|(place, _)| ours(*place)).map(|(_, one)| one).collect()
    }

    fn order(&self, way: Way) -> Order {
        let processors = || thread::available_parallelism().map_or(1, usize::from);
        let jobs = match (way, self.global.jobs) {
            (Way::InOrder, _) | (Way::Writing, None) => 1,
            (_, Some(jobs)) => jobs.get(),
            (Way::Reading, None) => processors(),
        };
        let keeps_going = self.global.keep_going || (way == Way::Reading && !self.global.fail_fast);
        Order { jobs, keeps_going }
    }
}

/// Targets that lead to one database take turns.
fn key(target: &Chosen<'_>, environment: &Environment) -> Option<String> {
    Engine::identity_of(target.database.as_ref()?, environment).map(|identity| format!("{identity:?}"))
}
