//! Saving: a change is read back and compared before it is written, in one step, over an unchanged file.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use serde_yaml::{Mapping, Value};

use crate::error::{Error, Result};
use crate::settings::read::{self, Content};
use crate::settings::source::{Source, Span, Trouble};
use crate::settings::tree::Node;
use crate::settings::value::{in_one_line, of_node, plain, typed};
use crate::settings::{Known, Settings, edit, names, nearest};

/// A change of the settings that has been checked and not yet written.
pub struct Edit {
    before: String,
    source: Source,
    content: Content,
    value: String,
}

impl Edit {
    /// The whole text as it will be.
    pub fn text(&self) -> &str {
        &self.source.text
    }

    /// The value as it is written, in one line; empty for a removal.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl std::fmt::Debug for Edit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edit").finish_non_exhaustive()
    }
}

impl Settings {
    /// Sets the key at a dotted path to a value as typed on a command line: a YAML scalar, list or map; else text.
    pub fn set(&self, path: &str, value: &str) -> Result<Edit> {
        let value = typed(value)?;
        self.put(&keys(path)?, &value)
    }

    /// Adds a project with these keys.
    pub fn add_project(&self, name: &str, keys: &Mapping) -> Result<Edit> {
        check_name("project", name)?;
        if self.projects()?.contains_key(name) {
            return Err(
                Error::usage(format!("there is a project `{name}` already")).help("`shed settings set` changes it")
            );
        }
        self.put(&["projects".to_owned(), name.to_owned()], &Value::Mapping(keys.clone()))
    }

    /// Adds a database with these keys to a project, or to `development`.
    pub fn add_database(&self, project: &str, name: &str, keys: &Mapping) -> Result<Edit> {
        check_name("database", name)?;
        let (path, known) = if project == "development" {
            (vec!["development", "db", name], self.development().contains_key(name))
        } else {
            let Some(found) = self.project(project)? else {
                let error = Error::usage(format!("there is no project `{project}`"));
                return Err(match nearest(project, self.projects()?.keys().map(String::as_str)) {
                    Some(name) => error.help(format!("did you mean `{name}`?")),
                    None => error,
                });
            };
            (vec!["projects", project, "db", name], found.db.contains_key(name))
        };
        if known {
            let error = Error::usage(format!("there is a database `{project}.{name}` already"));
            return Err(error.help("`shed settings set` changes it"));
        }
        let path: Vec<String> = path.into_iter().map(str::to_owned).collect();
        self.put(&path, &Value::Mapping(keys.clone()))
    }

    /// Removes the key at a dotted path with all that is under it.
    pub fn remove(&self, path: &str) -> Result<Edit> {
        let keys = keys(path)?;
        let root = self.tree()?;
        let mut model = of_node(&root);
        without(&mut model, &keys)?;
        let text = edit::remove(&self.source, &root, &keys).map_err(|trouble| self.by_hand(trouble, "take it out"))?;
        self.checked(text, &model, String::new(), (deepest(&root, &keys), "take it out"))
    }

    /// Writes the change: over an unchanged file, in one step, its mode kept.
    pub fn save(&mut self, edit: Edit) -> Result<()> {
        let changed = || {
            let error = Error::usage(format!("{} changed since it was read", self.source.name));
            Err(error.help("look at it and try again"))
        };
        if edit.before != self.source.text || super::bytes(&self.path, &self.source.name)? != self.source.bytes() {
            return changed();
        }
        write(&self.path, &edit.source.bytes())
            .map_err(|error| Error::environment(format!("could not write {}: {error}", self.source.name)))?;
        self.source = edit.source;
        self.content = Known::Whole(Box::new(edit.content));
        Ok(())
    }

    fn put(&self, keys: &[String], value: &Value) -> Result<Edit> {
        let root = self.tree()?;
        let mut model = of_node(&root);
        with(&mut model, keys, value)?;
        let written = in_one_line(value, false);
        let advice = format!("write `{}: {written}`", keys.last().map(String::as_str).unwrap_or_default());
        let text = edit::set(&self.source, &root, keys, value).map_err(|trouble| self.by_hand(trouble, &advice))?;
        self.checked(text, &model, written, (deepest(&root, keys), &advice))
    }

    pub(super) fn tree(&self) -> Result<std::rc::Rc<Node>> {
        read::tree(&self.source)?.ok_or_else(|| Error::usage("the settings are empty"))
    }

    /// The edit, if the new text reads strictly and says exactly what was meant.
    pub(super) fn checked(
        &self,
        text: String,
        model: &Value,
        value: String,
        (place, advice): (Span, &str),
    ) -> Result<Edit> {
        let source = Source::new(&self.source.name, &text, self.source.bom);
        let unsafe_change = || {
            let what = "this is laid out, or shared by an alias, so that shed cannot change it safely";
            self.by_hand(Trouble::new(place, what), advice)
        };
        let root = read::tree(&source).map_err(|_| unsafe_change())?.ok_or_else(unsafe_change)?;
        if of_node(&root) != *model {
            return Err(unsafe_change());
        }
        let (content, _) = read::read(&source, &self.folder, &self.variables)?;
        Ok(Edit { before: self.source.text.clone(), source, content, value })
    }

    fn by_hand(&self, trouble: Trouble, advice: &str) -> Error {
        self.source.error(trouble.help(format!("by hand: {advice}")))
    }
}

/// The key on the path that is deepest in the file.
fn deepest(root: &Node, keys: &[String]) -> Span {
    let mut place = (root, Span::default());
    for key in keys {
        let Some(entry) = place.0.get(key).filter(|entry| !entry.inherited) else {
            break;
        };
        place = (entry.node(), entry.key_span);
    }
    place.1
}

/// The keys of a dotted path; a key with dots in it stands in double quotes.
fn keys(path: &str) -> Result<Vec<String>> {
    let mut keys = vec![String::new()];
    let mut quoted = false;
    for letter in path.chars() {
        match (letter, keys.last_mut()) {
            ('"', _) => quoted = !quoted,
            ('.', _) if !quoted => keys.push(String::new()),
            (letter, Some(key)) => key.push(letter),
            (_, None) => {}
        }
    }
    if quoted || keys.iter().any(String::is_empty) {
        let error = Error::usage(format!("`{path}` is no path of keys"));
        return Err(error.help("write keys with dots between them: projects.billing.db.prod.protected"));
    }
    Ok(keys)
}

pub(super) fn check_name(noun: &str, name: &str) -> Result<()> {
    names::check(noun, name, Default::default())
        .map_err(|trouble| Error::usage(trouble.what).help(trouble.help.unwrap_or_default()))
}

pub(super) fn with(model: &mut Value, keys: &[String], value: &Value) -> Result<()> {
    let Some((key, rest)) = keys.split_first() else {
        *model = value.clone();
        return Ok(());
    };
    if model.is_null() {
        *model = Value::Mapping(Mapping::new());
    }
    match model {
        Value::Mapping(map) => with(map.entry(plain(key)).or_insert(Value::Null), rest, value),
        _ => Err(Error::usage(format!("`{key}` cannot be set: what it would stand in is no map"))),
    }
}

fn without(model: &mut Value, keys: &[String]) -> Result<()> {
    let (Value::Mapping(map), Some((key, rest))) = (model, keys.split_first()) else {
        return Err(Error::usage("nothing is there to remove"));
    };
    let Some(inner) = map.get_mut(plain(key)) else {
        let error = Error::usage(format!("there is no `{key}`"));
        return Err(match nearest(key, map.keys().filter_map(Value::as_str)) {
            Some(name) => error.help(format!("did you mean `{name}`?")),
            None => error,
        });
    };
    if !rest.is_empty() {
        return without(inner, rest);
    }
    map.shift_remove(plain(key));
    Ok(())
}

/// A new file beside the old one, renamed over it; a link stays and its target changes.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let target = path.canonicalize()?;
    let folder = target.parent().unwrap_or(Path::new("/"));
    let old = std::fs::metadata(&target)?;
    let mut file = tempfile::Builder::new().prefix(".shed-").suffix(".yaml").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(old.mode() & 0o7777))?;
    // Only root can give a file away; for others the file is theirs already.
    let _ = std::os::unix::fs::fchown(file.as_file(), Some(old.uid()), Some(old.gid()));
    file.as_file().sync_all()?;
    file.persist(&target).map_err(|error| error.error)?;
    std::fs::File::open(folder)?.sync_all()
}
