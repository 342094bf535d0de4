//! A project of the settings, put together from what was read.

use std::path::{Path, PathBuf};

use serde_yaml::{Mapping, Value as Yaml};

use crate::settings::{Addition, Kind, Remark, env_file, relative, usable};

use super::chain::{Chain, Surroundings};
use super::database::{self, Around};
use super::env_py::EnvPy;
use super::models;
use super::modules::Roots;

/// The lines of Alembic's own script.py.mako, of all versions, and of shed's.
const STOCK: &str = include_str!("stock.mako");
/// How many reasons are told.
const REASONS: usize = 4;

/// A project that is being put together.
pub struct Writing<'a> {
    pub chain: &'a Chain,
    pub around: &'a Surroundings<'a>,
    pub keys: Mapping,
    pub remarks: Vec<Remark>,
}

impl Writing<'_> {
    pub fn remark(&mut self, key: Option<&str>, text: impl Into<String>) {
        self.remarks.push(Remark { key: key.map(str::to_owned), text: text.into() });
    }

    fn put(&mut self, key: &str, value: impl Into<Yaml>) {
        self.keys.insert(key.into(), value.into());
    }

    fn put_list(&mut self, key: &str, mut list: Vec<String>) {
        match list.len() {
            0 => {}
            1 => self.put(key, list.remove(0)),
            _ => self.put(key, Yaml::Sequence(list.into_iter().map(Yaml::from).collect())),
        }
    }

    fn relative(&self, path: &Path) -> String {
        relative(path, self.around.root)
    }

    /// shed's env.py does all that theirs did.
    pub fn without_env(mut self, found: &EnvPy, roots: &Roots) -> Addition {
        let python_path = self.python_path(&found.sys_path);
        let models = models::of(found, roots, &python_path, self.around.root);
        self.put_list("module", models.modules.clone());
        self.put_list("metadata", models.metadata.clone());
        for remark in &models.remarks {
            self.remark(None, remark.as_str());
        }
        if let Some(setup) = &found.setup {
            let setup = roots.resolved(setup, &[]);
            self.put("setup", format!("{}:{}", setup.module, setup.names.join(".")));
        }
        if !found.discovered.is_empty() {
            self.put("auto_discovery", true);
        }
        self.place(&python_path, !models.modules.iter().any(|module| module.contains('/') || module.ends_with(".py")));
        self.variables(found, false);
        self.alembic();
        if !found.configure.is_empty() {
            let pairs = found.configure.iter().map(|(key, value)| (key.as_str().into(), value.clone()));
            self.put("configure", Yaml::Mapping(pairs.collect()));
        }
        if let Some(hooks) = &found.hooks {
            let hooks = roots
                .own(hooks)
                .filter(|place| place.path.is_file())
                .map_or(hooks.clone(), |place| self.relative(&place.path));
            self.put("hooks", hooks);
        }
        for (key, value) in
            [("version_table", &found.version_table), ("version_table_schema", &found.version_table_schema)]
        {
            if let Some(value) = value {
                self.put(key, value.as_str());
            }
        }
        self.put_list("schemas", found.schemas.clone());
        self.put_list("exclude_tables", found.exclude_tables.clone());
        self.put_list("on_connect", found.on_connect.iter().map(|sql| sql.replace('$', "$$")).collect());
        for remark in &found.remarks {
            self.remark(None, remark.as_str());
        }
        self.databases(found);
        self.done()
    }

    /// Their env.py goes on: settings have no word for something in it.
    pub fn with_env(mut self, found: &EnvPy, env_py: &Path) -> Addition {
        let python_path = self.python_path(&[]);
        self.place(&python_path, true);
        self.variables(found, true);
        self.alembic();
        self.put("env_py", self.relative(env_py));
        self.remark(Some("env_py"), "the project's own env.py runs, because of what settings cannot say:");
        for reason in found.reasons.iter().take(REASONS) {
            self.remark(Some("env_py"), format!("- {reason}"));
        }
        if found.reasons.len() > REASONS {
            self.remark(Some("env_py"), format!("- and {} more", found.reasons.len() - REASONS));
        }
        let strange = self.chain.config.strange();
        if !strange.is_empty() {
            let which = strange.join(", ");
            self.remark(Some("env_py"), format!("it does not find these keys of the ini any more: {which}"));
        }
        if let Some(table) = &found.version_table {
            self.put("version_table", table.as_str());
        }
        if let Some(schema) = &found.version_table_schema {
            self.put("version_table_schema", schema.as_str());
        }
        self.databases(found);
        self.done()
    }

    /// What `shed eject` wrote is read back as it was.
    pub fn ejected(mut self, constants: &super::ejected::Constants) -> Addition {
        let folder = self.chain.scripts.clone();
        for (key, value) in constants.project_keys(&folder, self.around.root) {
            self.put(&key, value);
        }
        self.versions();
        self.alembic();
        self.script_template();
        let likely = self.likely(&EnvPy::default());
        let variable = |name: &str| self.variable(name);
        let around = Around {
            base: &folder,
            root: self.around.root,
            prefix: self.prefix(),
            variable: &variable,
            elsewhere: &|_| None,
            likely,
        };
        let entry = database::entry(Some(&constants.url()), &around);
        let databases = Mapping::from_iter([("main".into(), Yaml::Mapping(entry.keys))]);
        for remark in entry.remarks {
            self.remark(Some("db"), remark);
        }
        self.put("db", Yaml::Mapping(databases));
        self.done()
    }

    fn done(self) -> Addition {
        Addition { name: self.chain.name.clone(), keys: self.keys, remarks: self.remarks }
    }

    /// sys.path beyond the working directory, which shed begins with anyway.
    fn python_path(&self, of_env: &[String]) -> Vec<PathBuf> {
        let folders = self.chain.python_path(of_env);
        if folders == [self.chain.base.clone()] { Vec::new() } else { folders }
    }

    fn place(&mut self, python_path: &[PathBuf], needs_python: bool) {
        let (base, root) = (self.chain.base.clone(), self.around.root);
        let environment = self.chain.environment(root).filter(|environment| environment.parent() != Some(root));
        if let Some(environment) = environment.filter(|_| needs_python) {
            self.put("python", self.relative(&environment));
        }
        self.put_list("pythonpath", python_path.iter().map(|folder| self.relative(folder)).collect());
        if base != root {
            self.put("cwd", self.relative(&base));
        }
        self.versions();
        self.script_template();
    }

    fn versions(&mut self) {
        self.put_list("versions", self.chain.versions(self.around.root));
        if self.chain.config.is_set("recursive_version_locations") {
            self.put("recursive", true);
        }
    }

    /// An own script.py.mako, unless it says no more than Alembic's.
    fn script_template(&mut self) {
        let file = self.chain.scripts.join("script.py.mako");
        let Ok(text) = std::fs::read_to_string(&file) else { return };
        let stock: Vec<&str> = STOCK.lines().map(str::trim).collect();
        let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("##"));
        let own: Vec<String> = lines.filter(|line| !stock.contains(&line.trim())).map(str::to_owned).collect();
        if own.iter().all(|line| line.starts_with("import ") || (line.starts_with("from ") && !line.contains("${"))) {
            self.put_list("script_imports", own);
        } else {
            self.put("script_template", self.relative(&file));
        }
    }

    /// Variables that env.py sets for the models, and those where their own code looks for the URL.
    fn variables(&mut self, found: &EnvPy, own_env: bool) {
        let mut pairs: Mapping =
            found.variables.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into())).collect();
        if let (true, Some(super::value::Value::Text(pieces))) = (own_env, &found.url)
            && let [super::value::Piece::Variable { name, .. }] = pieces.as_slice()
        {
            pairs.insert(name.as_str().into(), "{url}".into());
        }
        if !pairs.is_empty() {
            self.put("env", Yaml::Mapping(pairs));
        }
    }

    /// Alembic's own keys, its post-write hooks and log levels.
    fn alembic(&mut self) {
        let config = &self.chain.config;
        let mut keys = Mapping::new();
        for (key, value) in config.carried() {
            let value: Yaml = match key.as_str() {
                "sourceless" | "revision_environment" => config.is_set(&key).into(),
                "truncate_slug_length" => value.parse::<u32>().map_or_else(|_| value.clone().into(), Yaml::from),
                _ => value.replace('$', "$$").into(),
            };
            keys.insert(key.into(), value);
        }
        let hooks: Vec<Yaml> = config.hooks().iter().map(|hook| self.hook(hook)).collect();
        if !hooks.is_empty() {
            keys.insert("post_write_hooks".into(), Yaml::Sequence(hooks));
        }
        let levels: Mapping = config.levels().into_iter().map(|(name, level)| (name.into(), level.into())).collect();
        if !levels.is_empty() {
            keys.insert("log_levels".into(), Yaml::Mapping(levels));
        }
        if !keys.is_empty() {
            self.put("alembic", Yaml::Mapping(keys));
        }
    }

    /// A hook; the folder of the ini by its way from the settings'.
    fn hook(&self, hook: &indexmap::IndexMap<String, String>) -> Yaml {
        let here = self.chain.config.folder();
        let ours = match self.relative(here).as_str() {
            "." => "%(here)s".to_owned(),
            below => format!("%(here)s/{below}"),
        };
        let value = |value: &String| value.replace(&here.to_string_lossy().into_owned(), &ours).replace('$', "$$");
        Yaml::Mapping(hook.iter().map(|(key, text)| (key.as_str().into(), value(text).into())).collect())
    }

    fn prefix(&self) -> String {
        self.chain.name.to_uppercase().replace('-', "_")
    }

    fn variable(&self, name: &str) -> Option<String> {
        let of_file =
            || env_file(self.around.root).into_iter().find(|(known, _)| known == name).map(|(_, value)| value);
        self.around.environment.text(name).map(str::to_owned).or_else(of_file)
    }

    /// The database of each section.
    fn databases(&mut self, found: &EnvPy) {
        let chain = self.chain;
        let mut databases = Mapping::new();
        let mut remarks = Vec::new();
        let is_several = !chain.others.is_empty();
        for config in std::iter::once(&chain.config).chain(&chain.others) {
            let name = if config.section == "alembic" { "main".to_owned() } else { usable(&config.section) };
            // What env.py says of the URL holds for the section that it was read with.
            let of_ini = config.text("sqlalchemy.url").map(|url| super::value::Value::text(&url));
            let url = if is_several { of_ini.or(found.url.clone()) } else { found.url.clone().or(of_ini) };
            let prefix = self.prefix();
            let prefix =
                if is_several { format!("{prefix}_{}", name.to_uppercase().replace('-', "_")) } else { prefix };
            let folder = chain.base.clone();
            let variable = |name: &str| self.variable(name);
            let elsewhere = |name: &str| {
                let file = relative(&folder.join(".env"), self.around.root);
                env_file(&folder).into_iter().find(|(known, _)| known == name).map(|(_, value)| (value, file))
            };
            let around = Around {
                base: &chain.base,
                root: self.around.root,
                prefix,
                variable: &variable,
                elsewhere: &elsewhere,
                likely: self.likely(found),
            };
            let mut entry = database::entry(url.as_ref(), &around);
            if is_several && databases.is_empty() {
                let rest = std::mem::take(&mut entry.keys);
                let default = std::iter::once(("default".into(), true.into()));
                entry.keys = rest.clone().into_iter().take(1).chain(default).chain(rest.into_iter().skip(1)).collect();
            }
            let named = |remark: String| if is_several { format!("{name}: {remark}") } else { remark };
            remarks.extend(entry.remarks.into_iter().map(named));
            databases.insert(name.clone().into(), Yaml::Mapping(entry.keys));
        }
        for remark in remarks {
            self.remark(Some("db"), remark);
        }
        self.put("db", Yaml::Mapping(databases));
    }

    /// The engine of a URL that cannot be known.
    fn likely(&self, found: &EnvPy) -> Kind {
        let imports = found.imports.iter().map(|(_, reference)| reference).chain(&found.for_effect);
        let of_sqlite = imports.into_iter().any(|reference| reference.module.contains("sqlite"));
        let url = self.chain.config.text("sqlalchemy.url").unwrap_or_default();
        if of_sqlite || url.starts_with("sqlite") { Kind::Sqlite } else { Kind::Postgres }
    }
}
