//! Tests of the settings as a whole.

mod errors;
mod fuzz;
mod kept;
mod limits;
mod parts;
mod projects;
mod random;
mod reading;
mod refusing;
mod saves;
mod saving;
mod showing;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::environment::Environment;
use crate::error::Result;
use crate::settings::Settings;

/// A folder with a `shed.yaml`.
pub(super) struct Repo {
    pub dir: TempDir,
    pub environment: Environment,
}

impl Repo {
    pub fn new(text: &str) -> Self {
        Self::with(text.as_bytes(), &[])
    }

    pub fn with(bytes: &[u8], variables: &[(&str, &str)]) -> Self {
        let dir = tempfile::Builder::new().prefix("settings").tempdir().unwrap();
        std::fs::write(dir.path().join("shed.yaml"), bytes).unwrap();
        let environment = Environment::of(variables, &dir.path().canonicalize().unwrap());
        Self { dir, environment }
    }

    pub fn file(self, path: &str, text: &str) -> Self {
        std::fs::write(self.dir.path().join(path), text).unwrap();
        self
    }

    pub fn folder(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    pub fn read(&self) -> Result<Settings> {
        Settings::read(Path::new("shed.yaml"), &self.environment)
    }

    pub fn text(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("shed.yaml")).unwrap()
    }

    /// The whole text of the error that reading gives.
    #[track_caller]
    pub fn error(&self) -> String {
        self.read().expect_err("these settings are wrong").to_string()
    }
}

pub(super) const EXAMPLE: &str = r#"# yaml-language-server: $schema=./shed.schema.json
defaults:                       # merged under every project, key by key
  backup: { keep: 5 }

development:                    # servers and folders where copies may live; no db_name: it is asked for
  db:
    scratch:  { type: sqlite,   connection: { db_path: .shed/dev } }         # a folder
    pglocal:  { type: postgres, connection: { host: localhost, port: 5432, user: dev } }
    pgown:    { type: postgres, embedded: true }        # a private server that shed starts from the installed programs

projects:
  billing:
    module: services/billing/billing/models.py   # file, package folder or dotted name; a list; may be absent
    metadata: Base.metadata     # optional: found by itself; a list is allowed
    python: services/billing/.venv               # optional: found by itself
    db:
      staging:
        type: sqlite
        default: true                            # the one meant by `billing` alone
        db_name: billing_staging                 # no spaces
        connection: { db_path: data/billing.db } # ":memory:" is allowed
      prod:
        type: postgres
        db_name: billing
        protected: true
        connection:
          host: db.internal
          port: 5432
          user: billing
          password: ${BILLING_PASSWORD}          # also password_file, password_command, or pgpass
          sslmode: require
          options: { application_name: shed, connect_timeout: 10 }
      analytics:
        type: postgres
        connection: { url: "${ANALYTICS_URL}" }  # a whole URL instead of the parts
"#;
