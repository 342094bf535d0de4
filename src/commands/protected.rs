//! Before a command writes: protected databases, and questions that need a yes.

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::settings::Database;

use super::Scope;
use super::scope::Chosen;

impl<'a> Scope<'a> {
    /// The targets that may be written to: patterns pass over protected ones, single ones need their name.
    pub fn allow_writing(&self, chosen: Vec<Chosen<'a>>) -> Result<Vec<Chosen<'a>>> {
        let mut allowed = Vec::new();
        for target in chosen {
            let Some(name) = self.protected_name(&target)? else {
                allowed.push(target);
                continue;
            };
            let meant = self.global.yes_i_mean.iter().any(|meant| *meant == name || *meant == target.name);
            if meant || (!target.by_pattern && self.is_typed(&name)) {
                allowed.push(target);
            } else if target.by_pattern {
                self.out.line(&format!("{name}: protected, passed over (--yes-i-mean {name} takes it in)"));
            } else {
                return Err(Error::usage(format!("{name} is protected")).help(format!("add --yes-i-mean {name}")));
            }
        }
        Ok(allowed)
    }

    /// Needs a yes: `--yes`, or an answer on a terminal.
    pub fn confirm(&self, question: &str) -> Result<()> {
        if self.global.yes {
            return Ok(());
        }
        match self.out.agree(question) {
            Some(true) => Ok(()),
            Some(false) => Err(Error::usage("nothing was done")),
            None => Err(Error::usage(format!("a yes is needed: {question}")).help("add --yes")),
        }
    }

    /// The name under which the target's database is protected, whatever name it goes by here.
    pub fn protected_name(&self, chosen: &Chosen<'_>) -> Result<Option<String>> {
        let Some(own) = &chosen.database else { return Ok(None) };
        if own.protected {
            return Ok(Some(chosen.name.clone()));
        }
        if Engine::identity_of(own, self.environment).is_none() {
            return Ok(None);
        }
        let mut named = self.settings.protected_projects()?.flat_map(|project| {
            project.db.values().map(move |database| (format!("{}.{}", project.name, database.name), database))
        });
        let found = named.find(|(_, database)| database.protected && self.is_same(own, database));
        Ok(found.map(|(name, _)| name))
    }

    /// Whether both lead to one database. A server of this machine goes by several names: it is asked.
    fn is_same(&self, one: &Database, other: &Database) -> bool {
        let identities = |database| Engine::identities_of(database, self.environment);
        match (identities(one), identities(other)) {
            (ours, theirs) if ours.iter().any(|identity| theirs.contains(identity)) => true,
            (ours, theirs) if ours.iter().any(|one| theirs.iter().any(|other| one.is_same_address(other))) => true,
            (ours, theirs) if ours.iter().any(|one| theirs.iter().any(|other| one.may_be(other))) => {
                let engines = (self.engine(one), self.engine(other));
                matches!(engines, (Ok(one), Ok(other)) if one.is_same_as(&other).unwrap_or_default())
            }
            _ => false,
        }
    }

    fn is_typed(&self, name: &str) -> bool {
        let question = format!("{name} is protected; type its name to go on:");
        self.out.ask(&question, None).is_some_and(|answer| answer == name)
    }
}
