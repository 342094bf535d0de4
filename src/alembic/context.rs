//! What the worker needs to know, as one JSON file without secrets.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::settings::{Module, Options, Project, Settings, VersionsEntry};

use super::plan::{Plan, Sql, Step};
use super::safety::Safety;

#[derive(Serialize)]
pub struct Context<'a> {
    version: u32,
    run: &'a str,
    target: &'a str,
    project: &'a str,
    database: Option<&'a str>,
    here: &'a Path,
    ini: PathBuf,
    steps: &'a [Step],
    writes: bool,
    missing: bool,
    python_path: Vec<&'a Path>,
    models: Option<Models<'a>>,
    need_models: &'static str,
    env: IndexMap<&'a str, &'a str>,
    versions: Vec<String>,
    sql: Option<&'a Sql>,
    recursive: bool,
    configure: &'a Map<String, Value>,
    hooks: Option<ModuleRef<'a>>,
    post_write_hooks: Vec<IndexMap<&'a str, String>>,
    env_py: Option<&'a Path>,
    #[serde(flatten)]
    database_keys: Option<DatabaseKeys<'a>>,
    other_version_tables: Vec<(Option<String>, String)>,
    script_imports: &'a [String],
    log_levels: &'a IndexMap<String, String>,
    verbose: bool,
    revision: Revision,
    guard: Option<Guard>,
    /// Each step is written down in the database.
    ledger: Option<Ledger>,
    /// Whether the worker tells what it looked at.
    witness: bool,
}

/// The run takes a lock, and asks before it changes anything.
#[derive(Serialize)]
struct Guard {
    /// Seconds.
    timeout: f64,
    /// The lock's session says who it is.
    application: String,
}

/// What Python cannot know of it; the rest comes with the word to go on.
#[derive(Serialize)]
struct Ledger {
    /// Our version.
    shed: &'static str,
}

#[derive(Serialize)]
struct Models<'a> {
    modules: Vec<ModuleRef<'a>>,
    metadata: &'a [String],
    setup: Option<&'a str>,
    owned_modules: &'a [String],
    auto_discovery: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum ModuleRef<'a> {
    Path(&'a Path),
    Name(&'a str),
}

#[derive(Serialize)]
struct Revision {
    allow_empty: bool,
}

/// The keys that may stand in a project or a database.
#[derive(Serialize)]
struct DatabaseKeys<'a> {
    version_table: Option<&'a str>,
    version_table_schema: Option<&'a str>,
    schemas: &'a [String],
    include_tables: &'a [String],
    exclude_tables: &'a [String],
    schema: Option<&'a str>,
    schema_translate_map: &'a IndexMap<String, Option<String>>,
    on_connect: &'a [String],
    transactional: bool,
    lock_timeout: Option<String>,
    statement_timeout: Option<String>,
}

impl<'a> Context<'a> {
    pub fn of(
        plan: &'a Plan<'a>,
        settings: &'a Settings,
        run: &'a str,
        workspace: &Path,
        safety: Option<&Safety<'_>>,
    ) -> Self {
        let project = plan.project;
        let database = plan.reach.as_ref().map(|reach| reach.database);
        Self {
            version: 1,
            run,
            target: &plan.target,
            project: &project.name,
            database: database.map(|database| database.name.as_str()),
            here: settings.folder(),
            ini: workspace.join("alembic.ini"),
            steps: &plan.steps,
            writes: plan.writes,
            missing: !plan.writes && plan.reach.as_ref().is_some_and(|reach| reach.engine.is_missing_file()),
            python_path: project.pythonpath.iter().map(PathBuf::as_path).collect(),
            models: models(plan),
            need_models: if plan.needs_models { "yes" } else { "no" },
            env: url_variables(project),
            versions: versions(&plan.versions),
            sql: plan.sql.as_ref(),
            recursive: project.recursive,
            configure: &project.configure,
            hooks: project.hooks.as_ref().map(ModuleRef::of),
            post_write_hooks: post_write_hooks(project, &settings.folder().to_string_lossy()),
            env_py: project.env_py.as_deref(),
            database_keys: plan.options.as_ref().map(DatabaseKeys::of),
            other_version_tables: plan.other_version_tables.clone(),
            script_imports: &project.script_imports,
            log_levels: &project.alembic.log_levels,
            verbose: plan.verbose,
            witness: matches!(plan.steps.first(), Some(Step::Prepare { .. } | Step::Compare { .. })),
            revision: Revision { allow_empty: plan.allow_empty },
            ledger: plan.keeps_ledger().then_some(Ledger { shed: env!("CARGO_PKG_VERSION") }),
            guard: safety.map(|safety| Guard {
                timeout: safety.rules.timeout.as_secs_f64(),
                application: safety.wish().application(),
            }),
        }
    }
}

impl<'a> ModuleRef<'a> {
    fn of(module: &'a Module) -> Self {
        match module {
            Module::Path(path) => Self::Path(path),
            Module::Name(name) => Self::Name(name),
        }
    }
}

impl<'a> DatabaseKeys<'a> {
    fn of(options: &'a Options) -> Self {
        Self {
            version_table: options.version_table.as_deref(),
            version_table_schema: options.version_table_schema.as_deref(),
            schemas: &options.schemas,
            include_tables: &options.include_tables,
            exclude_tables: &options.exclude_tables,
            schema: options.schema.as_deref(),
            schema_translate_map: &options.schema_translate_map,
            on_connect: &options.on_connect,
            transactional: options.transactional,
            lock_timeout: options.lock_timeout.map(milliseconds),
            statement_timeout: options.statement_timeout.map(milliseconds),
        }
    }
}

/// What the settings say of a second database, under the names that the context has for the first.
pub fn keys_of(target: &str, project: &Project, options: &Options) -> Map<String, Value> {
    let keys = serde_json::to_value(DatabaseKeys::of(options)).unwrap_or_default();
    let mut keys = keys.as_object().cloned().unwrap_or_default();
    keys.insert("target".to_owned(), target.into());
    keys.insert("project".to_owned(), project.name.clone().into());
    keys.insert("configure".to_owned(), project.configure.clone().into());
    keys
}

/// As PostgreSQL's settings take a time.
fn milliseconds(time: std::time::Duration) -> String {
    format!("{}ms", time.as_millis())
}

fn post_write_hooks<'a>(project: &'a Project, here: &str) -> Vec<IndexMap<&'a str, String>> {
    let of_hook = |hook: &'a IndexMap<String, String>| {
        hook.iter().map(|(key, value)| (key.as_str(), value.replace("%(here)s", here))).collect()
    };
    project.alembic.post_write_hooks.iter().map(of_hook).collect()
}

fn models<'a>(plan: &'a Plan<'a>) -> Option<Models<'a>> {
    let project = plan.project;
    let modules = plan.models.as_deref().unwrap_or(&project.module);
    (!modules.is_empty()).then(|| Models {
        modules: modules.iter().map(ModuleRef::of).collect(),
        metadata: if plan.models.is_some() { &[] } else { &project.metadata },
        setup: project.setup.as_deref(),
        owned_modules: &project.owned_modules,
        auto_discovery: project.auto_discovery,
    })
}

/// The variables that hold the run's URL; the worker fills them in, so that no file holds a password.
fn url_variables(project: &Project) -> IndexMap<&str, &str> {
    let pairs = project.env.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    pairs.filter(|(_, value)| value.contains("{url}")).collect()
}

/// Versions folders as Alembic's configuration takes them.
pub fn versions(entries: &[VersionsEntry]) -> Vec<String> {
    let text = |entry: &VersionsEntry| match entry {
        VersionsEntry::Folder(path) => path.to_string_lossy().into_owned(),
        VersionsEntry::Package(package) => package.clone(),
    };
    entries.iter().map(text).collect()
}
