//! Answers of checks without a database that are kept: "in order", as long as everything that was looked at looks the same.

mod store;
mod template;
mod variables;

use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::environment::Environment;
use crate::error::Result;
use crate::keep::picture::{Aspect, Pictures};
use crate::settings::{Connection, Database, Settings};

use super::context::Context;
use super::event::Witness;
use super::ini::Values;
use super::interpreter;
use super::plan::Plan;

pub use store::{Entry, Store, Watched};
pub use template::{KeptTemplate, MadeOf};

/// What an answer depends on, as far as it is known before the run.
pub struct Question {
    /// Settings, rendered files, options, interpreter, variables, server: in words.
    words: String,
    /// The project's folders and files, and the interpreter's.
    roots: Vec<(Aspect, PathBuf)>,
}

/// The name of an answer: it goes by everything that the question holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(String);

impl Question {
    /// Of a plan without a database, which needs none to be asked about.
    pub fn of(
        plan: &Plan<'_>,
        database: &Database,
        server: &str,
        settings: &Settings,
        environment: &Environment,
        roots: &[PathBuf],
    ) -> Result<Self> {
        let project = plan.project;
        let interpreter = interpreter::find(settings, project, environment)?.program;
        let nowhere = Path::new("/");
        let driver = match &database.connection {
            Connection::Sqlite(connection) => &connection.driver,
            Connection::Postgres(connection) => &connection.driver,
        };
        let system = rustix::system::uname();
        let words = json!([
            environment.program(),
            [system.sysname().to_string_lossy(), system.machine().to_string_lossy()],
            settings.folder(),
            Context::of(plan, settings, "", nowhere, None),
            Values::of(plan, settings, nowhere)?,
            [database.kind.as_str(), server],
            [&database.driver, driver],
            [&project.cwd, &interpreter, &interpreter.canonicalize().unwrap_or_default()],
            project.env,
            variables::that_count(environment),
        ]);
        let roots = roots.iter().map(|root| (Aspect::Tree, root.clone())).chain(of_interpreter(&interpreter));
        let beside = [project.cwd.join(".env"), settings.folder().join(".env")].map(|path| (Aspect::File, path));
        Ok(Self { words: words.to_string(), roots: roots.chain(beside).collect() })
    }

    /// The key as things are now; `None` where anything cannot be looked at.
    pub fn key(&self, pictures: &Pictures) -> Option<Key> {
        let mut hash = Sha256::new();
        hash.update((self.words.len() as u64).to_le_bytes());
        hash.update(&self.words);
        for (aspect, root) in &self.roots {
            hash.update(pictures.of(*aspect, root)?.digest);
        }
        Some(Key(hex(&hash.finalize())))
    }

    /// A name that goes by everything but the files.
    fn words_name(&self) -> String {
        hex(&Sha256::digest(&self.words))
    }

    /// What of a witness the key does not hold; `None` where something cannot be looked at, or was changed since then.
    pub fn beyond(&self, witness: &Witness, since: i128, pictures: &Pictures) -> Option<Vec<Watched>> {
        let is_held =
            |path: &Path| self.roots.iter().any(|(aspect, root)| *aspect == Aspect::Tree && pictures.shows(root, path));
        let beyond = witness.watched.iter().filter(|(_, path)| !is_held(path));
        beyond
            .map(|(aspect, path)| {
                let picture = pictures.of(*aspect, path).filter(|picture| picture.changed < since)?;
                Some(Watched { aspect: *aspect, path: path.clone(), digest: hex(&picture.digest) })
            })
            .collect()
    }
}

/// The program itself, and what makes a virtual environment of its folder.
fn of_interpreter(program: &Path) -> impl Iterator<Item = (Aspect, PathBuf)> {
    let environment = program.parent().and_then(Path::parent).map(|folder| (Aspect::File, folder.join("pyvenv.cfg")));
    std::iter::once((Aspect::Program, program.to_path_buf())).chain(environment)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_answer_is_kept_only_where_every_file_is_older_than_its_run_by_whatever_clock() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("models.py");
        fs::write(&file, "x = 1").unwrap();
        let question = Question { words: String::new(), roots: Vec::new() };
        let witness = Witness { watched: vec![(Aspect::File, file.clone())], doubts: Vec::new() };
        let pictures = Pictures::default();
        let written = pictures.of(Aspect::File, &file).unwrap().changed;
        let day = 24 * 60 * 60 * 1_000_000_000;
        // A run that began before, at the same tick, or by a clock that was put back, may have seen another text.
        let kept = |began: i128| question.beyond(&witness, began, &pictures).is_some();
        assert_eq!([written - 1, written, written - day, 0].map(kept), [false; 4]);
        assert_eq!([written + 1, written + day].map(kept), [true; 2]);
        // By whatever clock it was kept, it holds for this text alone.
        let watched = question.beyond(&witness, written + day, &pictures).unwrap();
        let entry = Entry::of("app", "sqlite", watched);
        fs::write(&file, "x = 2").unwrap();
        let time = std::time::UNIX_EPOCH;
        fs::File::options().append(true).open(&file).unwrap().set_modified(time).unwrap();
        assert!(entry.holds(&pictures) && !entry.holds(&Pictures::default()));
    }
}
