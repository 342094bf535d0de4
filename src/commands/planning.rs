//! From a chosen target to a plan for the worker.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::alembic::{self, Plan, Reach, Sql, Step};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::revisions::{self, Graph, NotStatic, sql};
use crate::settings::{Database, Format, Module, Options, Project, VersionsEntry};

use super::Place;
use super::live::Live;
use super::safely::Care;
use super::scope::{Chosen, Needs, Scope};

/// What a command adds to the steps themselves.
#[derive(Clone, Copy, Default)]
pub struct Wishes<'a> {
    pub needs_models: bool,
    /// `--models`.
    pub models: Option<&'a str>,
    pub allow_empty: bool,
    pub terminal: bool,
    /// The name of a command that migrates, and what its options say about safety.
    pub care: Option<(&'static str, Care)>,
    /// Models and database are compared after the migration, in the same interpreter.
    pub compares: Option<&'a Place>,
    /// `--strict`: SQL files that come before an applied one are refused.
    pub strict: bool,
}

impl Scope<'_> {
    /// Decides everything about one run.
    pub fn plan<'p>(
        &self,
        chosen: &'p Chosen<'_>,
        needs: Needs,
        steps: Vec<Step>,
        wishes: Wishes<'_>,
    ) -> Result<Plan<'p>> {
        let reach = if needs == Needs::Files { None } else { self.reach_of(chosen)? };
        if needs == Needs::Reading
            && let Some(reach) = &reach
        {
            self.report_broken_off(&chosen.name, &reach.engine);
        }
        if needs == Needs::Writing
            && let Some(reach) = &reach
        {
            reach.engine.make_room()?;
        }
        let versions = versions(chosen);
        refuse_files(&versions)?;
        let sql = match chosen.project.format {
            Format::Python => None,
            Format::Sql => Some(self.sql_files(chosen, &versions, needs, wishes)?),
        };
        // SQL that is only run needs no models.
        let needs_models = wishes.needs_models && (sql.is_none() || steps.iter().any(Step::looks_at_models));
        Ok(Plan {
            project: chosen.project,
            target: chosen.name.clone(),
            other_version_tables: match &reach {
                Some(reach) if steps.iter().any(Step::may_compare) => self.neighbours(chosen, &reach.engine)?,
                _ => Vec::new(),
            },
            steps,
            writes: needs == Needs::Writing,
            needs_models,
            sql,
            models: wishes.models.map(|models| vec![module(models, self.environment.working_dir())]),
            versions,
            options: options(chosen),
            allow_empty: wishes.allow_empty,
            verbose: self.out.verbose,
            terminal: wishes.terminal,
            reach,
            other: None,
        })
    }

    /// The way to the target's database, where it has one.
    fn reach_of<'p>(&self, chosen: &'p Chosen<'_>) -> Result<Option<Reach<'p>>> {
        let Some(database) = &chosen.database else { return Ok(None) };
        if let Some(own) = self.settings.project(&chosen.project.name)?
            && own.db.get(&database.name).is_some_and(|own| own.connection == database.connection)
        {
            self.settings.demand_database(&own.name, &database.name)?;
        }
        Ok(Some(Reach { database, engine: self.engine(database)? }))
    }

    /// A second database that is only read, and what the settings say of it.
    pub fn beside<'p>(&self, other: &'p Chosen<'_>) -> Result<(Reach<'p>, Map<String, Value>)> {
        let Some(reach) = self.reach_of(other)? else {
            return Err(Error::usage(format!("project {} has no database", other.project.name)));
        };
        self.report_broken_off(&other.name, &reach.engine);
        let mut keys = alembic::keys_of(&other.name, other.project, &reach.database.options);
        keys.insert("missing".to_owned(), reach.engine.is_missing_file().into());
        keys.insert("other_version_tables".to_owned(), json!(self.neighbours(other, &reach.engine)?));
        Ok((reach, keys))
    }

    /// Version tables that other targets keep in the same database: autogenerate must not drop them.
    fn neighbours(&self, chosen: &Chosen<'_>, engine: &Engine) -> Result<Vec<(Option<String>, String)>> {
        let here = Some(engine.identity());
        let is_here = |database: &Database| Engine::identity_of(database, self.environment) == here;
        self.tables_of_all(chosen, is_here, |project, database| project.version_table(&database.options))
    }

    /// A table, its schema before it, of each database that is wanted and of the target's own; each once, in order.
    pub fn tables_of_all(
        &self,
        chosen: &Chosen<'_>,
        is_wanted: impl Fn(&Database) -> bool,
        table: impl Fn(&Project, &Database) -> (Option<String>, String),
    ) -> Result<Vec<(Option<String>, String)>> {
        let projects = self.settings.projects()?.values();
        let databases = projects.flat_map(|project| project.db.values().map(move |database| (project, database)));
        let wanted = databases.filter(|(_, database)| is_wanted(database));
        let own = chosen.database.iter().map(|database| (chosen.project, database));
        let mut tables: Vec<_> = wanted.chain(own).map(|(project, database)| table(project, database)).collect();
        tables.sort();
        tables.dedup();
        Ok(tables)
    }
}

impl Scope<'_> {
    /// The migrations of a project that keeps them as SQL.
    fn sql_files(
        &self,
        chosen: &Chosen<'_>,
        versions: &[VersionsEntry],
        needs: Needs,
        wishes: Wishes<'_>,
    ) -> Result<Sql> {
        let files = sql::list(chosen.project, versions)?.read();
        if needs == Needs::Writing {
            sql::remarks(&files).iter().for_each(|remark| self.out.warn(&format!("{}: {remark}", chosen.name)));
        }
        Ok(Sql { files, strict: wishes.strict })
    }

    /// The project's revisions, read without Python; the inner error says why that is Alembic's to do.
    pub fn graph(&self, chosen: &Chosen<'_>) -> Result<std::result::Result<Graph, NotStatic>> {
        let versions = versions(chosen);
        refuse_files(&versions)?;
        if chosen.project.format == Format::Sql {
            return Ok(sql::list(chosen.project, &versions)?.graph());
        }
        // A Python that is told to drop docstrings shows none.
        let strips = |name: &str| name == "PYTHONOPTIMIZE";
        if self.environment.os("PYTHONOPTIMIZE").is_some() || chosen.project.env.keys().any(|name| strips(name)) {
            return Ok(Err(NotStatic::docstrings_dropped()));
        }
        Ok(revisions::read(chosen.project, &versions, self.environment))
    }

    /// The ids of the heads, from the files or else from Alembic.
    pub fn head_ids(&self, chosen: &Chosen<'_>, resolve_dependencies: bool) -> Result<Vec<String>> {
        let ids = |heads: &Value| -> Vec<String> {
            let ids = heads.as_array().into_iter().flatten().filter_map(|head| head["revision"].as_str());
            ids.map(str::to_owned).collect()
        };
        if let Ok(heads) = self.graph(chosen)?.and_then(|graph| graph.heads_data(resolve_dependencies)) {
            return Ok(ids(&heads));
        }
        let arguments = Map::from_iter([("resolve_dependencies".to_owned(), Value::from(resolve_dependencies))]);
        let step = Step::Graph { question: "heads", arguments };
        let plan = self.plan(chosen, Needs::Files, vec![step], Wishes::default())?;
        let ended = self.run(&plan, &mut Live::keeping(self.out, &plan.target))?.good()?;
        Ok(ended.told.results.first().map(ids).unwrap_or_default())
    }
}

/// `-x` arguments before the subcommand, as Alembic wants them.
pub fn with_x(place: &Place, argv: Vec<String>) -> Vec<String> {
    place.x.iter().flat_map(|pair| ["-x".to_owned(), pair.clone()]).chain(argv).collect()
}

fn versions(chosen: &Chosen<'_>) -> Vec<VersionsEntry> {
    let kind = chosen.database_or_first().map(|database| database.kind);
    chosen.project.versions_for(kind.unwrap_or(crate::settings::Kind::Sqlite))
}

fn options(chosen: &Chosen<'_>) -> Option<Options> {
    let database = chosen.database_or_first();
    database.map(|database| database.options.clone())
}

fn refuse_files(versions: &[VersionsEntry]) -> Result<()> {
    for entry in versions {
        if let VersionsEntry::Folder(folder) = entry
            && let Some(what) = what_it_is(folder)
        {
            return Err(Error::usage(format!("the versions folder {} {what}", folder.display()))
                .help("set `versions` of the project to a folder"));
        }
    }
    Ok(())
}

/// The models of a project, or those that take their place for one run.
pub fn models(project: &Project, instead: Option<&str>, working_dir: &Path) -> Vec<Module> {
    instead.map_or_else(|| project.module.clone(), |word| vec![module(word, working_dir)])
}

/// What is there instead of a folder; Alembic would take it for an empty one.
fn what_it_is(folder: &Path) -> Option<&'static str> {
    match folder.metadata() {
        Ok(found) if found.is_dir() => None,
        Ok(_) => Some("is a file"),
        Err(_) if folder.is_symlink() => Some("is a link that leads nowhere"),
        Err(_) => None,
    }
}

/// `--models M`: a path where it looks like one, otherwise a dotted name.
fn module(word: &str, working_dir: &Path) -> Module {
    let path = working_dir.join(word);
    if word.contains('/') || word.ends_with(".py") || path.is_dir() {
        Module::Path(path)
    } else {
        Module::Name(word.to_owned())
    }
}
