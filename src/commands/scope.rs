//! What every command works with: settings, environment, terminal, and the way from names to runs.

use std::sync::{Arc, Mutex, OnceLock};

use crate::alembic::{self, Ended, Plan, Safety, Warm};
use crate::engine::Engine;
use crate::engine::embedded::Cluster;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::output::Output;
use crate::process::Interrupts;
use crate::settings::targets::{self, Selected, Target, Wanted, Without};
use crate::settings::{Connection, Database, Kind, Project, Settings, SqlitePath};

use super::live::Live;
use super::{Global, Place};

/// Settings, environment and terminal of one command.
pub struct Scope<'a> {
    pub settings: &'a Settings,
    pub environment: &'a Environment,
    pub out: &'a Output,
    pub global: &'a Global,
    pub(super) common: Arc<Common>,
}

/// What all targets of one command have in common.
#[derive(Default)]
pub(super) struct Common {
    interrupts: OnceLock<Interrupts>,
    /// The private servers that this command uses: each runs on while it is held.
    pub own_servers: Mutex<Vec<Cluster>>,
    pub warm: Warm,
}

/// A project and, where the command needs one, the database that the command goes to.
#[derive(Clone)]
pub struct Chosen<'a> {
    pub project: &'a Project,
    pub database: Option<Database>,
    /// The name for people: `billing.prod`, `billing on development.scratch/x`.
    pub name: String,
    /// Whether it came from a pattern, `--all` or the absence of a name.
    pub by_pattern: bool,
}

impl Chosen<'_> {
    /// The database, or the project's first one where the command needs none: for what both know alike.
    pub fn database_or_first(&self) -> Option<&Database> {
        self.database.as_ref().or_else(|| self.project.db.values().next())
    }
}

/// What a command needs of its targets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// The project's revision files.
    Files,
    /// A database, to read from.
    Reading,
    /// A database, to write to.
    Writing,
}

impl<'a> Scope<'a> {
    pub fn new(settings: &'a Settings, environment: &'a Environment, out: &'a Output, global: &'a Global) -> Self {
        Self { settings, environment, out, global, common: Arc::default() }
    }

    /// The same command, for one of its targets, which has a voice of its own.
    pub(super) fn speaking<'o>(&self, out: &'o Output) -> Scope<'o>
    where
        'a: 'o,
    {
        let Self { settings, environment, global, .. } = *self;
        Scope { settings, environment, out, global, common: Arc::clone(&self.common) }
    }

    /// The targets that a command means, asking on a terminal where the name is not enough.
    pub fn targets(&self, word: Option<&str>, place: &Place, needs: Needs) -> Result<Vec<Chosen<'a>>> {
        self.targets_for(word, place, needs, needs == Needs::Writing)
    }

    /// As [`Scope::targets`]; a command that `writes` anything takes no target that was not meant.
    pub fn targets_for(
        &self,
        word: Option<&str>,
        place: &Place,
        needs: Needs,
        writes: bool,
    ) -> Result<Vec<Chosen<'a>>> {
        Ok(self.share(self.meant(word, place, needs, writes)?))
    }

    /// The targets that are meant, for all machines.
    pub(super) fn meant(
        &self,
        word: Option<&str>,
        place: &Place,
        needs: Needs,
        writes: bool,
    ) -> Result<Vec<Chosen<'a>>> {
        let url = self.url(word, place);
        let word = word.filter(|word| !word.contains("://"));
        let on = place.on.as_deref().or(word.filter(|word| word.starts_with("development.")));
        let word = word.filter(|word| !word.starts_with("development."));
        let without = if writes { Without::Chooses } else { Without::TakesAll };
        let wanted = Wanted {
            word,
            all: place.all,
            // A URL or a development server brings the database along.
            database: needs != Needs::Files && url.is_none() && on.is_none(),
            without: if url.is_some() || on.is_some() { Without::Chooses } else { without },
            working_dir: self.environment.working_dir(),
        };
        let chosen = match targets::select(self.settings, &wanted)? {
            Selected::One(target) => vec![self.with_version_schema(self.chosen(&target, false)?)],
            Selected::Several(_) if self.version_schema().is_some() => {
                return Err(Error::usage("SHED_VERSION_TABLE_SCHEMA is for one target, not for several")
                    .help("set `version_table_schema` in the settings"));
            }
            Selected::Several(found) => found.iter().map(|target| self.chosen(target, true)).collect::<Result<_>>()?,
            Selected::Unclear { why, among } => {
                vec![self.with_version_schema(self.chosen(&self.asked(&why, among)?, false)?)]
            }
        };
        if needs == Needs::Files && !word.is_some_and(|word| word.contains('.')) {
            // Revision files are the project's, whatever database comes first.
            return Ok(chosen
                .into_iter()
                .map(|chosen| Chosen { name: chosen.project.name.clone(), ..chosen })
                .collect());
        }
        if let Some(on) = on {
            return self.moved(chosen, on, place, needs).map(|chosen| vec![chosen]);
        }
        match url {
            Some(url) if needs != Needs::Files => self.replaced(chosen, &url).map(|chosen| vec![chosen]),
            _ => Ok(chosen),
        }
    }

    /// One target; a pattern is refused.
    pub fn only_target(&self, word: Option<&str>, place: &Place, needs: Needs) -> Result<Chosen<'a>> {
        Self::only(self.meant(word, place, needs, true)?, "this command")
    }

    /// Runs a plan; what the worker prints goes to `live`.
    pub fn run(&self, plan: &Plan<'_>, live: &mut Live<'_>) -> Result<Ended> {
        self.run_with(plan, live, None)
    }

    /// As [`Scope::run`], kept safe.
    pub fn run_with(&self, plan: &Plan<'_>, live: &mut Live<'_>, safety: Option<&mut Safety<'_>>) -> Result<Ended> {
        let place = alembic::Place {
            settings: self.settings,
            environment: self.environment,
            interrupts: self.interrupts()?,
            warm: &self.common.warm,
            time_limit: self.global.time_limit,
        };
        alembic::run(plan, place, live, safety)
    }

    /// The signals that came, caught from the first time on that this is asked.
    pub fn interrupts(&self) -> Result<&Interrupts> {
        let known = &self.common.interrupts;
        if known.get().is_none() {
            let caught =
                Interrupts::catch().map_err(|error| Error::environment(format!("could not catch signals: {error}")))?;
            let _ = known.set(caught);
        }
        known.get().ok_or_else(|| Error::environment("could not catch signals"))
    }

    /// Alembic's `-v`, where it was asked for.
    pub fn verbose_flag(&self) -> Option<String> {
        self.out.verbose.then(|| "--verbose".to_owned())
    }

    /// The way to a database, with its password.
    pub fn engine(&self, database: &Database) -> Result<Engine> {
        Engine::of(database, self.settings.root(), self.environment)
    }

    pub(super) fn chosen(&self, target: &Target, by_pattern: bool) -> Result<Chosen<'a>> {
        self.settings.demand_project(&target.project)?;
        let Some(project) = self.settings.project(&target.project)? else {
            return Err(Error::usage(format!("no project is named `{}`", target.project)));
        };
        let database = target.database.as_ref().and_then(|name| project.db.get(name)).cloned();
        Ok(Chosen { project, database, name: target.name(), by_pattern })
    }

    fn asked(&self, why: &str, mut among: Vec<Target>) -> Result<Target> {
        let names: Vec<String> = among.iter().map(Target::name).collect();
        match self.out.choose(&format!("{why}; which one?"), &names) {
            Some(index) => Ok(among.swap_remove(index)),
            None => {
                let lines: Vec<String> = names.iter().map(|name| format!("  {} {name}", self.global.command)).collect();
                Err(Error::usage(why).detail(lines.join("\n")).help("name one of these targets"))
            }
        }
    }

    /// The schema of the version table that replaces the settings'.
    fn version_schema(&self) -> Option<&str> {
        self.environment.text("SHED_VERSION_TABLE_SCHEMA")
    }

    fn with_version_schema(&self, mut chosen: Chosen<'a>) -> Chosen<'a> {
        if let (Some(schema), Some(database)) = (self.version_schema(), &mut chosen.database) {
            database.options.version_table_schema = Some(schema.to_owned());
        }
        chosen
    }

    /// The URL that replaces a connection, with a warning where it shows a password to everybody's `ps`.
    fn url(&self, word: Option<&str>, place: &Place) -> Option<String> {
        let argument = word.filter(|word| word.contains("://")).or(place.database_url.as_deref());
        if let Some(url) = argument {
            let has_password = url
                .split_once("://")
                .and_then(|(_, rest)| rest.split_once('@'))
                .is_some_and(|(user, _)| user.contains(':'));
            if has_password {
                self.out.warn("a password in an argument can be seen by other users; SHED_DATABASE_URL cannot");
            }
            return Some(url.to_owned());
        }
        self.environment.text("SHED_DATABASE_URL").map(str::to_owned)
    }

    fn only(mut chosen: Vec<Chosen<'a>>, what: &str) -> Result<Chosen<'a>> {
        match (chosen.pop(), chosen.is_empty()) {
            (Some(only), true) => Ok(only),
            _ => Err(Error::usage(format!("{what} needs one target, not several")).help("name one: PROJECT.DATABASE")),
        }
    }

    /// The target with its connection replaced by a URL.
    fn replaced(&self, chosen: Vec<Chosen<'a>>, url: &str) -> Result<Chosen<'a>> {
        let mut chosen = Self::only(chosen, "a database URL")?;
        let connection = Connection::from_url(url, self.environment.working_dir())
            .map_err(|reason| Error::usage(format!("the database URL cannot be read: {reason}")))?;
        let kind = match &connection {
            Connection::Sqlite(_) => Kind::Sqlite,
            Connection::Postgres(_) => Kind::Postgres,
        };
        let mut database = self.pattern_for(&chosen, kind)?;
        (database.db_name, database.driver, database.migration_url) = (None, None, None);
        database.connection = connection;
        database.kind = kind;
        self.out.note(&format!("{}: its connection is replaced by the database URL", chosen.name));
        chosen.database = Some(database);
        Ok(chosen)
    }

    /// The target's migrations on a development server (`--on`).
    fn moved(&self, chosen: Vec<Chosen<'a>>, on: &str, place: &Place, needs: Needs) -> Result<Chosen<'a>> {
        let mut chosen = Self::only(chosen, "a development server")?;
        let Some(found) = targets::development(self.settings, on) else {
            return Err(Error::usage(format!("--on takes development.SERVER[/NAME], not `{on}`")));
        };
        let (server, name) = found?;
        let name = self.copy_name(&chosen, server, name)?;
        let database = self.on_server(&chosen, server, &name, (needs, None))?;
        let place_name = format!("development.{}/{name}", server.name);
        chosen.name = format!("{} on {place_name}", chosen.project.name);
        if needs != Needs::Files {
            self.offer_to_create(&self.engine(&database)?, &place_name, place)?;
        }
        chosen.database = Some(database);
        Ok(chosen)
    }

    /// The target's keys with the connection of a development server; one of our own is started where it is needed.
    pub fn on_server(
        &self,
        chosen: &Chosen<'_>,
        server: &Database,
        name: &str,
        (needs, at_least): (Needs, Option<u32>),
    ) -> Result<Database> {
        self.settings.demand_development(&server.name)?;
        let mut database = self.pattern_for(chosen, server.kind)?;
        database.kind = server.kind;
        database.protected = server.protected;
        database.driver.clone_from(&server.driver);
        database.pg_bin.clone_from(&server.pg_bin);
        database.migration_url = None;
        database.connection = server.connection.clone();
        if needs != Needs::Files
            && let Some(embedded) = server.embedded
        {
            self.start_own(server, embedded, at_least, &mut database)?;
        }
        database.db_name = Some(name.to_owned());
        if let Connection::Sqlite(sqlite) = &mut database.connection
            && let SqlitePath::File(folder) = &sqlite.path
        {
            sqlite.path = SqlitePath::File(folder.join(format!("{name}.db")));
        }
        Ok(database)
    }

    /// The name of a copy: as given, asked for on a terminal, otherwise `<project>_<database>`.
    pub fn copy_name(&self, chosen: &Chosen<'_>, server: &Database, name: Option<&str>) -> Result<String> {
        if let Some(name) = name.filter(|name| !name.is_empty()).or(server.db_name.as_deref()) {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if !name.chars().all(plain) || name.len() > 63 {
                return Err(Error::usage(format!("`{name}` cannot be the name of a copy"))
                    .help("up to 63 letters, digits, `_` and `-`"));
            }
            return Ok(name.to_owned());
        }
        let database = chosen.database_or_first();
        let default = match database {
            Some(database) => format!("{}_{}", chosen.project.name, database.name),
            None => chosen.project.name.clone(),
        };
        let question = format!("name of the database on development.{}?", server.name);
        Ok(self.out.ask(&question, Some(&default)).unwrap_or(default))
    }

    fn offer_to_create(&self, engine: &Engine, name: &str, place: &Place) -> Result<()> {
        if engine.exists()? {
            return Ok(());
        }
        if place.create || self.out.agree(&format!("{name} is not there; create it empty?")) == Some(true) {
            engine.create()?;
            self.out.note(&format!("{name}: created"));
            return Ok(());
        }
        Err(Error::database(format!("{name} is not there ({})", engine.place()))
            .help("add --create for an empty database"))
    }

    /// The database whose other keys hold for a replaced connection: the target's own, or one of the same kind.
    fn pattern_for(&self, chosen: &Chosen<'_>, kind: Kind) -> Result<Database> {
        let own = chosen.database.as_ref().filter(|database| database.kind == kind);
        let same_kind = chosen.project.db.values().find(|database| database.kind == kind);
        let any = chosen.database_or_first();
        own.or(same_kind).or(any).cloned().ok_or_else(|| {
            Error::usage(format!("project {} has no database to take the keys from", chosen.project.name))
                .help(format!("add one: shed settings add database {}.NAME …", chosen.project.name))
        })
    }
}
