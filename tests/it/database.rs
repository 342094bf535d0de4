//! A database of a test, asked directly what it holds, never through shed.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::cluster::Cluster;

pub struct Database {
    place: Place,
}

enum Place {
    Sqlite(PathBuf),
    Postgres { cluster: &'static Cluster, name: String, user: String, password: Option<String> },
}

impl Database {
    pub fn sqlite(file: impl Into<PathBuf>) -> Self {
        Self { place: Place::Sqlite(file.into()) }
    }

    pub fn postgres(cluster: &'static Cluster, name: String, user: &str, password: Option<&str>) -> Self {
        Self { place: Place::Postgres { cluster, name, user: user.into(), password: password.map(Into::into) } }
    }

    /// Its entry in the settings, to stand after `prod: `.
    pub fn settings(&self) -> String {
        self.settings_with(json!({}))
    }

    /// Its entry in the settings with more keys beside `type` and `connection`.
    pub fn settings_with(&self, more: Value) -> String {
        let mut entry = match &self.place {
            Place::Sqlite(file) => json!({ "type": "sqlite", "connection": { "db_path": file } }),
            Place::Postgres { cluster, name, user, password } => {
                let mut connection = json!({ "host": cluster.host, "user": user });
                if let Some(password) = password {
                    // A `$` in the settings starts a variable.
                    connection["password"] = password.replace('$', "$$").into();
                }
                json!({ "type": "postgres", "db_name": name, "connection": connection })
            }
        };
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry.to_string()
    }

    /// As SQLAlchemy writes it; without a password.
    pub fn url(&self) -> String {
        match &self.place {
            Place::Sqlite(file) => format!("sqlite:///{}", file.display()),
            Place::Postgres { cluster, name, user, .. } => {
                format!("postgresql://{user}@/{name}?host={}", cluster.host.display())
            }
        }
    }

    /// The name of a PostgreSQL database; the file's path.
    pub fn name(&self) -> String {
        match &self.place {
            Place::Sqlite(file) => file.display().to_string(),
            Place::Postgres { name, .. } => name.clone(),
        }
    }

    /// The rows of a query, a line each, columns parted by `|`. A SQLite file is never made by it.
    pub fn rows(&self, sql: &str) -> String {
        match &self.place {
            Place::Sqlite(file) => sqlite3(file, sql),
            Place::Postgres { cluster, name, .. } => cluster.psql(name, sql),
        }
    }

    /// Runs SQL; a SQLite file is made where there is none.
    pub fn execute(&self, sql: &str) {
        if let Place::Sqlite(file) = &self.place {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::OpenOptions::new().append(true).create(true).open(file).unwrap();
        }
        self.rows(sql);
    }

    /// The tables, sorted: `["alembic_version", "invoice"]`.
    pub fn tables(&self) -> Vec<String> {
        let sql = match &self.place {
            Place::Sqlite(file) if !file.exists() => return Vec::new(),
            Place::Sqlite(_) => "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'",
            Place::Postgres { .. } => {
                "select tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
            }
        };
        let mut tables: Vec<_> = self.rows(sql).lines().map(str::to_owned).collect();
        tables.sort();
        tables
    }

    /// The columns of a table, in order: `["id", "total"]`.
    pub fn columns(&self, table: &str) -> Vec<String> {
        let sql = match &self.place {
            Place::Sqlite(_) => format!("select name from pragma_table_info('{table}')"),
            Place::Postgres { .. } => {
                format!(
                    "select column_name from information_schema.columns where table_name = '{table}' order by ordinal_position"
                )
            }
        };
        self.rows(&sql).lines().map(str::to_owned).collect()
    }

    /// The revisions that the version table holds, sorted; none without the table.
    pub fn revisions(&self) -> Vec<String> {
        if !self.tables().contains(&"alembic_version".to_owned()) {
            return Vec::new();
        }
        self.rows("select version_num from alembic_version order by 1").lines().map(str::to_owned).collect()
    }

    /// Whether it is there: the file of a SQLite database.
    pub fn exists(&self) -> bool {
        match &self.place {
            Place::Sqlite(file) => file.exists(),
            Place::Postgres { cluster, name, .. } => {
                !cluster.psql("postgres", &format!("select 1 from pg_database where datname = '{name}'")).is_empty()
            }
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Place::Postgres { cluster, name, user, .. } = &self.place {
            if std::thread::panicking() {
                return; // the cluster goes anyway
            }
            cluster.psql("postgres", &format!("drop database if exists \"{name}\" with (force)"));
            if user == name {
                cluster.psql("postgres", &format!("drop owned by \"{user}\"; drop role \"{user}\""));
            }
        }
    }
}

fn sqlite3(file: &Path, sql: &str) -> String {
    assert!(file.exists(), "there is no SQLite file {}", file.display());
    let output =
        Command::new("sqlite3").args(["-batch", "-init", "/dev/null", "-bail"]).arg(file).arg(sql).output().unwrap();
    assert!(output.status.success(), "{sql}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
