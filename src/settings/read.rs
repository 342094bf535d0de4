//! From the tree to checked settings.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use indexmap::IndexMap;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::settings::cut::Cut;
use crate::settings::database::Database;
use crate::settings::database_read;
use crate::settings::de::De;
use crate::settings::merge::merged;
use crate::settings::missing::{self, Missing};
use crate::settings::parse::parse;
use crate::settings::project::Project;
use crate::settings::project_read;
use crate::settings::source::{Source, Span, Trouble};
use crate::settings::tree::{Entry, Node};
use crate::settings::variables::{Unexpanded, Variables};
use crate::settings::versions::VersionsEntry;
use crate::settings::written::File;
use crate::settings::{names, paths, unused};

/// What the settings say, without the file that they stand in.
#[derive(Debug)]
pub(super) struct Content {
    pub root: PathBuf,
    pub projects: IndexMap<String, Project>,
    pub development: IndexMap<String, Database>,
    pub missing: Missing,
    pub unused: Vec<unused::Unused>,
}

/// What every part of the reading needs.
pub(super) struct Reading<'a> {
    pub folder: &'a Path,
    pub root: PathBuf,
    pub variables: &'a Variables,
}

pub(super) type Checked<T> = std::result::Result<T, Trouble>;

/// What reading leaves over: the text as a tree, and merged. Its caller frees it or leaves it to the process's end.
pub(super) struct Trees {
    pub written: Rc<Node>,
    pub merged: Rc<Node>,
}

/// Reads the text; `folder` is the folder of its file.
pub(super) fn read(source: &Source, folder: &Path, variables: &Variables) -> Result<(Content, Trees)> {
    let Some(tree) = tree(source)? else {
        let empty = Error::usage(format!("{}:1:1: the settings are empty", source.name));
        return Err(empty.help("`shed init` writes a project with comments"));
    };
    of_tree(source, tree, folder, variables)
}

/// Reads a part of a text that is known to be sound as a whole; nothing at all may be left of it.
pub(super) fn read_part(source: &Source, cut: &Cut<'_>, folder: &Path, variables: &Variables) -> Result<Content> {
    let tree = parse(cut).map_err(|trouble| source.error(trouble))?;
    let tree = tree.unwrap_or_else(|| Rc::new(Node::map_of(Span::default(), Vec::new())));
    let (content, trees) = of_tree(source, tree, folder, variables)?;
    std::mem::forget(trees);
    Ok(content)
}

fn of_tree(source: &Source, written: Rc<Node>, folder: &Path, variables: &Variables) -> Result<(Content, Trees)> {
    let (content, merged) = content(&written, folder, variables).map_err(|trouble| source.error(trouble))?;
    Ok((content, Trees { written, merged }))
}

/// The text as a tree, `None` where there is nothing but comments.
pub(super) fn tree(source: &Source) -> Result<Option<Rc<Node>>> {
    parse(&Cut::none(&source.text)).map_err(|trouble| source.error(trouble))
}

fn content(tree: &Rc<Node>, folder: &Path, variables: &Variables) -> Checked<(Content, Rc<Node>)> {
    if tree.map().is_none() {
        return Err(Trouble::new(tree.span, "the settings must be a map").help("begin with `projects:`"));
    }
    let merged = merged(tree)?;
    let file = File::deserialize(De { node: &merged, variables }).map_err(|fault| fault.at(merged.span).trouble())?;
    let root = root(tree, file.root.as_deref(), folder, variables)?;
    let reading = Reading { folder, root, variables };
    let development = development(&reading, &merged, file.development)?;
    let projects = projects(&reading, &merged, file.projects)?;
    one_project_per_folder(&merged, &projects, &reading.root)?;
    let missing = missing::collect(&merged, variables);
    let content = Content { root: reading.root, projects, development, missing, unused: unused::collect(tree) };
    Ok((content, merged))
}

fn root(tree: &Node, written: Option<&str>, folder: &Path, variables: &Variables) -> Checked<PathBuf> {
    if let Some((entry, scalar)) = tree.get("root").and_then(|entry| Some((entry, entry.node().scalar()?)))
        && let Err(Unexpanded::Missing(name)) = variables.expand(&scalar.text)
    {
        return Err(missing::trouble(&name, entry.item.span()));
    }
    Ok(written.map_or_else(|| folder.to_path_buf(), |root| paths::absolute(folder, root)))
}

fn development(
    reading: &Reading<'_>,
    merged: &Node,
    written: super::written::Development,
) -> Checked<IndexMap<String, Database>> {
    let entries = entries(merged, &["development", "db"]);
    let mut written = written.db;
    entries
        .iter()
        .map(|entry| {
            names::check("database", &entry.key, entry.key_span)?;
            let database = written.swap_remove(&*entry.key).unwrap_or_default();
            Ok((entry.key.to_string(), database_read::development(reading, entry, *database)?))
        })
        .collect()
}

fn projects(
    reading: &Reading<'_>,
    merged: &Node,
    mut written: IndexMap<String, Box<super::written::Project>>,
) -> Checked<IndexMap<String, Project>> {
    let entries = entries(merged, &["projects"]);
    entries
        .iter()
        .map(|entry| {
            names::check("project", &entry.key, entry.key_span)?;
            let project = written.swap_remove(&*entry.key).unwrap_or_default();
            Ok((entry.key.to_string(), project_read::project(reading, entry, *project)?))
        })
        .collect()
}

pub(super) fn entries<'a>(node: &'a Node, path: &[&str]) -> &'a [Entry] {
    node.at(path).and_then(Node::map).map(|map| map.entries.as_slice()).unwrap_or_default()
}

/// Two projects that write their revisions into one folder would make one another's heads.
fn one_project_per_folder(merged: &Node, projects: &IndexMap<String, Project>, root: &Path) -> Checked<()> {
    let mut owners: HashMap<PathBuf, &Entry> = HashMap::new();
    for (entry, project) in entries(merged, &["projects"]).iter().zip(projects.values()) {
        for folder in folders(project) {
            match owners.get(&folder) {
                Some(other) if other.key != entry.key => {
                    return Err(same_folder(other, entry, folder.strip_prefix(root).unwrap_or(&folder)));
                }
                _ => owners.insert(folder, entry),
            };
        }
    }
    Ok(())
}

fn folders(project: &Project) -> Vec<PathBuf> {
    use crate::settings::database::Kind;
    let mut kinds: Vec<Kind> = project.db.values().map(|database| database.kind).collect();
    if kinds.is_empty() {
        kinds = vec![Kind::Sqlite, Kind::Postgres];
    }
    kinds.sort_unstable();
    kinds.dedup();
    let places = kinds.into_iter().flat_map(|kind| project.versions_for(kind));
    places
        .filter_map(|place| match place {
            VersionsEntry::Folder(folder) => Some(folder),
            VersionsEntry::Package(_) => None,
        })
        .collect()
}

fn same_folder(first: &Entry, second: &Entry, folder: &Path) -> Trouble {
    let what = format!(
        "projects `{}` and `{}` would both write their revisions to {}",
        first.key,
        second.key,
        folder.display()
    );
    let place = |entry: &Entry| {
        let key = entry.node().get("versions").or_else(|| entry.node().get("module"));
        key.filter(|key| !key.inherited).map_or(entry.key_span, |key| key.key_span)
    };
    Trouble::new(place(second), what).help("give one of them a `versions:` of its own").also(place(first), "first here")
}
