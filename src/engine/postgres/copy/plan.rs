//! What a copy would run, for people who want to know before.

use crate::engine::Copying;
use crate::engine::postgres::{Server, identifier};
use crate::error::Result;

use super::{Copy, archive, is_large};

impl Server {
    pub fn copy_plan(&self, target: &Self, copying: &Copying) -> Result<Vec<String>> {
        let (here, there) = (self.facts()?, target.facts()?);
        let aside = target.beside(format!("{}__shed_new_RUN", target.name));
        let name = identifier(&aside.name);
        if copying.template {
            return Ok(vec![
                format!("create database {name} template {}", identifier(&self.name)),
                swap(target, &name),
            ]);
        }
        let copy = Copy {
            source: self,
            programs: self.programs_for(here.major)?,
            copying,
            keeps_rights: self.keeps_rights(&here, &there, target)?,
        };
        if !there.createdb {
            return Ok(vec![
                copy.dump().args(["-Fc", "-Z0"]).command_line(),
                format!("one transaction in {} that removes everything and writes the copy", target.place()),
            ]);
        }
        let mut commands = vec![format!("create database {name} template template0")];
        let size = self.size()?;
        if is_large(size, copying) && archive::has_room(size) {
            let (dump, restore) = copy.through_archive(&aside, &archive::folder_of("RUN"));
            commands.extend([dump.command_line(), restore.command_line()]);
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
