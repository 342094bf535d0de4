//! The two ends of a copy: which databases they are, and whether one may be copied into the other.

use std::path::Path;

use crate::commands::Scope;
use crate::commands::scope::Chosen;
use crate::engine::{Copying, Engine};
use crate::error::{Error, Result};
use crate::settings::{Kind, targets};

use super::Cloned;

/// Source and target with the ways to them.
pub struct Ends<'a> {
    pub source: Chosen<'a>,
    pub target: Chosen<'a>,
    pub from: Engine,
    pub to: Engine,
}

impl<'a> Ends<'a> {
    /// Finds both; a protected target needs its name, unless nothing is written.
    pub fn of(scope: &Scope<'a>, source: &str, target: &str, dry_run: bool) -> Result<Self> {
        let source = scope.named(source, "clone")?;
        let mut target = match target.strip_prefix("development.") {
            Some(_) => copy_of(scope, &source, target)?,
            None => scope.named(target, "clone")?,
        };
        let kind = |chosen: &Chosen<'a>| Ok::<_, Error>(scope.database_of(chosen)?.kind);
        refuse_other_type((&source.name, kind(&source)?), (&target.name, kind(&target)?))?;
        if !dry_run {
            let mut allowed = scope.allow_writing(vec![target])?;
            target = allowed.pop().ok_or_else(|| Error::usage("no target is left"))?;
        }
        let (from, to) = (scope.reach(&source)?, scope.reach(&target)?);
        scope.refuse_memory(&source, &from)?;
        scope.refuse_memory(&target, &to)?;
        Ok(Self { source, target, from, to })
    }

    /// Under whatever names: a copy onto itself would be a loss.
    pub fn refuse_itself(&self) -> Result<()> {
        if !self.from.is_same_as(&self.to)? {
            return Ok(());
        }
        let (source, target) = (&self.source.name, &self.target.name);
        Err(Error::usage(format!("{source} and {target} are one database ({})", self.to.place()))
            .help("name another target: shed targets"))
    }

    /// A copy on a development server is nobody's working database.
    pub fn source_is_ours(&self) -> bool {
        self.source.name.starts_with("development.")
    }

    /// What would be done.
    pub fn planned(&self, copying: &Copying, after: Option<&Path>) -> Result<Cloned> {
        let mut commands = self.from.copy_plan(&self.to, copying)?;
        commands.extend(after.map(|file| format!("the statements of {}", file.display())));
        let counts = self.from.row_counts()?;
        Ok(Cloned {
            source: self.source.name.clone(),
            target: self.target.name.clone(),
            database: self.to.place(),
            bytes: self.from.size()?,
            tables: counts.len(),
            rows: counts.iter().map(|(_, rows)| rows).sum(),
            seconds: 0.0,
            verified: false,
            replaced_in_place: false,
            dry_run: true,
            commands,
        })
    }
}

/// A copy on a development server, named after its source or as a person says; a private server is no older than the source's.
fn copy_of<'a>(scope: &Scope<'a>, source: &Chosen<'a>, word: &str) -> Result<Chosen<'a>> {
    let Some(found) = targets::development(scope.settings, word) else {
        return Err(Error::usage(format!("`{word}` is no target")));
    };
    let (server, name) = found?;
    refuse_other_type((&source.name, scope.database_of(source)?.kind), (word, server.kind))?;
    let at_least = if server.embedded.is_some() { scope.reach(source)?.major()? } else { None };
    let name = scope.copy_name(source, server, name)?;
    scope.copy(&format!("development.{}/{name}", server.name), at_least)
}

fn refuse_other_type((source, from): (&str, Kind), (target, to): (&str, Kind)) -> Result<()> {
    if from == to {
        return Ok(());
    }
    Err(Error::usage(format!("{source} is {} and {target} is {}", from.as_str(), to.as_str()))
        .help("a copy is made between databases of one type"))
}
