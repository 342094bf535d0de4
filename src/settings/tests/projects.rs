//! What the keys of a project and a database mean.

use std::time::Duration;

use super::Repo;
use crate::settings::{
    Backup, Connection, Format, Kind, Module, Password, Project, Python, Restore, SqlitePath, Versions, VersionsEntry,
};

#[track_caller]
fn project(repo: &Repo) -> Project {
    repo.read().unwrap().projects().unwrap()["a"].clone()
}

#[test]
fn a_module_is_a_path_or_a_dotted_name() {
    let repo = Repo::new("projects:\n  a: {module: [pkg/m.py, models, app.models, m.py, src/pkg], hooks: app.hooks}\n");
    std::fs::create_dir(repo.folder().join("models")).unwrap();
    let project = project(&repo);
    let path = |name: &str| Module::Path(repo.folder().join(name));
    let name = Module::Name("app.models".to_owned());
    assert_eq!(project.module, [path("pkg/m.py"), path("models"), name, path("m.py"), path("src/pkg")]);
    assert_eq!(project.hooks, Some(Module::Name("app.hooks".to_owned())));
    let folders: Vec<_> =
        project.module.iter().map(|module| module.folder().map(std::path::Path::to_path_buf)).collect();
    let folder = |name: &str| Some(repo.folder().join(name));
    assert_eq!(folders, [folder("pkg"), folder("models"), None, Some(repo.folder()), folder("src/pkg")]);
}

#[test]
fn versions_stand_beside_the_module_unless_set() {
    let entry = |repo: &Repo, name: &str| vec![VersionsEntry::Folder(repo.folder().join(name))];
    for (keys, sqlite, postgres) in [
        ("module: p/m.py", "p/versions", "p/versions"),
        ("module: p/pkg", "p/pkg/versions", "p/pkg/versions"),
        ("module: p/m.py, format: sql", "p/migrations", "p/migrations"),
        ("module: app.models", "versions", "versions"),
        ("versions: ../v", "../v", "../v"),
        ("versions: {sqlite: s, postgres: [p]}", "s", "p"),
        ("module: m.py, alembic: {version_locations: '%(here)s/w'}", "w", "w"),
    ] {
        let repo = Repo::new(&format!("projects:\n  a: {{{keys}}}\n"));
        let project = project(&repo);
        let up = |name: &str| match name.strip_prefix("../") {
            Some(name) => vec![VersionsEntry::Folder(repo.folder().parent().unwrap().join(name))],
            None => entry(&repo, name),
        };
        assert_eq!(project.versions_for(Kind::Sqlite), up(sqlite), "{keys}");
        assert_eq!(project.versions_for(Kind::Postgres), up(postgres), "{keys}");
    }
    let repo = Repo::new("projects:\n  a: {versions: ['app.db:versions', ./v], recursive: true}\n");
    let expected =
        [VersionsEntry::Package("app.db:versions".to_owned()), VersionsEntry::Folder(repo.folder().join("v"))];
    assert_eq!(project(&repo).versions, Versions::List(expected.into()));
    assert!(project(&repo).recursive);
}

#[test]
fn relative_paths_hang_on_root_and_the_run_on_the_files_folder() {
    let repo = Repo::new(
        "root: src\nprojects:\n  a: {module: a/m.py, python: .venv, pythonpath: [lib, /opt/x], script_template: t.mako, env_py: e/env.py}\n  b: {module: b/m.py, python: uv, cwd: b}\n",
    );
    let settings = repo.read().unwrap();
    let root = repo.folder().join("src");
    assert_eq!(settings.root(), root);
    let (a, b) = (&settings.projects().unwrap()["a"], &settings.projects().unwrap()["b"]);
    assert_eq!(a.module, [Module::Path(root.join("a/m.py"))]);
    assert_eq!(a.python, Some(Python::Path(root.join(".venv"))));
    assert_eq!(a.pythonpath, [root.join("lib"), "/opt/x".into()]);
    assert_eq!(a.script_template, Some(root.join("t.mako")));
    assert_eq!(a.env_py, Some(root.join("e/env.py")));
    assert_eq!((&a.cwd, &b.cwd), (&repo.folder(), &root.join("b")));
    assert_eq!(b.python, Some(Python::Uv));
}

#[test]
fn alembics_own_keys_are_taken_by_name() {
    let repo = Repo::new(
        "projects:
  a:
    module: a.py
    alembic:
      file_template: '%(year)d_%(rev)s'
      truncate_slug_length: 20
      sourceless: true
      timezone: UTC
      sqlalchemy.echo: true
      recursive_version_locations: true
      prepend_sys_path: '.:lib'
      path_separator: os
      post_write_hooks:
        - {name: ruff, type: exec, executable: '%(here)s/.venv/bin/ruff', options: check}
      log_levels: {alembic: debug}
",
    );
    let project = project(&repo);
    let options: Vec<(&str, &str)> = project.alembic.options.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(
        options,
        [
            ("file_template", "%(year)d_%(rev)s"),
            ("truncate_slug_length", "20"),
            ("sourceless", "true"),
            ("timezone", "UTC"),
            ("sqlalchemy.echo", "true"),
        ]
    );
    assert!(project.recursive);
    assert_eq!(project.pythonpath, [repo.folder(), repo.folder().join("lib")]);
    assert_eq!(project.alembic.post_write_hooks[0]["executable"], "%(here)s/.venv/bin/ruff");
    assert_eq!(project.alembic.log_levels["alembic"], "DEBUG");
}

#[test]
fn defaults_reach_projects_and_projects_reach_databases_key_by_key() {
    let repo = Repo::new(
        "defaults:
  format: sql
  backup: {keep: 3, max_bytes: 1GiB}
  env: {A: 1, B: 2.50}
  configure: {compare_type: true}
projects:
  a:
    module: a.py
    backup: {pipe: age}
    env: {B: x, C: true}
    version_table: v
    db:
      x: {connection: {db_path: x.db}, version_table: w, statement_timeout: 5m, transactional: false}
      y: {connection: {host: h}, db_name: y, backup: {unpipe: 'age -d', keep: 1}, restore: ask}
",
    );
    let project = project(&repo);
    assert_eq!(project.format, Format::Sql);
    let env: Vec<(&str, &str)> = project.env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(env, [("B", "x"), ("C", "true"), ("A", "1")]);
    assert_eq!(serde_json::to_string(&project.configure).unwrap(), r#"{"compare_type":true}"#);
    let (x, y) = (&project.db["x"].options, &project.db["y"].options);
    assert_eq!((x.version_table.as_deref(), y.version_table.as_deref()), (Some("w"), Some("v")));
    assert_eq!((x.statement_timeout, x.transactional), (Some(Duration::from_secs(300)), false));
    let backup = Backup {
        before_migrate: true,
        keep: 3,
        max_bytes: Some(1 << 30),
        location: repo.folder().join(".shed/backups"),
        pipe: Some("age".to_owned()),
        unpipe: None,
    };
    assert_eq!((&x.backup, x.restore), (&backup, Restore::Never));
    let unpipe = Some("age -d".to_owned());
    assert_eq!((&y.backup, y.restore), (&Backup { before_migrate: false, keep: 1, unpipe, ..backup }, Restore::Ask));
}

#[test]
fn the_type_is_told_by_the_connection() {
    let repo = Repo::new(
        "projects:
  a:
    module: a.py
    db:
      memory: {connection: {db_path: ':memory:'}}
      url: {connection: {url: 'sqlite+aiosqlite:///x/y.db'}}
      host: {db_name: h, connection: {host: /run/pg, password_file: pw}}
      raw: {connection: {url: 'postgres://${NOPE}@h/d'}}
",
    );
    let project = project(&repo);
    let kinds: Vec<&str> = project.db.values().map(|database| database.kind.as_str()).collect();
    assert_eq!(kinds, ["sqlite", "sqlite", "postgres", "postgres"]);
    let Connection::Sqlite(memory) = &project.db["memory"].connection else { panic!("memory is SQLite") };
    assert_eq!(memory.path, SqlitePath::Memory);
    let Connection::Sqlite(url) = &project.db["url"].connection else { panic!("url is SQLite") };
    assert_eq!(url.path, SqlitePath::File(repo.folder().join("x/y.db")));
    assert_eq!(project.db["url"].driver.as_deref(), Some("aiosqlite"));
    let Connection::Postgres(host) = &project.db["host"].connection else { panic!("host is PostgreSQL") };
    assert_eq!(host.password, Some(Password::File(repo.folder().join("pw"))));
}
