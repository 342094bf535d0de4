//! The example and the README: everything that they tell people to type is run.

use std::path::Path;

use crate::call::{Call, matches};
use crate::repo::{Repo, copy_tree, environment};

#[test]
fn the_example_s_run_shows_everything_and_names_its_files() {
    let repo = Repo::new();
    let run = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/monorepo/run.sh");
    let said = repo
        .call(run)
        .env("SHED", env!("CARGO_BIN_EXE_shed"))
        .env("TMPDIR", repo.path(""))
        .env("SHED_TEST_PG_BIN", crate::cluster::programs())
        .any_stdout()
        .any_stderr()
        .ok();
    let (_, files) = said.stdout.split_once("### Files made in ").unwrap();
    let count = |kind: &str| files.lines().filter(|line| line.starts_with(kind)).count();
    assert_eq!((count("revision"), count("SQLite file")), (6, 3), "{files}");
    assert!(said.stdout.contains("### ledger.staging: the same revisions on another engine"), "{}", said.stdout);
}

#[test]
fn every_target_of_the_example_s_makefile_works() {
    let repo = example();
    for project in ["billing.local", "catalog.local", "ledger.local"] {
        let project = format!("PROJECT={project}");
        in_example(
            &repo,
            repo.call("make").args(["revision", &project, "MESSAGE=first tables"]).any_stdout().any_stderr(),
        )
        .ok();
    }
    in_example(&repo, repo.call("make").arg("pending").any_stdout().any_stderr()).fails(2);
    for target in ["migrate", "pending", "drift", "check", "current", "heads"] {
        in_example(&repo, repo.call("make").arg(target).any_stdout().any_stderr()).ok();
    }
    let current = "billing.local:\n  [..] (head)\ncatalog.local:\n  [..] (head)\nledger.local:\n  [..] (head)\n";
    in_example(&repo, repo.call("make").arg("current").stdout(current).any_stderr()).ok();
}

#[test]
fn every_hook_of_the_example_s_pre_commit_configuration_works() {
    let repo = example();
    for project in ["billing.local", "catalog.local", "ledger.local"] {
        in_example(
            &repo,
            repo.shed(["revision", project, "--autogenerate", "-m", "first tables"]).any_stdout().any_stderr(),
        )
        .ok();
    }
    let hooks = hooks(&repo.read(".pre-commit-config.yaml"));
    assert_eq!(hooks.len(), 3);
    for entry in &hooks {
        in_example(&repo, repo.sh(entry).any_stdout().any_stderr()).ok();
    }
    repo.write(
        "services/billing/models.py",
        &(repo.read("services/billing/models.py") + "    note: str | None = None\n"),
    );
    in_example(&repo, repo.sh(&hooks[2]).any_stdout().any_stderr()).fails(1);
}

/// The `entry` lines of a pre-commit configuration.
fn hooks(configuration: &str) -> Vec<String> {
    configuration.lines().filter_map(|line| line.trim().strip_prefix("entry: ")).map(str::to_owned).collect()
}

/// A block of the README after the line `<!-- tested -->`: its commands run one after the other in a copy of the example.
#[test]
fn the_commands_of_the_readme_that_are_marked_as_tested_say_what_it_says() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap_or_default();
    let repo = example();
    each_says_what_the_readme_says(&repo, &tested_commands(&readme, "tested"));
}

#[test]
fn the_commands_of_the_readme_about_sql_files_say_what_it_says() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap_or_default();
    let commands = tested_commands(&readme, "tested: sql");
    assert!(!commands.is_empty());
    each_says_what_the_readme_says(&example_in("sql"), &commands);
}

fn each_says_what_the_readme_says(repo: &Repo, commands: &[(String, String)]) {
    for (command, expected) in commands {
        let said = in_example(repo, repo.sh(&format!("{command} 2>&1"))).run();
        assert!(
            expected.is_empty() || matches(expected, &said.stdout),
            "$ {command}\n{}--- but the README says\n{expected}",
            said.stdout
        );
    }
}

#[test]
fn commands_are_read_from_marked_blocks_alone() {
    let text = "```console\n$ no\n```\n<!-- tested -->\n```console\n$ shed heads\na (head)\n$ shed check\n```\n$ no\n";
    let expected = [("shed heads".to_owned(), "a (head)\n".to_owned()), ("shed check".to_owned(), String::new())];
    assert_eq!(tested_commands(text, "tested"), expected);
}

/// Each command of the marked blocks with the lines that it is said to print.
fn tested_commands(text: &str, mark: &str) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    for block in text.split(&format!("<!-- {mark} -->\n```console\n")).skip(1) {
        for line in block.split("```").next().unwrap().lines() {
            match (line.strip_prefix("$ "), commands.last_mut()) {
                (Some(command), _) => commands.push((command.to_owned(), String::new())),
                (None, Some((_, said))) => *said += &format!("{line}\n"),
                (None, None) => panic!("a tested block begins with a command, not with {line}"),
            }
        }
    }
    commands
}

/// A copy of the example, with an environment.
fn example() -> Repo {
    example_in("monorepo")
}

fn example_in(name: &str) -> Repo {
    let repo = Repo::new();
    copy_tree(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name), &repo.path(""));
    std::os::unix::fs::symlink(environment("new"), repo.path(".venv")).unwrap();
    repo
}

/// In the copy's folder, as a person would be, so that shed.yaml is found from there.
fn in_example(repo: &Repo, call: Call) -> Call {
    call.env_remove("SHED_SETTINGS").env_remove("VIRTUAL_ENV").dir(repo.path(""))
}
