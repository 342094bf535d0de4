//! A repository whose databases are brought back to the same content before every fault.

use std::ops::Deref;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::call::{Call, Output};
use crate::cluster::{Cluster, cluster};
use crate::database::Database;
use crate::oracle::content;
use crate::processes::{self, soon};
use crate::repo::Repo;

/// The project `app` with the databases `main`, which is migrated, and `other`, which clones replace.
pub struct Scene {
    repo: Repo,
    pub main: Database,
    pub other: Database,
    server: Option<Server>,
    /// What `main` holds at a1, a2, a3, a4.
    pub states: Vec<String>,
    /// What `other` holds before a clone.
    pub foreign: String,
    /// How long the whole chain takes.
    pub usual: Duration,
}

/// Databases on a server that the others are made from.
struct Server {
    cluster: &'static Cluster,
    /// a1, a4 and what `other` holds.
    templates: [Database; 3],
}

/// How a chain of revisions is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// All of it in one transaction.
    Whole,
    /// Each revision in its own.
    Each,
    /// One of the revisions commits in its middle; a backup is taken.
    Block,
}

pub const MODES: [Mode; 3] = [Mode::Whole, Mode::Each, Mode::Block];

const FIRST: &str = "
op.create_table('person', sa.Column('id', sa.Integer, primary_key=True), sa.Column('name', sa.String(50), nullable=False))
op.create_table('pet', sa.Column('id', sa.Integer, primary_key=True), sa.Column('owner_id', sa.Integer, sa.ForeignKey('person.id', name='pet_owner', ondelete='CASCADE')))
op.bulk_insert(sa.table('person', sa.column('id'), sa.column('name')), [{'id': i, 'name': f'Ada {i}'} for i in range(300)])
op.bulk_insert(sa.table('pet', sa.column('id'), sa.column('owner_id')), [{'id': i, 'owner_id': i} for i in range(300)])";
const SECOND: &str = "
import time
with op.batch_alter_table('person') as batch:
    batch.add_column(sa.Column('email', sa.String(80)))
    time.sleep(0.02)
time.sleep(0.02)
op.execute(\"update person set email = name || '@example.org'\")";
const THIRD: &str = "
import contextlib, os, time
block = op.get_context().autocommit_block if os.environ.get('WITH_BLOCK') else contextlib.nullcontext
op.create_table('toy', sa.Column('id', sa.Integer, primary_key=True))
time.sleep(0.02)
with block():
    op.create_index('person_name', 'person', ['name'])
    time.sleep(0.02)
    op.execute('insert into toy (id) values (1)')
    time.sleep(0.02)
op.execute('insert into toy (id) values (2)')";
const FOURTH: &str = "
import time
op.create_table('shop', sa.Column('id', sa.Integer, primary_key=True))
op.execute('insert into shop (id) select id from person')
time.sleep(0.02)
with op.batch_alter_table('pet') as batch:
    batch.add_column(sa.Column('name', sa.String(9), server_default='Rex'))
time.sleep(0.02)";

impl Scene {
    pub fn sqlite() -> Self {
        let repo = Repo::new();
        let (main, other) = (repo.sqlite("data/main.db"), repo.sqlite("data/other.db"));
        Self::with(repo, main, other, None)
    }

    pub fn postgres() -> Self {
        Self::on(cluster())
    }

    /// On a server of one's own.
    pub fn on(cluster: &'static Cluster) -> Self {
        let server = Server { cluster, templates: [cluster.database(), cluster.database(), cluster.database()] };
        Self::with(Repo::new(), cluster.database(), cluster.database(), Some(server))
    }

    pub fn both() -> [Self; 2] {
        [Self::sqlite(), Self::postgres()]
    }

    fn with(repo: Repo, main: Database, other: Database, server: Option<Server>) -> Self {
        let repo = repo
            .revision("versions", "a1", "", FIRST, "pass")
            .revision("versions", "a2", "a1", SECOND, "pass")
            .revision("versions", "a3", "a2", THIRD, "pass")
            .revision("versions", "a4", "a3", FOURTH, "pass");
        let (states, foreign, usual) = (Vec::new(), String::new(), Duration::ZERO);
        let mut scene = Self { repo, main, other, server, states, foreign, usual };
        scene.mode(Mode::Whole);
        scene.learn();
        scene
    }

    /// Runs the chain step by step, undisturbed, and keeps what it leads to.
    fn learn(&mut self) {
        self.other.execute("create table old_one (id integer primary key, name text)");
        self.other.execute("insert into old_one values (1, 'Ada 1')");
        self.foreign = content(&self.other);
        for step in ["a1", "a2", "a3", "a4"] {
            let said = self.shed(["migrate", "app.main", step]).run();
            assert_eq!(said.code, 0, "{said:?}");
            self.states.push(content(&self.main));
            if step == "a1" {
                self.keep(0, &self.main);
            }
        }
        self.keep(1, &self.main);
        self.keep(2, &self.other);
        self.reset(false);
        let begun = Instant::now();
        self.migrate(Mode::Whole).ok();
        self.usual = begun.elapsed();
        assert_eq!(content(&self.main), self.states[3]);
    }

    fn keep(&self, at: usize, database: &Database) {
        match &self.server {
            Some(server) => server.copy(database, &server.templates[at]),
            None => drop(std::fs::copy(database.name(), self.path(&format!("kept/{at}")).prepared()).unwrap()),
        }
    }

    fn put(&self, at: usize, database: &Database) {
        let Some(server) = &self.server else {
            let path = std::path::PathBuf::from(database.name());
            for ending in ["", "-wal", "-shm", "-journal"] {
                let _ = std::fs::remove_file(format!("{}{ending}", path.display()));
            }
            std::fs::copy(self.path(&format!("kept/{at}")), path.prepared()).unwrap();
            return;
        };
        server.copy(&server.templates[at], database);
    }

    /// `main` at a1.
    pub fn reset(&self, wal: bool) {
        self.put(0, &self.main);
        if wal && self.server.is_none() {
            self.main.rows("pragma journal_mode=wal");
        }
    }

    /// `main` at a4, `other` as it was.
    pub fn reset_clone(&self, wal: bool) {
        self.put(1, &self.main);
        self.put(2, &self.other);
        if wal && self.server.is_none() {
            self.other.rows("pragma journal_mode=wal");
        }
    }

    pub fn is_postgres(&self) -> bool {
        self.server.is_some()
    }

    pub fn engine(&self) -> &'static str {
        if self.is_postgres() { "postgres" } else { "sqlite" }
    }

    /// Writes the settings for this mode.
    pub fn mode(&self, mode: Mode) {
        let backup = if mode == Mode::Block { "    backup: { before_migrate: true, keep: 2 }\n" } else { "" };
        let each = if mode == Mode::Each { "    configure: { transaction_per_migration: true }\n" } else { "" };
        self.keys(&format!("{backup}{each}"));
    }

    /// Writes the settings with these lines of the project.
    pub fn keys(&self, lines: &str) {
        let main = self.main.settings_with(json!({ "default": true }));
        self.write(
            "shed.yaml",
            &format!(
                "projects:\n  app:\n    versions: versions\n{lines}    db:\n      main: {main}\n      other: {}\n",
                self.other.settings()
            ),
        );
    }

    /// `migrate`, with what this mode needs in the environment; nothing is compared.
    pub fn migrate(&self, mode: Mode) -> Call {
        let call = self.shed(["migrate", "app.main"]).any_stdout().any_stderr();
        if mode == Mode::Block { call.env("WITH_BLOCK", "1") } else { call }
    }

    pub fn clone(&self) -> Call {
        self.shed(["clone", "app.main", "app.other", "--yes"]).any_stdout().any_stderr()
    }

    /// A copy that is made in several parts, where the engine does so.
    pub fn clone_in_parts(&self) -> Call {
        if self.is_postgres() { self.clone().args(["--jobs", "2"]) } else { self.clone() }
    }

    pub fn recover(&self, target: &str) -> Output {
        self.shed(["recover", target]).run()
    }

    /// The contents that a broken-off chain may lead to.
    pub fn allowed(&self, mode: Mode) -> Vec<&str> {
        match mode {
            Mode::Whole => vec![&self.states[0], &self.states[3]],
            Mode::Each | Mode::Block => self.states.iter().map(String::as_str).collect(),
        }
    }

    /// Whether a run that died has left its journal.
    pub fn is_broken_off(&self) -> bool {
        !self.journals().is_empty()
    }

    fn journals(&self) -> Vec<String> {
        let state = self.beside("state/v1/journal");
        let state = state.read_dir().into_iter().flatten().flatten().map(|entry| entry.path().display().to_string());
        state.chain(self.files("data").into_iter().filter(|file| file.contains("journal"))).collect()
    }

    /// What should not be there when all is put right.
    pub fn leftovers(&self) -> Vec<String> {
        let mut left = self.left_by_databases();
        let temporary = self.beside("tmp");
        left.extend(temporary.read_dir().unwrap().flatten().map(|entry| entry.path().display().to_string()));
        left
    }

    /// As [`Scene::leftovers`]; the temporary directory of a dead run goes with the next one that needs one.
    pub fn left_by_databases(&self) -> Vec<String> {
        let mut left = self.journals();
        if !soon(|| processes::of(self).is_empty()) {
            left.push(format!("processes {:?}", processes::of(self)));
        }
        let files = self.files("data").into_iter().filter(|file| !["main.db", "other.db"].contains(&file.as_str()));
        // An empty log of the last reader is no leftover of shed's.
        left.extend(files.filter(|file| !file.ends_with("-wal") && !file.ends_with("-shm")));
        left.extend(self.files(".shed/backups").into_iter().filter(|file| {
            let name = file.rsplit('/').next().unwrap();
            name.starts_with('.') && name != ".gitignore"
        }));
        if let Some(server) = &self.server {
            for database in [&self.main, &self.other] {
                left.extend(server.left_by(&database.name()));
            }
        }
        left
    }
}

impl Server {
    fn copy(&self, from: &Database, to: &Database) {
        let psql = |sql: String| self.cluster.psql("postgres", &sql);
        psql(format!("drop database if exists {} with (force)", to.name()));
        psql(format!("create database {} template {}", to.name(), from.name()));
    }

    /// Databases beside this one, sessions in it, locks on it.
    fn left_by(&self, name: &str) -> Vec<String> {
        let psql = |sql: &str| self.cluster.psql("postgres", sql);
        let beside = psql(&format!("select datname from pg_database where datname like '{name}\\_\\_shed\\_%'"));
        // The server's own workers (autovacuum) come and go as they like, and are nothing that shed left.
        let sessions = format!(
            "select pid, application_name, query from pg_stat_activity where datname = '{name}' and backend_type = 'client backend'"
        );
        let locks = format!(
            "select pid, objid from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = '{name}')"
        );
        soon(|| psql(&sessions).is_empty() && psql(&locks).is_empty());
        let closed = psql(&format!("select datname from pg_database where datname = '{name}' and not datallowconn"));
        [beside, psql(&sessions), psql(&locks), closed]
            .iter()
            .flat_map(|text| text.lines())
            .map(str::to_owned)
            .collect()
    }
}

/// A path whose folder is there.
trait Prepared {
    fn prepared(self) -> Self;
}

impl Prepared for std::path::PathBuf {
    fn prepared(self) -> Self {
        std::fs::create_dir_all(self.parent().unwrap()).unwrap();
        self
    }
}

impl Deref for Scene {
    type Target = Repo;

    fn deref(&self) -> &Repo {
        &self.repo
    }
}
