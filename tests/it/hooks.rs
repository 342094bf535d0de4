//! The hooks of `.pre-commit-hooks.yaml`, run by the real pre-commit on a git repository.

use std::path::Path;

use crate::call::Call;
use crate::repo::{Repo, environment, revision_text};

const HOOKS: &str = include_str!("../../.pre-commit-hooks.yaml");
const MODELS: &str = "import sqlalchemy as sa\nmetadata = sa.MetaData()\nt = sa.Table('NAME', metadata, sa.Column('id', sa.Integer, primary_key=True))\n";

#[test]
fn pending_revisions_and_drift_stop_a_commit_and_files_of_others_do_not() {
    let repo = repository(&["shed-pending", "shed-check"]);
    git(&repo, "add -A && git commit -qm first --no-verify");
    // Nothing of a project's changed.
    repo.write("README.md", "more");
    git(&repo, "add -A");
    assert_eq!(outcomes(&pre_commit(&repo, &["run"]).ok().stdout), "Skipped Skipped");
    // The other project's database is behind all the same.
    repo.shed(["migrate", "one"]).any_stdout().any_stderr().ok();
    repo.write("one/note.py", "");
    git(&repo, "add -A");
    assert_eq!(outcomes(&pre_commit(&repo, &["run"]).ok().stdout), "Passed Passed");
    let said = pre_commit(&repo, &["run", "--all-files"]).fails(1).stdout;
    assert_eq!(outcomes(&said), "Failed Passed");
    assert!(said.contains("- hook id: shed-pending\n- exit code: 1\n") && said.contains("two.main"), "{said}");
    repo.shed(["migrate", "two"]).any_stdout().any_stderr().ok();
    let model = MODELS.replace("NAME", "two") + "u = sa.Table('u', metadata, sa.Column('id', sa.Integer))\n";
    repo.write("two/models.py", &model);
    git(&repo, "add -A");
    let said = pre_commit(&repo, &["run"]).fails(1).stdout;
    assert_eq!(outcomes(&said), "Passed Failed");
    assert!(said.contains("- hook id: shed-check\n- exit code: 1\n"), "{said}");
}

#[test]
fn two_heads_and_a_fork_on_another_branch_stop_a_commit() {
    let repo = repository(&["shed-heads", "shed-guard"]);
    git(&repo, "checkout -q -b trunk && git add -A && git commit -qm first --no-verify");
    git(&repo, "update-ref refs/remotes/origin/main trunk && git checkout -q -b topic");
    assert_eq!(outcomes(&pre_commit(&repo, &["run", "--all-files"]).ok().stdout), "Passed Passed");
    repo.write("one/versions/one2_.py", &revision_text("one2", "one1", "", ""));
    git(&repo, "add -A");
    assert_eq!(outcomes(&pre_commit(&repo, &["run"]).ok().stdout), "Passed Passed");
    git(&repo, "commit -qm mine --no-verify && git checkout -q trunk");
    // The other branch goes on from the same revision: each side has one head.
    repo.write("one/versions/one3_.py", &revision_text("one3", "one1", "", ""));
    git(&repo, "add -A && git commit -qm theirs --no-verify");
    git(&repo, "update-ref refs/remotes/origin/main trunk && git checkout -q topic");
    let said = pre_commit(&repo, &["run", "--all-files"]).fails(1).stdout;
    assert_eq!(outcomes(&said), "Passed Failed");
    assert!(said.contains("- hook id: shed-guard\n- exit code: 1\n") && said.contains("one: "), "{said}");
    // Both on this branch: no merge is needed for the fork.
    git(&repo, "update-ref refs/remotes/origin/main topic");
    repo.write("two/versions/two2_.py", &revision_text("two2", "two1", "", ""));
    repo.write("two/versions/two3_.py", &revision_text("two3", "two1", "", ""));
    git(&repo, "add -A");
    let said = pre_commit(&repo, &["run"]).fails(1).stdout;
    assert!(said.contains("- hook id: shed-heads\n- exit code: 1\n") && said.contains("two3"), "{said}");
}

/// Two projects, one revision each, under git, with these hooks of a repository that is shed's.
fn repository(hooks: &[&str]) -> Repo {
    let mut repo = Repo::new().file("hooks/.pre-commit-hooks.yaml", HOOKS).file(".gitignore", "/hooks\n*.db*\n.shed\n");
    git_in(&repo, &repo.path("hooks"), "init -q && git add -A && git commit -qm hooks && git tag v1");
    let mut settings = "projects:\n".to_owned();
    for name in ["one", "two"] {
        let table = format!("op.create_table('{name}', sa.Column('id', sa.Integer, primary_key=True))");
        repo = repo.file(&format!("{name}/models.py"), &MODELS.replace("NAME", name)).revision(
            &format!("{name}/versions"),
            &format!("{name}1"),
            "",
            &table,
            "pass",
        );
        settings += &format!(
            "  {name}: {{ module: {name}/models.py, db: {{ main: {{ connection: {{ db_path: {name}.db }} }} }} }}\n"
        );
    }
    let ids: String = hooks.iter().map(|id| format!("      - id: {id}\n")).collect();
    let configuration = format!("repos:\n  - repo: {}\n    rev: v1\n    hooks:\n{ids}", repo.path("hooks").display());
    let repo = repo.settings(&settings).file(".pre-commit-config.yaml", &configuration);
    git(&repo, "init -q");
    repo
}

fn pre_commit(repo: &Repo, args: &[&str]) -> Call {
    let program = environment("hooks").join("bin/pre-commit");
    let call = repo.call(program).args(args).dir(repo.path("")).env("PRE_COMMIT_HOME", repo.beside("home"));
    call.any_stdout().any_stderr()
}

/// What became of each hook.
fn outcomes(said: &str) -> String {
    let of_line = |line: &str| {
        ["Passed", "Failed", "Skipped"].into_iter().find(|word| line.ends_with(word) && line.contains("..."))
    };
    said.lines().filter_map(of_line).collect::<Vec<_>>().join(" ")
}

fn git(repo: &Repo, line: &str) {
    git_in(repo, &repo.path(""), line);
}

fn git_in(repo: &Repo, folder: &Path, line: &str) {
    let call = repo.sh(&format!("git {line}")).dir(folder);
    let named = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"];
    named.into_iter().fold(call, |call, name| call.env(name, "test")).any_stdout().any_stderr().ok();
}
