//! Where the targets stand: version tables read all at once, set beside the revision files.

use std::path::Path;

use crate::commands::Scope;
use crate::commands::log;
use crate::commands::safely::left_by_a_dead_run;
use crate::commands::scope::{Chosen, Needs};
use crate::engine::backups;
use crate::engine::ledger::{Digests, digests};
use crate::engine::standing::{self, Asked, Rows};
use crate::engine::{Engine, Identity};
use crate::error::{Error, Result};
use crate::revisions::Chain;
use crate::settings::{Database, Format, Kind};

use super::graph::{Graphs, question};
use super::{Line, Standing, sql};

/// A target that can be asked.
pub struct Site<'a> {
    pub database: &'a Database,
    pub engine: Engine,
    pub table: Table,
    pub wants_name: bool,
    wants_ledger: bool,
}

/// Where the version table is.
pub struct Table {
    pub schema: Option<String>,
    pub name: String,
}

/// Each target's standing, or why it cannot be told.
pub fn read(scope: &Scope<'_>, chosen: &[Chosen<'_>], alone: bool) -> Result<Vec<Result<Standing>>> {
    let sites: Vec<Result<Site<'_>>> = chosen.iter().map(|target| site(scope, target)).collect();
    let mut rows = rows(scope, chosen, &sites)?.into_iter();
    let mut graphs = Graphs::default();
    let mut found = Vec::new();
    for (target, site) in chosen.iter().zip(sites) {
        let standing = site.and_then(|site| {
            let rows = rows.next().unwrap_or_else(|| Err(Error::failed("the database was not read")))?;
            if target.project.format == Format::Sql {
                return sql::standing(scope, target, &site, rows, alone);
            }
            let graph = graphs.of(scope, target)?;
            Ok(standing(scope, target, &site, rows, graph, alone))
        });
        match standing {
            Err(error @ Error::Interrupted(_)) => return Err(error),
            Err(error) => found.push(Err(named(&target.name, error))),
            found_one => found.push(found_one),
        }
    }
    Ok(found)
}

/// The way to a target's version table.
pub fn site<'a>(scope: &Scope<'_>, target: &'a Chosen<'_>) -> Result<Site<'a>> {
    let Some(database) = &target.database else {
        return Err(Error::usage(format!("project {} has no database", target.name)));
    };
    let engine = scope.reach(target)?;
    let (schema, name) = target.project.version_table(&database.options);
    let wants_name = engine.may_have_journal(&scope.state());
    let table = Table { schema: schema.or_else(|| database.options.schema.clone()), name };
    let wants_ledger = target.project.keeps_ledger(&database.options);
    Ok(Site { database, engine, table, wants_name, wants_ledger })
}

/// The rows of every site that there is, in order.
fn rows(scope: &Scope<'_>, chosen: &[Chosen<'_>], sites: &[Result<Site<'_>>]) -> Result<Vec<Result<Rows>>> {
    let there: Vec<(&Chosen<'_>, &Site<'_>)> =
        chosen.iter().zip(sites).filter_map(|(target, site)| Some((target, site.as_ref().ok()?))).collect();
    let own: Vec<Asked<'_>> = there.iter().filter(|(_, site)| site.is_plain()).map(|(_, site)| site.asked()).collect();
    let mut own = standing::read(&own, scope.interrupts()?).into_iter();
    let rows = there.iter().map(|(target, site)| match site.is_plain().then(|| own.next()).flatten() {
        // Without psql the project's driver is asked.
        None | Some(Err(Error::Environment(_))) => by_python(scope, target, site),
        Some(answer) => answer,
    });
    Ok(rows.collect())
}

/// The version table as the project's SQLAlchemy finds it.
fn by_python(scope: &Scope<'_>, target: &Chosen<'_>, site: &Site<'_>) -> Result<Rows> {
    let answer = question(scope, target, Needs::Reading, "rows")?;
    let heads = answer.first().map(|answer| serde_json::from_value(answer["heads"].clone()));
    let steps = if site.wants_ledger { log::by_python(scope, target, None)? } else { None };
    let digests = digests(steps.unwrap_or_default());
    Ok(Rows { heads: heads.and_then(std::result::Result::ok).flatten(), system: None, digests })
}

fn standing(
    scope: &Scope<'_>,
    target: &Chosen<'_>,
    site: &Site<'_>,
    rows: Rows,
    graph: &Chain,
    alone: bool,
) -> Standing {
    // In memory every run begins with all of it.
    let in_memory = site.engine.identity() == Identity::Memory;
    let current = if in_memory { graph.heads.clone() } else { rows.heads.unwrap_or_default() };
    let held = graph.held(&current);
    let unknown = graph.unknown(&current);
    let journal = site.engine.journal_on(&scope.state(), rows.system.as_deref()).filter(|_| site.wants_name);
    let applied = graph.revisions.iter().filter(|link| held.contains(link.revision.as_str()));
    let edited =
        edited(applied.filter_map(|link| Some((link.revision.as_str(), link.path.as_deref()?))), &rows.digests);
    let lines = || {
        graph.revisions.iter().map(|revision| Line {
            applied: held.contains(revision.revision.as_str()),
            revision: revision.revision.clone(),
            message: revision.message.clone(),
            is_head: revision.is_head,
            edited: edited.contains(&revision.revision),
            file: None,
        })
    };
    Standing {
        target: target.name.clone(),
        project: target.project.name.clone(),
        database: site.database.name.clone(),
        place: site.engine.place(),
        protected: site.database.protected,
        missing: site.engine.is_missing_file(),
        heads: graph.heads.clone(),
        applied: held.len(),
        pending: unknown.is_empty().then(|| graph.revisions.len() - held.len()),
        broken_off: journal.as_ref().and_then(left_by_a_dead_run),
        revisions: alone.then(|| lines().collect()),
        current,
        unknown,
        edited,
        is_sql: false,
        exit_code: false,
    }
}

/// The applied revisions whose file is not what it was; one that is gone or cannot be read is told of elsewhere.
pub fn edited<'a>(applied: impl Iterator<Item = (&'a str, &'a Path)>, digests: &Digests) -> Vec<String> {
    let differs = |(revision, path): &(&str, &Path)| {
        digests.get(*revision).is_some_and(|then| backups::digest(path).is_ok_and(|(now, _)| now != *then))
    };
    applied.filter(differs).map(|(revision, _)| revision.to_owned()).collect()
}

fn named(target: &str, error: Error) -> Error {
    match error.words().map(|words| words.what.clone()) {
        Some(what) if !what.starts_with(target) => error.reworded(format!("{target}: {what}")),
        _ => error,
    }
}

impl Site<'_> {
    fn asked(&self) -> Asked<'_> {
        Asked {
            engine: &self.engine,
            schema: self.table.schema.as_deref(),
            table: &self.table.name,
            on_connect: &self.database.options.on_connect,
            wants_name: self.wants_name,
            wants_ledger: self.wants_ledger,
        }
    }

    /// Whether the table is where its name says, without anything of SQLAlchemy's in between.
    pub fn is_plain(&self) -> bool {
        let translated = !self.database.options.schema_translate_map.is_empty();
        // An attached file is known to `on_connect` alone.
        let attached = self.database.kind == Kind::Sqlite
            && self.table.schema.as_deref().is_some_and(|schema| !["", "main"].contains(&schema));
        !translated && !attached
    }
}
