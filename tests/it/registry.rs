//! Two published applications with their own migrations: optuna and jupyterhub.

use std::path::Path;

use serde_json::Value;

use crate::call::Output;
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

/// Runs each line of arguments as Alembic's command line does, in one interpreter: stdout and exit code of each.
const ALEMBIC: &str = "
import io, json, sys
real, sys.stdout = sys.stdout, io.StringIO()  # Alembic takes the one that is there when it is imported
from alembic.config import CommandLine
answers = []
for argv in json.loads(sys.argv[2]):
    sys.stdout.seek(0)
    sys.stdout.truncate()
    code = 0
    try:
        CommandLine(prog='alembic').main(['-c', sys.argv[1], *argv])
    except SystemExit as error:
        code = error.code or 0
    answers.append([sys.stdout.getvalue(), code])
print(json.dumps(answers), file=real)
";

/// What is asked about these revisions: everything about all of them, and each of them alone.
fn questions(ids: &[String]) -> Vec<Vec<String>> {
    let (first, last) = (ids.first().unwrap(), ids.last().unwrap());
    let ranges = [
        format!("-r{first}:{last}"),
        format!("-r:{last}"),
        format!("-r{first}:"),
        "-rbase:heads".into(),
        "-r-3:".into(),
    ];
    let mut all: Vec<Vec<&str>> = Vec::new();
    for more in [&[][..], &["-v"]] {
        all.extend(["heads", "branches", "history"].map(|command| [&[command][..], more].concat()));
        all.push([&["heads", "--resolve-dependencies"][..], more].concat());
        all.extend(ranges.iter().map(|range| [&["history", range][..], more].concat()));
    }
    let names = ["head", "heads", "base", "-1", "nope"].into_iter().chain(ids.iter().map(String::as_str));
    all.extend(names.map(|name| vec!["show", name]));
    all.into_iter().map(|words| words.into_iter().map(str::to_owned).collect()).collect()
}

fn ids(repo: &Repo, project: &str) -> Vec<String> {
    let said = repo.shed(["history", project, "--format", "json"]).any_stdout().ok().stdout;
    let said: Value = serde_json::from_str(&said).unwrap();
    let revisions = said["revisions"].as_array().unwrap().iter();
    revisions.map(|revision| revision["revision"].as_str().unwrap().to_owned()).rev().collect()
}

/// Shed's words for one of [`questions`]: `show -1` is the only one with another meaning for a target.
fn asked(repo: &Repo, project: &str, argv: &[String]) -> Output {
    let (command, rest) = argv.split_first().unwrap();
    let call = repo.shed([command.as_str(), project]).args(rest).any_stdout().any_stderr();
    call.run()
}

#[test]
fn revisions_are_told_as_alembic_tells_them() {
    let folders = [("optuna", "optuna/storages/_rdb/alembic/versions"), ("hub", "jupyterhub/alembic/versions")];
    for (project, folder) in folders {
        let repo = Repo::new().on(PROJECTS);
        copy_tree(&site_packages(&environment(PROJECTS)).join(folder), &repo.path("versions"));
        let ini =
            format!("[alembic]\nscript_location = {0}\nversion_locations = {0}/versions\n", repo.path("").display());
        let repo = repo.file("alembic.ini", &ini).file("env.py", "");
        // Without Python, and in the words of the project's own Alembic.
        let without = format!(
            "  {project}: {{ versions: versions, python: no/such/python, db: {{ main: {{ connection: {{ db_path: x.db }} }} }} }}\n"
        );
        repo.write("shed.yaml", &format!("projects:\n{without}"));
        let ids = ids(&repo, project);
        assert!(ids.len() >= 10, "{ids:?}");
        let questions = questions(&ids);
        let answers = alembic(&repo, &repo.path("alembic.ini"), &questions);
        for (argv, (stdout, code)) in questions.iter().zip(&answers) {
            if *code == 0 {
                let said = asked(&repo, project, argv);
                assert_eq!((&said.stdout, said.code), (stdout, 0), "{project}: {argv:?}: {}", said.stderr);
            }
        }
        let refused: Vec<_> = questions
            .iter()
            .zip(&answers)
            .filter(|(_, (_, code))| *code != 0)
            .map(|(argv, _)| argv.join(" "))
            .collect();
        repo.write(
            "shed.yaml",
            &repo.read("shed.yaml").replace("no/such/python", &repo.python().display().to_string()),
        );
        for argv in questions.iter().filter(|argv| refused.contains(&argv.join(" "))) {
            assert_eq!(asked(&repo, project, argv).code, 2, "{project}: {argv:?}");
        }
        assert_eq!(refused, ["show nope"]);
    }
}

fn alembic(repo: &Repo, ini: &Path, questions: &[Vec<String>]) -> Vec<(String, i32)> {
    let asked = serde_json::to_string(questions).unwrap();
    let call = repo.call(repo.python()).args(["-c", ALEMBIC]).arg(ini).arg(asked);
    let said = call.dir(repo.path("")).env("PYTHONDONTWRITEBYTECODE", "1").any_stdout().any_stderr().ok();
    serde_json::from_str(&said.stdout).unwrap()
}
