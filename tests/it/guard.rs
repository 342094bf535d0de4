//! `guard`: two heads that only a merge will make are told of before it.

use std::path::Path;

use serde_json::{Value, json};

use crate::call::path_with;
use crate::repo::{Repo, revision_text};

const SETTINGS: &str = "projects:\n  app:\n    versions: app/versions\n    python: no/such/python\n    db:\n      main: { type: sqlite, connection: { db_path: app.db } }\n";

/// A repository of git with one revision on `main`, and `topic` checked out.
fn repository() -> Repo {
    let repo = Repo::new().settings(SETTINGS).revision("app/versions", "a1", "", "", "");
    git(&repo, "init -q -b main && git add -A && git commit -q -m first && git checkout -q -b topic");
    repo
}

fn git(repo: &Repo, line: &str) {
    let who = ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"];
    let call = repo.sh(&format!("git {line}")).dir(repo.path("")).any_stdout().any_stderr();
    who.into_iter().fold(call, |call, name| call.env(name, "somebody")).ok();
}

/// Commits what `change` does on a branch, and goes back to `topic`.
fn on(repo: &Repo, branch: &str, change: impl Fn(&Repo)) {
    git(repo, &format!("checkout -q {branch}"));
    change(repo);
    git(repo, "add -A && git commit -q -m change && git checkout -q topic");
}

fn add(repo: &Repo, id: &str, after: &str) {
    repo.write(&format!("app/versions/{id}_.py"), &revision_text(id, after, "", ""));
}

#[test]
fn a_fork_that_a_merge_will_make_is_told_of_and_nothing_is_touched() {
    let repo = repository();
    on(&repo, "main", |repo| add(repo, "m2", "a1"));
    add(&repo, "t2", "a1");
    git(&repo, "add -A");
    repo.write("app/versions/left_.py", "not staged\n");
    let state = || {
        (
            repo.call("git").args(["status", "--porcelain"]).dir(repo.path("")).any_stdout().ok().stdout,
            std::fs::read(repo.path(".git/index")).unwrap(),
        )
    };
    let before = state();
    repo.shed(["guard", "--against", "main"])
        .stdout(
            "app: after the merge with main: a fork: t2, m2 (rebase one of them, or shed merge app after the merge)\n",
        )
        .fails(1);
    assert_eq!(state(), before);
    let said = repo.shed(["guard", "--against", "main", "--format", "json"]).any_stdout().fails(1);
    assert_eq!(
        serde_json::from_str::<Value>(&said.stdout).unwrap(),
        json!({"against": "main", "projects": [{"project": "app", "heads": ["m2", "t2"], "fork": ["t2", "m2"], "broken": null, "unread": null}]})
    );
}

#[test]
fn a_merge_that_leaves_one_head_is_good() {
    let repo = repository();
    repo.shed(["guard", "--against", "main"]).stdout("app: after the merge with main: one head, a1\n").ok();
    on(&repo, "main", |repo| add(repo, "m2", "a1"));
    repo.shed(["guard", "--against", "main"]).stdout("app: after the merge with main: one head, m2\n").ok();
    git(&repo, "merge -q main");
    on(&repo, "topic", |repo| add(repo, "t3", "m2"));
    repo.shed(["guard", "--against", "main"]).stdout("app: after the merge with main: one head, t3\n").ok();
    // A merge revision of ours takes in what is theirs.
    on(&repo, "main", |repo| repo.remove("app/versions/m2_.py"));
    repo.shed(["guard", "--against", "main"])
        .stdout("app: after the merge with main: broken: m2, the parent of t3, is not there\n")
        .fails(1);
}

#[test]
fn heads_that_were_there_before_are_no_fork() {
    let repo = repository();
    on(&repo, "main", |repo| add(repo, "other", ""));
    git(&repo, "merge -q main");
    on(&repo, "topic", |repo| add(repo, "t2", "a1"));
    on(&repo, "main", |repo| add(repo, "other2", "other"));
    repo.shed(["guard", "--against", "main"])
        .stdout("app: after the merge with main: 2 heads, as before: other2, t2\n")
        .ok();
    // Ours joins what theirs goes on from.
    let merge = revision_text("t3", "", "", "").replace("None", "('t2', 'other')");
    on(&repo, "topic", |repo| repo.write("app/versions/t3_.py", &merge));
    repo.shed(["guard", "--against", "main"]).stdout_has("a fork: t3, other2").fails(1);
}

#[test]
fn a_file_that_both_sides_changed_or_that_was_moved_counts_once() {
    let repo = repository();
    on(&repo, "main", |repo| repo.write("app/versions/a1_.py", &revision_text("a1", "", "x = 1", "")));
    on(&repo, "topic", |repo| repo.write("app/versions/a1_.py", &revision_text("a1", "", "x = 2", "")));
    repo.shed(["guard", "--against", "main"]).stdout("app: after the merge with main: one head, a1\n").ok();
    let repo = repository();
    on(&repo, "main", |repo| repo.write("app/versions/a1_.py", &revision_text("a1", "", "x = 1", "")));
    git(&repo, "mv app/versions/a1_.py app/versions/a1_first.py");
    repo.shed(["guard", "--against", "main"]).stdout("app: after the merge with main: one head, a1\n").ok();
}

#[test]
fn what_git_lacks_is_said_with_the_next_step() {
    let repo = repository();
    repo.shed(["guard"]).stderr_has("there is no `origin/main`").stderr_has("git fetch").fails(2);
    git(&repo, "checkout -q --orphan alone && git commit -q -m alone");
    repo.shed(["guard", "--against", "main"])
        .stderr_has("HEAD and `main` have no commit in common")
        .stderr_has("git fetch --unshallow")
        .fails(2);
    git(&repo, "checkout -q --orphan empty");
    repo.shed(["guard", "--against", "main"]).stderr_has("there is no commit yet").fails(2);
}

#[test]
fn without_git_guard_says_so_and_the_other_checks_go_on() {
    let repo = repository();
    let nowhere = path_with(&[]).into_string().unwrap();
    let without =
        nowhere.split(':').filter(|folder| !Path::new(folder).join("git").exists()).collect::<Vec<_>>().join(":");
    let shed = |args: &[&str]| repo.shed(args).env("PATH", &without);
    let others = || {
        shed(&["heads", "--strict"]).stdout("a1 (head)\n").ok();
        shed(&["status", "--exit-code"]).stdout("[ ] a1  a1 (head)\n0 applied, 1 pending\n").fails(1);
        shed(&["history"]).stdout("<base> -> a1 (head), a1\n").ok();
    };
    shed(&["guard", "--against", "main"])
        .stderr("error: git is not on PATH\nhelp: install git: the other side of the merge is read from it\n")
        .fails(3);
    let said = shed(&["guard", "--against", "main", "--format", "json"]).any_stdout().any_stderr().fails(3);
    assert_eq!(serde_json::from_str::<Value>(&said.stdout).unwrap()["error"]["code"], 3);
    others();
    // Nor is there anything to read where nothing is a repository, as in a container's copy of one.
    std::fs::remove_dir_all(repo.path(".git")).unwrap();
    repo.shed(["guard", "--against", "main"])
        .stderr_has("error: $REPO/app/versions lies in no git repository\n")
        .stderr_has("help: `guard` compares with another branch of the same repository\n")
        .fails(3);
    others();
    add(&repo, "b1", "");
    shed(&["heads", "--strict"]).any_stdout().any_stderr().fails(1);
}

#[test]
fn a_shallow_clone_says_how_to_fetch_more() {
    let repo = repository();
    on(&repo, "main", |repo| add(repo, "m2", "a1"));
    on(&repo, "topic", |repo| add(repo, "t2", "a1"));
    let line = "git clone -q --depth 1 --no-single-branch \"file://$PWD\" shallow && cp shed.yaml shallow/";
    repo.sh(line).dir(repo.path("")).any_stdout().any_stderr().ok();
    let guard = || repo.shed(["guard", "--settings"]).args([repo.path("shallow/shed.yaml")]);
    guard().stderr_has("HEAD and `origin/main` have no commit in common").stderr_has("git fetch --unshallow").fails(2);
    repo.sh("git fetch -q --unshallow").dir(repo.path("shallow")).any_stderr().ok();
    guard().stdout_has("a fork: t2, m2").fails(1);
}

/// `app` of [`SETTINGS`], and `other` beside it.
fn with_another() -> Repo {
    let repo = repository();
    let other = SETTINGS.trim_start_matches("projects:\n").replace("app", "other");
    repo.write("shed.yaml", &format!("{SETTINGS}{other}"));
    repo.write("other/versions/o1_.py", &revision_text("o1", "", "", ""));
    git(&repo, "add -A && git commit -q -m second && git checkout -q -B main && git checkout -q topic");
    repo
}

#[test]
fn revisions_that_only_python_can_tell_are_named_and_the_other_projects_are_judged() {
    let repo = with_another();
    let said = |side: &str, line: &str| {
        format!(
            "app: after the merge with main: it cannot be told: {side}, app/versions/m2_.py:{line}; write `revision`, \
             `down_revision`, `branch_labels` and `depends_on` as plain texts there\n\
             other: after the merge with main: one head, o1\n"
        )
    };
    let computed = "import x\n\nrevision = 'm' + '2'\ndown_revision = 'a1'\n";
    repo.write("app/versions/m2_.py", computed);
    git(&repo, "add -A");
    repo.shed(["guard", "--against", "main"]).stdout(said("here", "3: `revision` is computed")).fails(2);
    repo.write("app/versions/m2_.py", "revision = 'm2'\ndown_revision = 'a1'\ndef upgrade(:\n    pass\n");
    git(&repo, "add -A");
    repo.shed(["guard", "--against", "main"])
        .stdout(said("here", "3: it is not Python, or not of every version"))
        .fails(2);
    git(&repo, "rm -q -f app/versions/m2_.py");
    on(&repo, "main", |repo| repo.write("app/versions/m2_.py", computed));
    repo.shed(["guard", "--against", "main"]).stdout(said("in main", "3: `revision` is computed")).fails(2);
}

#[test]
fn files_choose_the_projects_that_are_judged() {
    let repo = with_another();
    on(&repo, "main", |repo| add(repo, "m2", "a1"));
    add(&repo, "t2", "a1");
    git(&repo, "add -A");
    let guard = |files: &[&str]| repo.shed(["guard", "--against", "main"]).args(files).dir(repo.path(""));
    let fork =
        "app: after the merge with main: a fork: t2, m2 (rebase one of them, or shed merge app after the merge)\n";
    let good = "other: after the merge with main: one head, o1\n";
    guard(&["other/versions/o1_.py"]).stdout(good).ok();
    guard(&["app/versions/t2_.py", "docs/README.md"]).stdout(fork).fails(1);
    guard(&["app/versions/removed_.py", "other/versions/o1_.py"]).stdout(format!("{fork}{good}")).fails(1);
    guard(&["shed.yaml"]).stdout(format!("{fork}{good}")).fails(1);
    guard(&["docs/README.md"]).stderr("no project is affected by these files; nothing was looked at\n").ok();
}

#[test]
fn sql_files_of_one_version_on_both_sides_are_told_of() {
    let repo = Repo::new().settings(
        "projects:\n  app:\n    format: sql\n    db:\n      main: { type: sqlite, connection: { db_path: app.db } }\n",
    );
    let add =
        |repo: &Repo, name: &str| repo.write(&format!("migrations/{name}.sql"), "-- migrate:up\n-- migrate:down\n");
    add(&repo, "1_first");
    git(&repo, "init -q -b main && git add -A && git commit -q -m first && git checkout -q -b topic");
    on(&repo, "main", |repo| add(repo, "3_theirs"));
    add(&repo, "2_ours");
    git(&repo, "add -A");
    repo.shed(["guard", "--against", "main"]).stdout("app: after the merge with main: one head, 3\n").ok();
    add(&repo, "3_ours");
    git(&repo, "add -A");
    repo.shed(["guard", "--against", "main"])
        .stdout("app: after the merge with main: broken: two files have the version 3: migrations/3_ours.sql and migrations/3_theirs.sql\n")
        .fails(1);
    repo.shed(["guard", "--against", "nowhere"]).stderr_has("nowhere").any_stdout().fails(2);
}
