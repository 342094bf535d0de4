//! Before a command writes: protected databases, and questions that need a yes.

use crate::engine::{Engine, Identity};
use crate::error::{Error, Result};

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
        let Some(database) = &chosen.database else { return Ok(None) };
        if database.protected {
            return Ok(Some(chosen.name.clone()));
        }
        let Some(here) = self.identity(database) else { return Ok(None) };
        let mut named = self.settings.protected_projects()?.flat_map(|project| {
            project.db.values().map(move |database| (format!("{}.{}", project.name, database.name), database))
        });
        let found = named.find(|(_, database)| database.protected && self.identity(database).as_ref() == Some(&here));
        Ok(found.map(|(name, _)| name))
    }

    fn identity(&self, database: &crate::settings::Database) -> Option<Identity> {
        Engine::identity_of(database)
    }

    fn is_typed(&self, name: &str) -> bool {
        let question = format!("{name} is protected; type its name to go on:");
        self.out.ask(&question, None).is_some_and(|answer| answer == name)
    }
}
