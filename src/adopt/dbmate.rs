//! A dbmate folder: `db/migrations`, and `DATABASE_URL` in the environment or in `.env`.

use std::path::{Path, PathBuf};

use serde_yaml::{Mapping, Value as Yaml};

use crate::settings::{Addition, Kind, Remark, env_file, normal, relative, usable};

use super::Project;
use super::chain::Surroundings;
use super::database::{self, Around};
use super::value::Value;

const FOLDER: &str = "db/migrations";

/// Whether a folder's migrations are dbmate's.
pub fn is_one(folder: &Path) -> bool {
    let of_dbmate = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with(|c: char| c.is_ascii_digit())
            && name.ends_with(".sql")
            && std::fs::read_to_string(path).is_ok_and(|text| {
                text.lines()
                    .any(|line| line.strip_prefix("--").is_some_and(|rest| rest.trim_start().starts_with("migrate:up")))
            })
    };
    migrations(folder).iter().any(of_dbmate)
}

fn migrations(folder: &Path) -> Vec<PathBuf> {
    let set = set(folder, "DBMATE_MIGRATIONS_DIR");
    let place = normal(&folder.join(set.as_deref().unwrap_or(FOLDER)));
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn set(folder: &Path, name: &str) -> Option<String> {
    env_file(folder).into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// The project of a folder.
pub fn project(folder: &Path, around: &Surroundings<'_>) -> Project {
    let versions = normal(&folder.join(set(folder, "DBMATE_MIGRATIONS_DIR").as_deref().unwrap_or(FOLDER)));
    let versions = relative(&versions, around.root);
    let name = usable(&super::folder_name(folder, around));
    let table = set(folder, "DBMATE_MIGRATIONS_TABLE").unwrap_or_else(|| "schema_migrations".to_owned());
    let mut keys = Mapping::new();
    keys.insert("format".into(), "sql".into());
    keys.insert("versions".into(), versions.as_str().into());
    match table.split_once('.') {
        Some((schema, table)) => {
            keys.insert("version_table".into(), table.into());
            keys.insert("version_table_schema".into(), schema.into());
        }
        None => drop(keys.insert("version_table".into(), table.into())),
    }
    let from = format!("{} (dbmate)", versions);
    let mut remarks = vec![Remark { key: None, text: format!("from {from}") }];
    let entry = entry(folder, &name, around);
    remarks.extend(entry.remarks.into_iter().map(|text| Remark { key: Some("db".to_owned()), text }));
    keys.insert("db".into(), Yaml::Mapping(Mapping::from_iter([("main".into(), Yaml::Mapping(entry.keys))])));
    Project { addition: Addition { name, keys, remarks }, from: versions.clone(), versions: vec![versions] }
}

fn entry(folder: &Path, name: &str, around: &Surroundings<'_>) -> database::Entry {
    let is_root = folder == around.root;
    let of_environment = around.environment.text("DATABASE_URL").map(str::to_owned);
    let of_file = set(folder, "DATABASE_URL");
    let url = of_environment.clone().or(of_file.clone());
    // SQLite's URLs are spelled in dbmate's own way, which shed does not take.
    let sqlite = url.as_deref().and_then(sqlite_file).map(|file| format!("sqlite:///{file}"));
    let found = match &sqlite {
        Some(url) => Value::text(url),
        None => Value::variable("DATABASE_URL", None),
    };
    let around = Around {
        base: folder,
        root: around.root,
        prefix: name.to_uppercase().replace('-', "_"),
        variable: &|_| if is_root { url.clone() } else { of_environment.clone() },
        elsewhere: &|_| of_file.clone().map(|url| (url, relative(&folder.join(".env"), around.root))),
        likely: Kind::Postgres,
    };
    database::entry(Some(&found), &around)
}

/// `sqlite:db/x.db`, `sqlite3:///abs.db`.
fn sqlite_file(url: &str) -> Option<String> {
    let rest = url.strip_prefix("sqlite3:").or_else(|| url.strip_prefix("sqlite:"))?;
    let file = rest.split('?').next().unwrap_or_default();
    Some(file.strip_prefix("//").unwrap_or(file).to_owned())
}
