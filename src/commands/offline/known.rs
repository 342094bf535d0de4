//! What is known of each target before anything is run: the answer that was kept, where nothing has changed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::thread;

use crate::alembic::event::Witness;
use crate::alembic::kept::{Entry, Key, Question, Store};
use crate::engine::{Engine, embedded};
use crate::keep::picture::Pictures;
use crate::settings::{Connection, Database, Kind, Module, SqlitePath};

use super::super::check::{self, Args};
use super::super::own;
use super::super::scope::{Chosen, Needs, Scope};
use super::super::scratch;
use super::Keeping;
use super::files;

/// The kept answers, and how each target asks for its own.
pub struct Known {
    store: Option<Store>,
    without: Vec<PathBuf>,
    asked: HashMap<String, Asked>,
}

struct Asked {
    question: Question,
    kind: Kind,
    key: Option<Key>,
    /// Whether the answer is known to be "in order".
    is_kept: bool,
}

impl Known {
    /// Looks at everything that the answers depend on, on all processors.
    pub fn of(scope: &Scope<'_>, chosen: &[Chosen<'_>], args: &Args) -> Self {
        Self::about(scope, chosen, args, None)
    }

    /// As [`Known::of`], of the one target's own database, which `words` name with the revisions that it is at.
    pub fn of_live(scope: &Scope<'_>, target: &Chosen<'_>, args: &Args, words: &str) -> Self {
        Self::about(scope, std::slice::from_ref(target), args, Some(words))
    }

    fn about(scope: &Scope<'_>, chosen: &[Chosen<'_>], args: &Args, live: Option<&str>) -> Self {
        let store = Store::of(scope.environment).filter(|_| !args.no_cache);
        let without: Vec<PathBuf> = chosen.iter().flat_map(databases).collect();
        let mut known = Self { store, without, asked: HashMap::new() };
        let Some(store) = known.store.clone() else { return known };
        let mut versions = HashMap::new();
        for target in chosen {
            if let Some(asked) = asked(scope, target, args, live, &mut versions) {
                known.asked.insert(target.name.clone(), asked);
            }
        }
        let pictures = known.pictures();
        let mut asked: Vec<&mut Asked> = known.asked.values_mut().collect();
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let share = asked.len().div_ceil(threads).max(1);
        thread::scope(|scope| {
            for part in asked.chunks_mut(share) {
                scope.spawn(|| part.iter_mut().for_each(|asked| asked.look(&store, &pictures)));
            }
        });
        known
    }

    /// Whether this target is known to be in order.
    pub fn is_in_order(&self, target: &str) -> bool {
        self.asked.get(target).is_some_and(|asked| asked.is_kept)
    }

    /// Where the scratch database of this target is kept at its heads.
    pub fn keeping(&self, target: &str) -> Option<Keeping> {
        let (asked, store) = (self.asked.get(target)?, self.store.as_ref()?);
        Some(Keeping::of(asked.kind, target, store.snapshot(&asked.question).ok()?, store))
    }

    /// The time before a run, for [`Known::keep`].
    pub fn now(&self, target: &str) -> Option<i128> {
        self.asked.get(target).and(self.store.as_ref()?.now().ok())
    }

    /// Keeps the answer of a run that began then, or says why it is not kept.
    pub fn keep(&self, target: &str, witness: Option<&Witness>, began: Option<i128>) -> Result<(), String> {
        let (Some(store), Some(asked)) = (&self.store, self.asked.get(target)) else { return Ok(()) };
        let Some(began) = began else { return Err("the cache directory cannot be written to".into()) };
        let Some(witness) = witness else { return Err("the run did not tell what it looked at".into()) };
        if let Some(doubt) = witness.doubts.first() {
            return Err(doubt.clone());
        }
        let pictures = self.pictures();
        let Some(key) = asked.question.key(&pictures).filter(|key| Some(key) == asked.key.as_ref()) else {
            return Err("its files were changed meanwhile, or cannot be read".into());
        };
        let Some(watched) = asked.question.beyond(witness, began, &pictures) else {
            return Err("a file that it read was changed meanwhile, or cannot be read again".into());
        };
        let entry = Entry::of(target, asked.kind.as_str(), watched);
        store.keep(&key, &entry).map_err(|error| format!("the cache directory: {error}"))
    }

    fn pictures(&self) -> Pictures {
        Pictures::without(self.without.iter().cloned())
    }
}

impl Asked {
    fn look(&mut self, store: &Store, pictures: &Pictures) {
        self.key = self.question.key(pictures);
        self.is_kept = self.key.as_ref().is_some_and(|key| store.knows(key, pictures));
    }
}

/// `None` where nothing is kept of this target, or it cannot be asked about; its run will tell why.
fn asked(
    scope: &Scope<'_>,
    target: &Chosen<'_>,
    args: &Args,
    live: Option<&str>,
    versions: &mut HashMap<String, Option<String>>,
) -> Option<Asked> {
    let database = target.database.as_ref().filter(|database| database.options.cache && !args.place.tty)?;
    let server = match (live, database.kind) {
        (Some(words), _) => words.to_owned(),
        (None, Kind::Sqlite) => String::new(),
        (None, Kind::Postgres) => server(scope, target, versions)?,
    };
    let steps = if live.is_some() { vec![check::alone(args)] } else { super::steps(args, None) };
    let plan = scope.plan(target, Needs::Files, steps, check::wishes(args)).ok()?;
    let mut roots = files::roots(target.project);
    let models = plan.models.iter().flatten().filter_map(Module::folder);
    roots.extend(models.map(PathBuf::from));
    let question = Question::of(&plan, database, &server, scope.settings, scope.environment, &roots).ok()?;
    Some(Asked { question, kind: database.kind, key: None, is_kept: false })
}

/// The server for scratch databases and its version.
fn server(scope: &Scope<'_>, target: &Chosen<'_>, versions: &mut HashMap<String, Option<String>>) -> Option<String> {
    let server = scratch::server(scope, target).ok()?;
    let version = versions.entry(server.name.clone()).or_insert_with(|| version(scope, server));
    Some(format!("{} {:?} {}", server.name, server.driver, version.as_ref()?))
}

fn version(scope: &Scope<'_>, server: &Database) -> Option<String> {
    if let Some(own) = server.embedded {
        return embedded::version(&own::wanted(scope.settings, server, own), scope.environment);
    }
    scope.settings.demand_development(&server.name).ok()?;
    let database = Database { db_name: Some("postgres".to_owned()), ..server.clone() };
    match scope.engine(&database).ok()? {
        Engine::Postgres(at) => Some(format!("{} {}", at.place(), at.version()?)),
        Engine::Sqlite(_) => None,
    }
}

/// The files of a project's own databases, which change without the project.
fn databases(target: &Chosen<'_>) -> Vec<PathBuf> {
    let files = target.project.db.values().filter_map(|database| match &database.connection {
        Connection::Sqlite(connection) => match &connection.path {
            SqlitePath::File(path) => Some(path.clone()),
            SqlitePath::Memory => None,
        },
        Connection::Postgres(_) => None,
    });
    let beside = |file: PathBuf| {
        ["", "-wal", "-shm", "-journal"].map(|ending| {
            let mut name = file.clone().into_os_string();
            name.push(ending);
            PathBuf::from(name)
        })
    };
    files.flat_map(beside).collect()
}
