//! A project as written to a checked one.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use crate::settings::alembic_keys::{Alembic, Hook};
use crate::settings::database::Database;
use crate::settings::database_read::{self, has};
use crate::settings::names;
use crate::settings::paths;
use crate::settings::project::{AlembicKeys, Format, Module, Project, Python};
use crate::settings::read::{Checked, Reading, entries};
use crate::settings::source::Trouble;
use crate::settings::tree::Entry;
use crate::settings::units::{OneOrMany, Word};
use crate::settings::versions::{Versions, Written};
use crate::settings::written;

pub(super) fn project(reading: &Reading<'_>, entry: &Entry, mut written: written::Project) -> Checked<Project> {
    let root = reading.root.as_path();
    let db = databases(reading, entry, std::mem::take(&mut written.db))?;
    let of_alembic = take_over(reading, entry, &mut written)?;
    // SQL files need no models, and have a folder of their own.
    if written.format != Some(Format::Sql) {
        needs_a_place(entry, &of_alembic)?;
    }
    let path = |text: Option<String>| text.map(|text| paths::absolute(root, &text));
    let module: Vec<Module> = written.module.0.iter().map(|text| Module::of(text, root)).collect();
    let folder = module.first().and_then(Module::folder).map_or_else(|| root.to_path_buf(), Path::to_path_buf);
    let pythonpath = written.pythonpath.0.iter().map(|text| paths::absolute(root, text));
    Ok(Project {
        name: entry.key.to_string(),
        module,
        metadata: written.metadata.0,
        setup: written.setup,
        owned_modules: written.owned_modules.0,
        auto_discovery: written.auto_discovery.unwrap_or_default(),
        python: written.python.map(|text| Python::of(&text, root)),
        pythonpath: pythonpath.chain(of_alembic.pythonpath).collect(),
        env: words(written.env),
        cwd: path(written.cwd).unwrap_or_else(|| reading.folder.to_path_buf()),
        format: written.format.unwrap_or_default(),
        versions: of_alembic
            .versions
            .or(written.versions.map(|places| places.places(root)))
            .unwrap_or(Versions::Default),
        recursive: written.recursive.unwrap_or(of_alembic.recursive),
        script_template: path(written.script_template),
        script_imports: written.script_imports.0,
        alembic: alembic(written.alembic),
        configure: written.configure,
        hooks: written.hooks.map(|text| Module::of(&text, root)),
        env_py: path(written.env_py),
        db,
        folder,
    })
}

fn needs_a_place(entry: &Entry, of_alembic: &TakenOver) -> Checked<()> {
    if has(entry, "module") || has(entry, "versions") || of_alembic.versions.is_some() {
        return Ok(());
    }
    let what = format!("project `{}` has neither `module` nor `versions`", entry.key);
    Err(Trouble::new(entry.key_span, what).help("say where its models are, or where its revisions are"))
}

fn databases(
    reading: &Reading<'_>,
    project: &Entry,
    mut written: IndexMap<String, Box<written::Database>>,
) -> Checked<IndexMap<String, Database>> {
    let mut default: Option<&Entry> = None;
    let mut found = IndexMap::new();
    for entry in entries(project.node(), &["db"]) {
        names::check("database", &entry.key, entry.key_span)?;
        let database = written.swap_remove(&*entry.key).unwrap_or_default();
        let database = database_read::of_project(reading, entry, *database)?;
        if let Some(key) = entry.node().get("default").filter(|_| database.default) {
            if let Some(first) = default {
                let what = format!("project `{}` has a second default database", project.key);
                let trouble = Trouble::new(key.key_span, what).help("keep `default: true` on one of them");
                return Err(trouble.also(first.key_span, "first here"));
            }
            default = Some(key);
        }
        found.insert(entry.key.to_string(), database);
    }
    Ok(found)
}

fn words(written: IndexMap<String, Word>) -> IndexMap<String, String> {
    written.into_iter().map(|(key, Word(value))| (key, value)).collect()
}

fn alembic(written: Alembic) -> AlembicKeys {
    let joined =
        |OneOrMany(words): OneOrMany<Word>| words.into_iter().map(|Word(word)| word).collect::<Vec<_>>().join(" ");
    let level = |(logger, level): (String, Option<super::alembic_keys::Level>)| level.map(|level| (logger, level.0));
    AlembicKeys {
        options: written.options.into_iter().map(|(key, value)| (key, joined(value))).collect(),
        post_write_hooks: written.post_write_hooks.into_iter().map(|Hook(hook)| words(hook)).collect(),
        log_levels: written.log_levels.into_iter().filter_map(level).collect(),
    }
}

/// Alembic's names for what has a key of shed's own.
#[derive(Default)]
struct TakenOver {
    versions: Option<Versions>,
    recursive: bool,
    pythonpath: Vec<PathBuf>,
}

fn take_over(reading: &Reading<'_>, entry: &Entry, written: &mut written::Project) -> Checked<TakenOver> {
    refuse_both(entry)?;
    let options = &mut written.alembic.options;
    let mut take = |key: &str| options.shift_remove(key).map(|OneOrMany(words)| words).unwrap_or_default();
    let separator = take("path_separator").into_iter().chain(take("version_path_separator")).next();
    let split = |words: Vec<Word>| -> Vec<String> {
        words
            .into_iter()
            .flat_map(|Word(word)| split(&word, separator.as_ref()))
            .map(|part| here(reading, &part))
            .collect()
    };
    let recursive = take("recursive_version_locations").iter().any(|Word(word)| word == "true");
    let versions = split(take("version_locations"));
    let pythonpath = split(take("prepend_sys_path"));
    let list = Written::List(versions);
    let places = matches!(&list, Written::List(list) if !list.is_empty()).then(|| list.places(&reading.root));
    let pythonpath = pythonpath.iter().map(|text| paths::absolute(&reading.root, text)).collect();
    Ok(TakenOver { versions: places, recursive, pythonpath })
}

fn refuse_both(entry: &Entry) -> Checked<()> {
    for (theirs, ours) in [("version_locations", "versions"), ("recursive_version_locations", "recursive")] {
        let key = entry.node().at(&["alembic"]).and_then(|alembic| alembic.get(theirs));
        if let (Some(key), Some(own)) = (key, entry.node().get(ours)) {
            let trouble = Trouble::new(key.key_span, format!("`{theirs}` says what `{ours}` says already"));
            return Err(trouble.help("keep one of them").also(own.key_span, "first here"));
        }
    }
    Ok(())
}

/// As Alembic splits it where `path_separator` is set; without it a value is one path, and lists are YAML's.
fn split(word: &str, separator: Option<&Word>) -> Vec<String> {
    let parts: Vec<&str> = match separator.map(|Word(word)| word.as_str()) {
        Some("os" | ":") => word.split(':').collect(),
        Some(";") => word.split(';').collect(),
        Some("space") => word.split(' ').collect(),
        Some("newline") => word.split('\n').collect(),
        _ => vec![word],
    };
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn here(reading: &Reading<'_>, text: &str) -> String {
    text.replace("%(here)s", &reading.folder.display().to_string())
}
