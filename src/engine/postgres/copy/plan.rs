//! What a copy would run, for people who want to know before.

use crate::engine::Copying;
use crate::engine::postgres::{Server, identifier};
use crate::error::Result;

use super::rows::{Pipe, TABLES, Table};
use super::{Begun, folder_of};

impl Server {
    pub fn copy_plan(&self, target: &Self, copying: &Copying) -> Result<Vec<String>> {
        let (here, there) = (self.facts()?, target.facts()?);
        let aside = target.beside(format!("{}__shed_new_RUN", target.name));
        let name = identifier(&aside.name);
        let mut begun = Begun {
            programs: self.programs_for(here.major)?,
            here,
            there,
            mark: String::new(),
            keeps_rights: true,
            picture: None,
            parts: None,
        };
        if copying.template {
            return Ok(vec![
                format!("create database {name} template {}", identifier(&self.name)),
                swap(target, &name),
            ]);
        }
        begun.keeps_rights = self.keeps_rights(&begun.here, &begun.there, target)?;
        let copy = begun.copy(self, copying);
        if target.why_in_place(&begun.there).is_some() {
            return Ok(vec![
                copy.dump().args(["-Fc", "-Z0"]).command_line(),
                format!("one transaction in {} that removes everything and writes the copy", target.place()),
            ]);
        }
        let mut commands = vec![format!("create database {name} template template0")];
        if copy.is_large(self.size()?) {
            let schema = folder_of("RUN").join("schema");
            commands.push(copy.schema_archive(&schema, "SNAPSHOT").command_line());
            commands.push(copy.section(&aside, "pre-data", &schema).command_line());
            let tables = self.answer_in::<Vec<Table>>(&self.name, TABLES)?;
            let rows = copy.rows(&aside, "SNAPSHOT", &tables);
            let line = |pipe: &Pipe<'_>| format!("{} | {}", pipe.read.command_line(), pipe.write.command_line());
            commands.extend(rows.iter().map(line));
            let post_data = || copy.section(&aside, "post-data", &schema);
            let others = post_data().args(["-j", &copy.jobs().to_string()]);
            if copy.are_alike(&tables) {
                let list = |name: &str| folder_of("RUN").join(name);
                let builds = (0..tables.len()).map(|at| post_data().arg("-L").arg(list(&at.to_string())));
                commands.extend(builds.chain([others.arg("-L").arg(list("others"))]).map(|tool| tool.command_line()));
            } else {
                commands.push(others.command_line());
            }
        } else {
            commands.push(format!("{} | {}", copy.dump().command_line(), copy.psql(&aside).command_line()));
        }
        commands.push(swap(target, &name));
        Ok(commands)
    }
}

fn swap(target: &Server, aside: &str) -> String {
    let name = identifier(&target.name);
    format!("begin; alter database {name} rename to …; alter database {aside} rename to {name}; commit")
}
