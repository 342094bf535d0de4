//! A long settings file that an earlier run found in order: nothing is told from one project that the others would change.

use crate::repo::Repo;

const MODELS: &str = "import sqlalchemy as sa\nmetadata = sa.MetaData()\nsa.Table('invoice', metadata, sa.Column('id', sa.Integer, primary_key=True))\n";
const PROJECTS: &str = "projects:
  one:
    module: one/models.py
    version_table: versions_of_one
    db: { main: { connection: { db_path: shared.db } } }
  two:
    versions: two/versions
    version_table: versions_of_two
    env: { WORD: sesame-1 }
    db: { live: { protected: true, connection: { db_path: ./shared.db } } }
";

fn long(projects: &str) -> String {
    "# a comment that makes the file longer\n".repeat(250) + projects
}

fn repo() -> Repo {
    Repo::new()
        .settings(&long(PROJECTS))
        .file("one/models.py", MODELS)
        .revision(
            "one/versions",
            "a1",
            "",
            "op.create_table('invoice', sa.Column('id', sa.Integer, primary_key=True))",
            "",
        )
        .revision("two/versions", "b1", "", "", "")
}

/// What the runs keep about settings, as one text.
fn kept(repo: &Repo) -> String {
    let folder = repo.beside("cache").join("v1/settings");
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.map(|file| std::fs::read_to_string(file.path()).unwrap()).collect()
}

#[test]
fn protected_databases_and_version_tables_of_other_projects_are_known() {
    let repo = repo();
    let shed = |args: &[&str]| repo.shed(args).env("SHED_CACHE_DIR", repo.beside("cache"));
    shed(&["heads", "one"]).stdout("a1 (head)\n").ok();
    assert!(kept(&repo).contains(" one\n") && !kept(&repo).contains("sesame"), "{}", kept(&repo));
    shed(&["heads", "one"]).stdout("a1 (head)\n").ok();
    shed(&["migrate", "one"]).stderr_has("--yes-i-mean two.live").fails(2);
    for (project, meant) in [("one", "two.live"), ("two", "two.live")] {
        shed(&["migrate", project, "--yes-i-mean", meant]).any_stderr().ok();
    }
    assert_eq!(repo.sqlite("shared.db").tables(), ["invoice", "versions_of_one", "versions_of_two"]);
    shed(&["check", "one"]).stdout("No new upgrade operations detected.\n").any_stderr().ok();
    shed(&["heads", "on"]).stderr("error: no project is named `on`\nhelp: did you mean `one`?\n").fails(2);
}

#[test]
fn an_edit_in_any_project_is_seen_by_the_next_run() {
    let repo = repo();
    let shed = |args: &[&str]| repo.shed(args).env("SHED_CACHE_DIR", repo.beside("cache"));
    for _ in 0..2 {
        shed(&["heads", "one"]).stdout("a1 (head)\n").ok();
    }
    repo.write("shed.yaml", &long(&PROJECTS.replace("two/versions", "one/versions")));
    shed(&["heads", "one"]).stderr_has("projects `one` and `two` would both write").fails(2);
    repo.write("shed.yaml", &long(&PROJECTS.replace("protected", "protectd")));
    shed(&["heads", "one"]).stderr_has("unknown key `protectd`").fails(2);
}
