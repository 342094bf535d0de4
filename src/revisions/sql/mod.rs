//! Migrations as plain SQL files: which there are and in which order. The version is the digits in front of the name.

mod blocks;
mod written;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::settings::{Project, VersionsEntry};

use super::{Graph, NotStatic, Revision};

pub use blocks::{Problem, Section};
pub use written::{Written, write};

/// The files of a project, by name.
#[derive(Debug, Default)]
pub struct Files(Vec<Named>);

/// One file, by its name alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub version: String,
    /// `20240101120000_create_users.sql`.
    pub name: String,
    pub path: PathBuf,
}

/// One file with its blocks, as a run needs it.
#[derive(Debug, Serialize)]
pub struct Read {
    pub version: String,
    pub name: String,
    pub path: PathBuf,
    pub message: String,
    /// In bytes: a file that has another size now is another file.
    pub size: u64,
    pub sections: Vec<Section>,
    /// Why it cannot be run.
    pub problem: Option<Problem>,
}

/// Lists the files in these places; a folder that is not there is empty, as it is for Python revisions.
pub fn list(project: &Project, versions: &[VersionsEntry]) -> Result<Files> {
    refuse_env_py(project)?;
    let mut files = Vec::new();
    for folder in folders(project, versions)? {
        walk(folder, project.recursive, &mut files)
            .map_err(|error| Error::usage(format!("could not read {}: {error}", folder.display())))?;
    }
    Files::of(files)
}

/// Whether a file of this name is a migration.
pub fn is_one(name: &str) -> bool {
    Named::of(PathBuf::from(name)).is_some()
}

impl Files {
    /// Those of these paths that are migrations.
    pub fn of_paths(paths: Vec<PathBuf>) -> Result<Self> {
        Self::of(paths.into_iter().filter_map(Named::of).collect())
    }

    fn of(mut files: Vec<Named>) -> Result<Self> {
        files.sort_by(|one, other| (&one.name, &one.path).cmp(&(&other.name, &other.path)));
        refuse_doubles(&files)?;
        Ok(Self(files))
    }
}

/// The folders; a Python package is not looked for.
pub fn folders<'v>(project: &Project, versions: &'v [VersionsEntry]) -> Result<Vec<&'v Path>> {
    let folder = |entry: &'v VersionsEntry| match entry {
        VersionsEntry::Folder(folder) => Ok(folder.as_path()),
        VersionsEntry::Package(package) => Err(Error::usage(format!(
            "versions: `{package}` of {} is in a Python package, and `format: sql` takes folders",
            project.name
        ))
        .help("name the folder itself")),
    };
    versions.iter().map(folder).collect()
}

fn refuse_env_py(project: &Project) -> Result<()> {
    match &project.env_py {
        Some(path) => Err(Error::usage(format!(
            "{}: `format: sql` and `env_py` ({}) do not go together: the SQL files are run by shed's own env.py",
            project.name,
            path.display()
        ))
        .help("remove one of them")),
        None => Ok(()),
    }
}

fn walk(folder: &Path, recursive: bool, files: &mut Vec<Named>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            if recursive {
                walk(&path, recursive, files)?;
            }
        } else if let Some(file) = Named::of(path) {
            files.push(file);
        }
    }
    Ok(())
}

fn refuse_doubles(files: &[Named]) -> Result<()> {
    let mut known: HashMap<&str, &Named> = HashMap::new();
    for file in files {
        if let Some(other) = known.insert(&file.version, file) {
            let names = format!("{} and {}", other.path.display(), file.path.display());
            return Err(Error::usage(format!("two files have the version {}: {names}", file.version))
                .help("rename one of them: the version is the digits in front of the name"));
        }
    }
    Ok(())
}

impl Named {
    /// `^(\d+).*\.sql$`; anything else is no migration.
    fn of(path: PathBuf) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_owned();
        let digits = name.len() - name.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let version = name[..digits].to_owned();
        (digits > 0 && name.ends_with(".sql")).then_some(Self { version, name, path })
    }

    /// What the name says beside the version: `create users`.
    pub fn message(&self) -> String {
        let rest = self.name.strip_prefix(&self.version).and_then(|rest| rest.strip_suffix(".sql")).unwrap_or_default();
        rest.trim_start_matches(['_', '-', '.', ' ']).replace('_', " ")
    }

    fn read(&self) -> Read {
        let (size, found) = match fs::read(&self.path) {
            Ok(content) => (content.len() as u64, blocks::sections(&content)),
            Err(error) => (0, Err(Problem::of(format!("could not be read: {error}")))),
        };
        let (sections, problem) = match found {
            Ok(sections) => (sections, None),
            Err(problem) => (Vec::new(), Some(problem)),
        };
        Read {
            version: self.version.clone(),
            name: self.name.clone(),
            path: self.path.clone(),
            message: self.message(),
            size,
            sections,
            problem,
        }
    }
}

impl Files {
    pub fn names(&self) -> &[Named] {
        &self.0
    }

    /// Each with its blocks; what is wrong with one concerns those who run it.
    pub fn read(&self) -> Vec<Read> {
        self.0.iter().map(Named::read).collect()
    }

    /// As a chain, in the order of their names.
    pub fn graph(&self) -> std::result::Result<Graph, NotStatic> {
        let mut before: Option<&Named> = None;
        let mut revisions = Vec::with_capacity(self.0.len());
        for file in &self.0 {
            revisions.push(revision(file, before));
            before = Some(file);
        }
        Graph::of(revisions)
    }
}

fn revision(file: &Named, before: Option<&Named>) -> Revision {
    Revision {
        id: file.version.clone(),
        parents: before.iter().map(|before| before.version.clone()).collect(),
        labels: Vec::new(),
        depends_on: Vec::new(),
        message: file.message(),
        doc: file.message(),
        doc_varies: false,
        path: file.path.clone(),
        create_date: None,
        empty_downgrade: false,
    }
}

/// What looks like a mistake in files that can be run all the same: one line each.
pub fn remarks(read: &[Read]) -> Vec<String> {
    let blocks = read.iter().flat_map(|file| {
        file.sections.iter().flat_map(|section| [&section.up, &section.down]).map(move |block| (file, block))
    });
    blocks
        .flat_map(|(file, block)| {
            block.ignored.iter().map(|word| {
                format!(
                    "{}:{}: `{word}` is no option and is ignored; the only one is `transaction:false`",
                    file.path.display(),
                    block.line
                )
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Vec<String> {
        names
            .iter()
            .filter_map(|name| Named::of(PathBuf::from(name)))
            .map(|file| format!("{}: {}", file.version, file.message()))
            .collect()
    }

    #[test]
    fn the_version_is_all_leading_digits_and_files_without_are_no_migrations() {
        let found = named(&[
            "20240101120000_create_users.sql",
            "1.sql",
            "002-x.sql",
            "3x.sql",
            "V1_x.sql",
            "4_x.SQL",
            "5.sql.bak",
        ]);
        assert_eq!(found, ["20240101120000: create users", "1: ", "002: x", "3: x"]);
    }

    fn in_folder(names: &[&str]) -> (tempfile::TempDir, Result<Vec<Named>>) {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let mut files = Vec::new();
        walk(folder.path(), false, &mut files).unwrap();
        files.sort_by(|one, other| one.name.cmp(&other.name));
        let checked = refuse_doubles(&files).map(|()| files);
        (folder, checked)
    }

    #[test]
    fn files_are_in_the_order_of_their_names_not_of_their_numbers() {
        let (_folder, files) = in_folder(&["9_c.sql", "10_a.sql", "010_b.sql", "readme.md", "seed.sql"]);
        let versions: Vec<String> = files.unwrap().into_iter().map(|file| file.version).collect();
        assert_eq!(versions, ["010", "10", "9"]);
    }

    #[test]
    fn two_files_with_one_version_are_an_error() {
        let (folder, files) = in_folder(&["1_a.sql", "1_b.sql"]);
        let at = folder.path().display();
        let expected = format!(
            "two files have the version 1: {at}/1_a.sql and {at}/1_b.sql\n\
             help: rename one of them: the version is the digits in front of the name"
        );
        assert_eq!(files.unwrap_err().to_string(), expected);
    }

    #[test]
    fn the_graph_is_one_chain() {
        let (_folder, files) = in_folder(&["1_a.sql", "2_b.sql", "3_c.sql"]);
        let graph = Files(files.unwrap()).graph().unwrap();
        let text = graph.history_text(None, super::super::Style::Short).unwrap();
        assert_eq!(text, "2 -> 3 (head), c\n1 -> 2, b\n<base> -> 1, a\n");
    }
}
