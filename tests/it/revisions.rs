//! `heads`, `history`, `branches` and `show` from the files, without Python, and by Alembic where the files are not plain.

use crate::app::App;
use crate::repo::{NEW, OLD, Repo, revision_text};

const SETTINGS: &str = "projects:\n  app:\n    versions: versions\n    db:\n      main: { type: sqlite, connection: { db_path: app.db } }\n";
/// No Python can be started, so that what is answered is answered from the files.
const WITHOUT_PYTHON: &str = "    python: no/such/python\n";
/// Where this is set, Alembic is asked for everything.
const BY_ALEMBIC: (&str, &str) = ("PYTHONOPTIMIZE", "1");

/// Branches, a merge, a label, a dependency, docstrings.
fn branched() -> Repo {
    let file = |id: &str, rest: &str| {
        format!(
            "\"\"\"add {id}\n\nRevision ID: {id}\nCreate Date: 2026-11-21 10:00:00\n\n\"\"\"\nrevision = {id:?}\n{rest}\n"
        )
    };
    Repo::new()
        .settings(&format!("{SETTINGS}{WITHOUT_PYTHON}"))
        .file("alembic.yaml", SETTINGS)
        .file("versions/1.py", &file("a001", "down_revision = None"))
        .file("versions/2.py", &file("a002", "down_revision = 'a001'\nbranch_labels = ('left',)"))
        .file("versions/3.py", &file("a003", "down_revision = ['a001']"))
        .file("versions/4.py", &file("a004", "down_revision = ('a002', 'a003')"))
        .file("versions/5.py", &file("b001", "down_revision = None\ndepends_on = 'left'"))
        .file("versions/6.py", &file("a005", "down_revision = 'a004'\ndepends_on = 'b001'"))
        .file("versions/__init__.py", "raise ValueError\n")
        .file("versions/notes.txt", "not a revision\n")
}

#[test]
fn no_python_is_started_where_the_files_are_plain() {
    let repo = branched();
    repo.shed(["heads"]).stdout("b001 (effective head)\na005 (left) (head)\n").ok();
    repo.shed(["heads", "--resolve-dependencies"]).stdout("a005 (left) (head)\n").ok();
    repo.shed(["history", "-r", "a003:a004"])
        .stdout("a002, a003 -> a004 (left) (mergepoint), add a004\na001 -> a003, add a003\n")
        .ok();
    repo.shed(["branches"]).stdout("a001 (branchpoint)\n     -> a002 (left)\n     -> a003\n\n").ok();
    repo.shed(["show", "b001"])
        .stdout(
            "Rev: b001 (head)\nParent: <base>\nAlso depends on: left\nPath: $REPO/versions/5.py\n\n    add b001\n    \n    Revision ID: b001\n    \
             Create Date: 2026-11-21 10:00:00\n\n",
        )
        .ok();
    assert!(!repo.beside("state").exists(), "nothing was run");
}

#[test]
fn both_alembics_say_the_same_as_text_and_as_data() {
    for (environment, format) in [(NEW, "text"), (OLD, "json")] {
        let repo = branched().on(environment);
        let by_alembic = repo.path("alembic.yaml").display().to_string();
        for line in [
            "heads",
            "heads -v",
            "heads --resolve-dependencies",
            "heads --all",
            "history",
            "history --all",
            "history -v -r a002:",
            "history -r -1:heads",
            "history -r :left@a004",
            "show a004",
            "show heads",
            "show base",
        ] {
            let arguments: Vec<&str> = line.split(' ').chain(["--format", format]).collect();
            let answered = repo.shed(&arguments).run();
            let asked = repo.shed(&arguments).args(["--settings", &by_alembic]).env(BY_ALEMBIC.0, BY_ALEMBIC.1).run();
            assert_eq!((answered.stdout, answered.code), (asked.stdout, asked.code), "{line}");
        }
    }
}

#[test]
fn what_is_not_plain_goes_to_alembic_in_silence() {
    for app in App::on_both_alembics() {
        app.write("app/versions/a4_.py", "PREFIX = 'a'\nrevision = PREFIX + '4'\ndown_revision = 'a3'\n");
        app.shed(["heads"]).stdout("a4 (head)\n").any_stderr().ok();
        app.shed(["heads", "--format", "json"]).stdout_has("\"revision\": \"a4\"").any_stderr().ok();
        app.shed(["show", "--revision", "nothing"])
            .stderr_has("Can't locate revision identified by 'nothing'")
            .fails(2);
    }
}

#[test]
fn what_alembic_refuses_it_refuses_by_itself() {
    for (name, text, said) in [
        ("x.py", "this is no Python\n", "invalid syntax"),
        ("x.py", "def upgrade():\n    not Python here\nrevision = 'x'\ndown_revision = 'a3'\n", "invalid syntax"),
        ("x.py", "revision = 'x'\ndown_revision = 'gone'\n", "gone"),
        ("x.py", "revision = 'x'\ndown_revision = 'x'\n", "Self-loop is detected"),
        ("x.py", "print('hello')\n", "Could not determine revision id"),
    ] {
        let app = App::sqlite();
        app.write(&format!("app/versions/{name}"), text);
        for command in ["heads", "history", "branches", "show"] {
            let output = app.shed([command]).any_stdout().any_stderr().run();
            assert!(output.stderr.contains(said) && output.code != 0, "{command}: {text}\n{}", output.stderr);
        }
    }
}

#[test]
fn a_doubled_id_is_warned_of_by_alembic() {
    let app = App::sqlite();
    app.write("app/versions/zz_.py", &revision_text("a3", "a2", "", ""));
    app.shed(["heads"]).stdout("a3 (head)\na3 (head)\n").stderr_has("Revision a3 is present more than once").ok();
}

#[test]
fn a_symbolic_link_that_leads_nowhere_is_alembics_to_refuse() {
    let app = App::sqlite();
    let link = |from: &str, to: &str| std::os::unix::fs::symlink(from, app.path(to)).unwrap();
    // A folder that holds itself and a link to something else are no revisions.
    link(".", "app/versions/again");
    link("/etc/hostname", "app/versions/b_.py");
    app.shed(["heads"]).stdout("a3 (head)\n").ok();
    link("y.py", "app/versions/x.py");
    link("x.py", "app/versions/y.py");
    app.shed(["heads"]).any_stdout().stderr_has("x.py").fails(2);
}

#[test]
fn the_folder_of_a_project_may_be_missing_or_a_file() {
    let repo = Repo::new().settings(&format!("{SETTINGS}{WITHOUT_PYTHON}"));
    repo.shed(["heads"]).ok();
    repo.write("versions", "");
    repo.shed(["heads"]).stderr_has("is a file").fails(2);
}

#[test]
fn folders_within_are_read_where_the_settings_say_so() {
    let repo = Repo::new().settings(&format!("{SETTINGS}{WITHOUT_PYTHON}"));
    for (path, id, after) in
        [("versions/a.py", "a", ""), ("versions/2026/b.py", "b", "a"), ("versions/2026/11/c.py", "c", "b")]
    {
        repo.write(path, &revision_text(id, after, "", ""));
    }
    repo.write("versions/__pycache__/d.py", "");
    repo.shed(["heads"]).stdout("a (head)\n").ok();
    repo.write("shed.yaml", &format!("{SETTINGS}{WITHOUT_PYTHON}    recursive: true\n"));
    repo.shed(["heads"]).stdout("c (head)\n").ok();
    repo.write(
        "shed.yaml",
        &format!("{SETTINGS}{WITHOUT_PYTHON}    alembic: {{ recursive_version_locations: true }}\n"),
    );
    repo.shed(["heads"]).stdout("c (head)\n").ok();
}

#[test]
fn several_heads_are_refused_strictly() {
    for by_alembic in [false, true] {
        let repo = branched();
        let shed = |arguments: &str| {
            let call = repo.shed(arguments.split(' '));
            let settings = repo.path("alembic.yaml");
            if by_alembic { call.env("SHED_SETTINGS", settings).env(BY_ALEMBIC.0, BY_ALEMBIC.1) } else { call }
        };
        shed("heads --strict").stderr_has("app has 2 heads: b001, a005").stderr_has("shed merge app").fails(1);
        shed("heads --strict --resolve-dependencies").stdout("a005 (left) (head)\n").ok();
        shed("heads --strict --format json").stdout_has("app has 2 heads").any_stderr().fails(1);
        repo.remove("versions/5.py");
        repo.remove("versions/6.py");
        shed("heads --strict").stdout("a004 (left) (head)\n").ok();
    }
}

#[test]
fn check_heads_goes_through_all_databases() {
    let repo = Repo::new().settings(
        "projects:\n  one:\n    versions: one\n    db:\n      main: { type: sqlite, connection: { db_path: one.db } }\n  \
         two:\n    versions: two\n    db:\n      main: { type: sqlite, connection: { db_path: two.db } }\n",
    );
    let repo = repo.revision("one", "a1", "", "", "").revision("two", "b1", "", "", "");
    repo.shed(["migrate", "one"]).any_stderr().ok();
    repo.shed(["current", "--check-heads", "--all"])
        .stdout("one.main:\n  a1 (head)\n")
        .stderr_has("Database is not on all head revisions")
        .fails(1);
    repo.shed(["migrate", "two"]).any_stderr().ok();
    repo.shed(["current", "--check-heads", "--all"])
        .stdout("one.main:\n  a1 (head)\ntwo.main:\n  b1 (head)\n")
        .any_stderr()
        .ok();
}
