//! The kept answers of `check --offline`: an unchanged project costs no Python, and whatever changes is seen.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::call::Call;
use crate::cluster::cluster;
use crate::repo::{OLD, Repo, bare_environment, site_packages};

pub const MODELS: &str = "import pathlib, pkgutil, importlib, os, sys
import sqlalchemy as sa
from common.naming import NAME
metadata = sa.MetaData()
here = pathlib.Path(__file__).parent
sa.Table(NAME, metadata, sa.Column('id', sa.Integer, primary_key=True))
for module in pkgutil.iter_modules([str(here / 'parts')]):
    importlib.import_module('parts.' + module.name).add(metadata)
for name in (here / 'tables.txt').read_text().split() + os.environ.get('TABLES', '').split():
    sa.Table(name, metadata, sa.Column('id', sa.Integer, primary_key=True))
for name in (here / '../../elsewhere/more.txt').read_text().split():
    sa.Table(name, metadata, sa.Column('id', sa.Integer, primary_key=True))
";
pub const SETTINGS: &str = "projects:
  app:
    module: app/models.py
    pythonpath: [app, libs]
    db: { main: { connection: { db_path: app/x.db } } }
";
const TABLE: &str = "op.create_table('bill', sa.Column('id', sa.Integer, primary_key=True))";
const PART: &str = "import sqlalchemy as sa
def add(metadata):
    sa.Table('line', metadata, sa.Column('id', sa.Integer, primary_key=True))
";
pub const HIT: &str = "No new upgrade operations detected. (cached)\n";
pub const RUN: &str = "No new upgrade operations detected.\n";

pub fn repo() -> Repo {
    let repo = Repo::new()
        .settings(SETTINGS)
        .file("app/models.py", MODELS)
        .file("app/parts/__init__.py", "")
        .file("app/tables.txt", "")
        .file("libs/common/__init__.py", "")
        .file("libs/common/naming.py", "NAME = 'bill'\n")
        .revision("app/versions", "a1", "", TABLE, "");
    fs::write(repo.beside("elsewhere/more.txt"), "").unwrap();
    repo
}

fn check(repo: &Repo) -> Call {
    repo.shed(["check", "app", "--offline"]).env("SHED_CACHE_DIR", repo.beside("cache"))
}

/// A run, whose answer is kept then.
#[track_caller]
fn kept(repo: &Repo) {
    check(repo).stdout(RUN).ok();
    check(repo).stdout(HIT).ok();
}

#[track_caller]
pub fn drifts(call: Call) {
    call.any_stdout().stderr_has("FAILED: New upgrade operations detected").fails(1);
}

#[test]
fn an_unchanged_project_starts_no_python() {
    let repo = repo();
    let python =
        format!("#!/bin/sh\necho x >> {}\nexec {} \"$@\"\n", repo.path("calls").display(), repo.python().display());
    repo.program("python", &python);
    let repo = repo.settings(&SETTINGS.replace("    db:", "    python: python\n    db:"));
    kept(&repo);
    let calls = repo.read("calls");
    let json = check(&repo).args(["--format", "json"]).any_stdout().ok().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json, serde_json::json!({"target": "app.main", "in_order": true, "differences": [], "cached": true}));
    assert_eq!(repo.read("calls"), calls);
    check(&repo).arg("--no-cache").stdout(RUN).ok();
    assert_ne!(repo.read("calls"), calls);
}

#[test]
fn what_models_read_is_seen_where_it_changes() {
    let repo = repo();
    kept(&repo);
    repo.write("app/parts/line.py", PART); // found by the listing of the folder alone
    drifts(check(&repo));
    repo.remove("app/parts/line.py");
    check(&repo).stdout(HIT).ok();
    repo.write("app/tables.txt", "line");
    drifts(check(&repo));
    repo.write("app/tables.txt", "");
    drifts(check(&repo).env("TABLES", "line"));
    repo.write("libs/common/naming.py", "NAME = 'invoice'\n"); // a package beside the project, by pythonpath
    drifts(check(&repo));
    repo.write("libs/common/naming.py", "NAME = 'bill'\n");
    fs::write(repo.beside("elsewhere/more.txt"), "line").unwrap(); // a file elsewhere, which Python opened
    drifts(check(&repo));
    fs::write(repo.beside("elsewhere/more.txt"), "").unwrap();
    repo.write("app/common/__init__.py", ""); // stands before the package of that name
    repo.write("app/common/naming.py", "NAME = 'invoice'\n");
    drifts(check(&repo));
    repo.remove("app/common");
    check(&repo).stdout(HIT).ok();
}

#[test]
fn new_revisions_settings_and_interpreters_are_seen() {
    let repo = repo();
    kept(&repo);
    repo.write("app/versions/a2_.py", &crate::repo::revision_text("a2", "a1", "op.drop_table('bill')", ""));
    drifts(check(&repo));
    repo.remove("app/versions/a2_.py");
    check(&repo).stdout(HIT).ok();
    let repo = repo.settings(&SETTINGS.replace("    db:", "    exclude_tables: [other]\n    db:"));
    kept(&repo);
    let repo = repo.settings(&SETTINGS.replace("    db:", "    env: { WORD: x }\n    db:"));
    kept(&repo);
    let repo = repo.on(OLD);
    kept(&repo);
    // What a shell, git or a live database changes is nothing to the models.
    repo.write("app/x.db-journal", "");
    check(&repo).env("GIT_INDEX_FILE", "x").env("SHLVL", "7").stdout(HIT).ok();
}

#[test]
fn an_installed_distribution_is_seen_where_it_changes() {
    let repo = repo();
    bare_environment(&repo, "venv", &["alembic", "sqlalchemy", "mako", "markupsafe", "typing_extensions.py"]);
    let site = site_packages(&repo.path("venv"));
    fs::create_dir(site.join("extra-1.dist-info")).unwrap();
    fs::write(site.join("extra-1.dist-info/METADATA"), "Version: 1\n").unwrap();
    let repo = repo.settings(&SETTINGS.replace("    db:", "    python: venv\n    db:"));
    kept(&repo);
    fs::write(site.join("extra-1.dist-info/METADATA"), "Version: 1.1\n").unwrap();
    kept(&repo);
    fs::create_dir(site.join("new-2.dist-info")).unwrap();
    kept(&repo);
    fs::write(site.join("x.pth"), "/nowhere\n").unwrap();
    kept(&repo);
}

#[test]
fn an_editable_package_elsewhere_is_seen_where_it_changes() {
    let repo = repo();
    fs::create_dir_all(repo.beside("elsewhere/src/shared")).unwrap();
    fs::write(repo.beside("elsewhere/src/shared/__init__.py"), "").unwrap();
    repo.write("app/models.py", &format!("import shared\n{MODELS}"));
    let check = || check(&repo).env("PYTHONPATH", repo.beside("elsewhere/src"));
    check().stdout(RUN).ok();
    check().stdout(HIT).ok();
    fs::write(repo.beside("elsewhere/src/shared/data.csv"), "x").unwrap();
    check().stdout(RUN).ok();
    check().stdout(HIT).ok();
}

#[test]
fn a_module_of_the_working_directory_is_seen_where_it_changes() {
    let repo = repo().file("base.py", "import sqlalchemy as sa\nmetadata = sa.MetaData()\n");
    repo.write("app/models.py", "from base import metadata\nimport sqlalchemy as sa\nsa.Table('bill', metadata, sa.Column('id', sa.Integer, primary_key=True))\n");
    let repo = repo.settings(&SETTINGS.replace("    pythonpath: [app, libs]\n", ""));
    kept(&repo);
    repo.write("unrelated.txt", "");
    check(&repo).stdout(HIT).ok();
    let more = format!("{}sa.Table('line', metadata, sa.Column('id', sa.Integer))\n", repo.read("base.py"));
    repo.write("base.py", &more);
    drifts(check(&repo));
}

#[test]
fn only_in_order_is_kept_and_nothing_where_a_program_is_asked_or_the_settings_say_so() {
    let repo = repo();
    repo.write("app/tables.txt", "line");
    drifts(check(&repo));
    drifts(check(&repo));
    repo.write("app/tables.txt", "");
    let asks = format!("import subprocess\nsubprocess.run(['true'])\n{MODELS}");
    repo.write("app/models.py", &asks);
    for _ in 0..2 {
        check(&repo)
            .arg("--verbose")
            .stdout(RUN)
            .stderr_has("app.main: the answer is not kept: a program was started: true\n")
            .ok();
    }
    repo.write("app/models.py", MODELS);
    let repo = repo.settings(&SETTINGS.replace("    db:", "    cache: false\n    db:"));
    for _ in 0..2 {
        check(&repo).stdout(RUN).ok();
    }
}

#[test]
fn a_damaged_foreign_or_unwritable_cache_is_as_good_as_none() {
    let repo = repo();
    kept(&repo);
    let folder = repo.beside("cache/v1/checks");
    let files: Vec<_> = fs::read_dir(&folder).unwrap().flatten().map(|file| file.path()).collect();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    let text = fs::read_to_string(file).unwrap();
    for damaged in ["", "{", &text[..text.len() / 2], &text.replace("\"version\":1", "\"version\":2")] {
        fs::write(file, damaged).unwrap();
        kept(&repo);
    }
    // Somebody else could have put anything there.
    fs::set_permissions(&folder, PermissionsExt::from_mode(0o777)).unwrap();
    for _ in 0..2 {
        check(&repo).stdout(RUN).ok();
    }
    repo.shed(["check", "app", "--offline", "-v"])
        .env("SHED_CACHE_DIR", "/dev/null")
        .stdout(RUN)
        .stderr_has("app.main: the answer is not kept: the cache directory cannot be written to\n")
        .ok();
}

#[test]
fn a_clock_that_jumps_and_a_circle_of_links_change_nothing() {
    let repo = repo();
    std::os::unix::fs::symlink(".", repo.path("app/circle")).unwrap();
    kept(&repo);
    let models = repo.path("app/models.py");
    let file = fs::File::options().append(true).open(&models).unwrap();
    for time in [0, 4_000_000_000] {
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(time)).unwrap();
        check(&repo).stdout(HIT).ok();
    }
    // What is kept may have been kept by a clock that was ahead, too.
    for kept in fs::read_dir(repo.beside("cache/v1/checks")).unwrap().flatten() {
        let file = fs::File::options().append(true).open(kept.path()).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(4_100_000_000)).unwrap();
    }
    check(&repo).stdout(HIT).ok();
    let before = fs::metadata(&models).unwrap().modified().unwrap();
    repo.write("app/models.py", &MODELS.replace("'id'", "'no'")); // of the same length, at the same time
    fs::File::options().append(true).open(&models).unwrap().set_modified(before).unwrap();
    drifts(check(&repo));
}

#[test]
fn the_server_for_copies_belongs_to_the_question() {
    let server = format!("host: {}, user: shed", cluster().host.display());
    let settings = |more: &str| {
        let live = "{ live: { type: postgres, db_name: nowhere, connection: { host: nowhere.invalid } } }";
        format!(
            "development:\n  db: {{ pglocal: {{ type: postgres, connection: {{ {server}{more} }} }} }}\n{}",
            SETTINGS.replace("{ main: { connection: { db_path: app/x.db } } }", live)
        )
    };
    let repo = repo().settings(&settings(""));
    kept(&repo);
    let repo = repo.settings(&settings(", port: 5433"));
    check(&repo).any_stderr().fails(4);
}

#[test]
fn what_is_kept_is_shown_and_cleared() {
    let repo = repo();
    kept(&repo);
    let cache = |verb: &str| repo.shed(["cache", verb]).env("SHED_CACHE_DIR", repo.beside("cache"));
    let shown = format!(
        "{}\n  settings files  0\n  revisions       0\n  snapshots       0\n  checks          1\n    app.main (sqlite)\n",
        repo.beside("cache").display()
    );
    cache("show").stdout(shown.clone()).ok();
    cache("clear").stdout(shown.replacen('\n', " (cleared)\n", 1)).ok();
    cache("show").stdout_has("  checks          0\n").ok();
    kept(&repo);
}

#[test]
fn a_long_chain_is_not_replayed_for_one_more_revision() {
    let repo = repo();
    let chain = |to: usize, first: &str| {
        for number in 1..=to {
            let after = if number == 1 { "a1".to_owned() } else { format!("r{}", number - 1) };
            let text = if number == 1 { first } else { "" };
            let name = format!("app/versions/r{number}_.py");
            repo.write(&name, &crate::repo::revision_text(&format!("r{number}"), &after, text, ""));
        }
    };
    chain(60, "print('replayed')");
    check(&repo).stdout(RUN).stderr("replayed\n").ok();
    chain(61, "print('replayed')");
    check(&repo).stdout(RUN).ok();
    // The new one is applied to what was kept.
    repo.write("app/versions/r62_.py", &crate::repo::revision_text("r62", "r61", "op.drop_table('bill')", ""));
    drifts(check(&repo).stdout("add table bill\n"));
    chain(61, "print('otherwise')");
    repo.remove("app/versions/r62_.py");
    check(&repo).stdout(RUN).stderr("otherwise\n").ok();
    // A revision that takes from the project is replayed with it.
    chain(61, "from common.naming import NAME\nprint(NAME)");
    chain(62, "from common.naming import NAME\nprint(NAME)");
    check(&repo).stdout(RUN).stderr("bill\n").ok();
    repo.remove("app/versions/r62_.py");
    check(&repo).stdout(RUN).stderr("bill\n").ok();
}
