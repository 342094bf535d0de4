//! Two published applications with their own migrations: optuna and jupyterhub.

use crate::cluster::cluster;
use crate::database::Database;
use crate::repo::{PROJECTS, Repo, bare_environment, copy_tree, environment, site_packages};

fn optuna(database: &Database, repo: Repo) -> Repo {
    repo.on(PROJECTS).settings(&format!(
        "projects:\n  optuna:\n    module: optuna.storages._rdb.models\n    metadata: BaseModel\n    \
         versions: optuna.storages._rdb:alembic/versions\n    db:\n      main: {}\n",
        database.settings()
    ))
}

#[test]
fn optuna_reaches_its_head_goes_back_and_has_drift() {
    for on_postgres in [false, true] {
        let repo = Repo::new();
        let database = if on_postgres { cluster().database() } else { repo.sqlite("optuna.db") };
        let repo = optuna(&database, repo);
        repo.shed(["heads"]).stdout("v3.2.0.a (head)\n").any_stderr().ok();
        repo.shed(["migrate"]).any_stdout().any_stderr().ok();
        repo.shed(["current"]).stdout("v3.2.0.a (head)\n").any_stderr().ok();
        assert!(database.tables().contains(&"studies".to_owned()));
        repo.shed(["check"]).stdout_has("trial_heartbeats").any_stderr().fails(1);
        repo.shed(["downgrade", "-1", "--yes"]).any_stdout().any_stderr().ok();
        assert_eq!(database.revisions(), ["v3.0.0.d"]);
        repo.shed(["downgrade", "base", "--yes"]).any_stdout().any_stderr().fails(5);
    }
}

#[test]
fn nothing_is_written_into_an_installed_package() {
    let repo = Repo::new();
    let database = repo.sqlite("optuna.db");
    let repo = optuna(&database, repo);
    let (all, own) = (site_packages(&environment(PROJECTS)), repo.path("own"));
    bare_environment(&repo, "own", &[]);
    copy_tree(&all.join("optuna"), &site_packages(&own).join("optuna"));
    std::fs::write(site_packages(&own).join("others.pth"), format!("{}\n", all.display())).unwrap();
    let before = repo.files("own");
    repo.shed(["revision", "-m", "x"]).env("VIRTUAL_ENV", &own).stderr_has("site-packages").fails(2);
    assert_eq!(repo.files("own"), before);
}

#[test]
fn jupyterhub_is_stamped_and_clean_and_cannot_start_from_nothing() {
    for on_postgres in [false, true] {
        let repo = Repo::new().on(PROJECTS);
        let database = if on_postgres { cluster().database() } else { repo.sqlite("hub.db") };
        let repo = repo.settings(&format!(
            "projects:\n  hub:\n    module: jupyterhub.orm\n    metadata: Base\n    versions: jupyterhub:alembic/versions\n    \
             db:\n      main: {}\n",
            database.settings()
        ));
        repo.shed(["migrate"]).any_stdout().any_stderr().fails(5);
        assert_eq!(database.revisions(), [""; 0]);
        let create = "import sys, sqlalchemy, jupyterhub.orm as orm; orm.Base.metadata.create_all(sqlalchemy.create_engine(sys.argv[1]))";
        repo.call(repo.python()).args(["-c", create, &database.url()]).any_stderr().ok();
        repo.shed(["stamp", "head"]).any_stdout().any_stderr().ok();
        repo.shed(["current"]).stdout("f460b0348206 (head)\n").any_stderr().ok();
        repo.shed(["check"]).stdout("No new upgrade operations detected.\n").any_stderr().ok();
    }
}
