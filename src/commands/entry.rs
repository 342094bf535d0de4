//! A project and a database as they are typed: what `init` and `settings add` write into the settings.

use std::path::Path;

use serde_yaml::{Mapping, Value};

use crate::error::{Error, Result};
use crate::settings::Kind;
pub use crate::settings::relative;

/// The keys of a new project.
#[derive(Debug, Default, clap::Args)]
pub struct ProjectKeys {
    /// Where the models are: a file, a package folder or a dotted name
    #[arg(long, value_name = "MODULE")]
    pub module: Option<String>,
    /// The interpreter or virtual environment, or uv, poetry, pixi
    #[arg(long, value_name = "PYTHON")]
    pub python: Option<String>,
    /// The versions folder [default: versions/ beside the models]
    #[arg(long, value_name = "FOLDER")]
    pub versions: Option<String>,
}

/// The keys of a new database.
#[derive(Debug, Default, clap::Args)]
pub struct DatabaseKeys {
    /// sqlite or postgres
    #[arg(long = "type", value_name = "TYPE", value_parser = ["sqlite", "postgres"])]
    pub kind: Option<String>,
    /// SQLite: the file [default: data/PROJECT_NAME.db]
    #[arg(long, value_name = "FILE")]
    pub db_path: Option<String>,
    /// PostgreSQL: the database's name [default: the project's]
    #[arg(long, value_name = "NAME")]
    pub db_name: Option<String>,
    /// PostgreSQL: the server, or the folder of its socket
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// PostgreSQL: the port
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// PostgreSQL: the user; the password is best written as ${VARIABLE}, or in ~/.pgpass
    #[arg(long, value_name = "USER")]
    pub db_user: Option<String>,
    /// A whole URL instead; ${VARIABLE} is put in at each run
    #[arg(long, value_name = "URL", conflicts_with_all = ["db_path", "host", "port", "db_user"])]
    pub url: Option<String>,
    /// Under `development`: a private PostgreSQL server that shed starts
    #[arg(long, conflicts_with_all = ["db_path", "db_name", "host", "port", "db_user", "url"])]
    pub embedded: bool,
    /// The one meant by the project's name alone
    #[arg(long)]
    pub default: bool,
    /// Writing needs its full name
    #[arg(long)]
    pub protected: bool,
}

impl ProjectKeys {
    /// The project's map; paths are typed relative to the working directory and kept relative to the settings.
    pub fn map(&self, working_dir: &Path, root: &Path) -> Mapping {
        let mut map = Mapping::new();
        let path = |word: &String| {
            let looks_like_one = word.contains('/') || word.ends_with(".py") || working_dir.join(word).exists();
            if looks_like_one { relative(&working_dir.join(word), root) } else { word.clone() }
        };
        put(&mut map, "module", self.module.as_ref().map(path));
        put(&mut map, "python", self.python.as_ref().map(path));
        put(&mut map, "versions", self.versions.as_ref().map(|word| relative(&working_dir.join(word), root)));
        map
    }
}

impl DatabaseKeys {
    pub fn kind(&self) -> Kind {
        let url = self.url.as_deref().unwrap_or_default();
        match self.kind.as_deref() {
            Some("postgres") => Kind::Postgres,
            Some(_) => Kind::Sqlite,
            None if self.embedded || url.starts_with("postgres") || self.host.is_some() || self.db_name.is_some() => {
                Kind::Postgres
            }
            None => Kind::Sqlite,
        }
    }

    /// The database's map.
    pub fn map(&self, project: &str, name: &str, working_dir: &Path, root: &Path) -> Result<Mapping> {
        let mut map = Mapping::new();
        put(&mut map, "type", Some(self.kind().as_str()));
        if self.default {
            map.insert("default".into(), true.into());
        }
        if self.embedded && project != "development" {
            return Err(Error::usage(format!("{project}.{name}: --embedded is for servers under `development`"))
                .help(format!("shed settings add database development.{name} --embedded")));
        }
        if self.embedded {
            map.insert("embedded".into(), true.into());
            return Ok(map);
        }
        if self.kind() == Kind::Postgres && self.url.is_none() && project != "development" {
            put(&mut map, "db_name", Some(self.db_name.as_deref().unwrap_or(project)));
        }
        if self.protected {
            map.insert("protected".into(), true.into());
        }
        map.insert("connection".into(), Value::Mapping(self.connection(project, name, working_dir, root)?));
        Ok(map)
    }

    fn connection(&self, project: &str, name: &str, working_dir: &Path, root: &Path) -> Result<Mapping> {
        let mut map = Mapping::new();
        if let Some(url) = &self.url {
            let user = url.split_once("://").and_then(|(_, rest)| rest.split_once('@')).map(|(user, _)| user);
            if user.and_then(|user| user.split_once(':')).is_some_and(|(_, word)| !word.starts_with("${")) {
                return Err(Error::usage(
                    "the URL holds a password, which would stand in the settings for all to read",
                )
                .help("write ${VARIABLE} in its place, or leave it out and use ~/.pgpass"));
            }
            put(&mut map, "url", Some(url.as_str()));
            return Ok(map);
        }
        if self.kind() == Kind::Sqlite {
            let path = match &self.db_path {
                Some(path) if path == ":memory:" => path.clone(),
                Some(path) => relative(&working_dir.join(path), root),
                None => format!("data/{project}_{name}.db"),
            };
            put(&mut map, "db_path", Some(path));
            return Ok(map);
        }
        put(&mut map, "host", Some(self.host.as_deref().unwrap_or("localhost")));
        if let Some(port) = self.port {
            map.insert("port".into(), port.into());
        }
        put(&mut map, "user", self.db_user.as_deref());
        Ok(map)
    }
}

fn put<T: Into<Value>>(map: &mut Mapping, key: &str, value: Option<T>) {
    if let Some(value) = value {
        map.insert(key.into(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_not_written_down() {
        let keys = DatabaseKeys { url: Some("postgresql://me:secret@host/db".into()), ..DatabaseKeys::default() };
        assert!(keys.map("p", "d", Path::new("/"), Path::new("/")).is_err());
        let keys = DatabaseKeys { url: Some("postgresql://me:${WORD}@host/db".into()), ..DatabaseKeys::default() };
        assert!(keys.map("p", "d", Path::new("/"), Path::new("/")).is_ok());
    }

    #[test]
    fn paths_are_kept_relative_to_the_settings() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("services/billing")).unwrap();
        assert_eq!(
            relative(&root.join("services/./billing/../billing/models.py"), &root),
            "services/billing/models.py"
        );
        assert_eq!(relative(Path::new("/elsewhere/x.py"), &root), "/elsewhere/x.py");
    }
}
