//! Several targets at once: one warm interpreter, a child for each, and none that touches another.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::call::Call;
use crate::cluster::cluster;
use crate::repo::{OLD, Repo};

const MODELS: &str = "from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\n\n\nclass Base(DeclarativeBase):\n    pass\n\n\nclass Row(Base):\n    __tablename__ = \"NAME\"\n\n    id: Mapped[int] = mapped_column(primary_key=True)\n";
const TABLE: &str = "op.create_table('NAME', sa.Column('id', sa.Integer, primary_key=True))";

/// So many projects, each with a package `app`, a table of its own name and a SQLite file; every start of Python is noted.
fn fleet(count: usize) -> Repo {
    fleet_in(Repo::new(), count)
}

fn fleet_in(repo: Repo, count: usize) -> Repo {
    let python = repo.python();
    repo.program(
        "bin/python",
        &format!("#!/bin/sh\necho started >> {:?}\nexec {python:?} \"$@\"\n", repo.path("starts")),
    );
    let names: Vec<String> = (0..count).map(|number| format!("p{number:02}")).collect();
    let projects: String = names.iter().map(|name| project(name, "")).collect();
    let mut repo = repo.settings(&format!("defaults:\n  python: bin/python\nprojects:\n{projects}"));
    for name in &names {
        repo = repo
            .file(&format!("{name}/app/__init__.py"), "")
            .file(&format!("{name}/app/models.py"), &named(MODELS, name));
        repo = repo.revision(&format!("{name}/app/versions"), "a1", "", &named(TABLE, name), "pass");
    }
    repo
}

fn project(name: &str, keys: &str) -> String {
    let db = format!("    db: {{ main: {{ type: sqlite, connection: {{ db_path: data/{name}.db }} }} }}\n");
    format!("  {name}:\n    module: {name}/app/models.py\n{keys}{db}")
}

fn named(text: &str, name: &str) -> String {
    text.replace("NAME", name)
}

/// More keys of one project.
fn keys(repo: &Repo, name: &str, keys: &str) {
    let settings = repo.read("shed.yaml").replace(&project(name, ""), &project(name, keys));
    repo.write("shed.yaml", &settings);
}

/// A line before everything else in a project's models.
fn first_line(repo: &Repo, name: &str, line: &str) {
    let path = format!("{name}/app/models.py");
    repo.write(&path, &format!("{line}\n{}", repo.read(&path)));
}

/// `p00.main 0`: each target with what became of it.
fn told(call: Call, code: i32) -> Vec<String> {
    let said = call.any_stdout().any_stderr().fails(code);
    let document: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    let results = document["results"].as_array().unwrap();
    let one = |result: &Value| {
        let code = result["error"]["code"].as_u64().unwrap_or(u64::from(result["in_order"] == false));
        format!("{} {code}", result["target"].as_str().unwrap())
    };
    results.iter().map(one).collect()
}

fn check(repo: &Repo) -> Call {
    repo.shed(["check", "--all", "--format", "json"])
}

/// How often Python was started since the last time that this was asked.
fn starts(repo: &Repo) -> usize {
    let count = repo.read("starts").lines().count();
    repo.remove("starts");
    count
}

fn migrated(count: usize) -> Repo {
    let repo = fleet(count);
    repo.shed(["-q", "migrate", "--all", "--jobs", "4"]).any_stdout().ok();
    assert_eq!(starts(&repo), 1);
    repo
}

#[test]
fn fifty_projects_with_one_module_name_are_checked_by_one_interpreter() {
    let repo = migrated(50);
    let all: Vec<String> = (0..50).map(|number| format!("p{number:02}.main 0")).collect();
    assert_eq!(told(check(&repo), 0), all);
    assert_eq!(starts(&repo), 1);
    let text = |but: &str| -> String {
        let names = (0..50).map(|number| format!("p{number:02}")).filter(|name| name != but);
        names.map(|name| format!("{name}.main:\n  a1 (head)\n")).collect()
    };
    repo.shed(["current", "--all", "--jobs", "3"]).stdout(text("none")).ok();
    keys(&repo, "p31", "    python: nowhere\n");
    repo.shed(["current", "--all"])
        .stdout(text("p31"))
        .stderr(
            "error: projects.p31.python: $REPO/nowhere is not there\n\
             help: make the environment, or name another interpreter or virtual environment\n",
        )
        .fails(3);
    assert_eq!(starts(&repo), 2);
    assert_eq!(repo.sqlite("data/p31.db").tables(), ["alembic_version", "p31"]);
}

#[test]
fn children_are_forked_with_the_oldest_alembic() {
    let repo = fleet_in(Repo::new().on(OLD), 4);
    repo.shed(["-q", "migrate", "--all", "--jobs", "2"]).any_stdout().ok();
    assert_eq!(told(check(&repo), 0), ["p00.main 0", "p01.main 0", "p02.main 0", "p03.main 0"]);
    assert_eq!(starts(&repo), 2);
}

#[test]
fn children_of_one_interpreter_reach_postgresql_and_sqlite() {
    let repo = fleet(3);
    let databases = [cluster().database(), cluster().database()];
    for (database, name) in databases.iter().zip(["p00", "p02"]) {
        let own = format!("{{ type: sqlite, connection: {{ db_path: data/{name}.db }} }}");
        let settings = repo.read("shed.yaml");
        assert!(settings.contains(&own));
        repo.write("shed.yaml", &settings.replace(&own, &database.settings()));
    }
    repo.shed(["-q", "migrate", "--all", "--jobs", "2"]).any_stdout().ok();
    assert_eq!(told(check(&repo), 0), ["p00.main 0", "p01.main 0", "p02.main 0"]);
    assert_eq!(starts(&repo), 2);
    assert_eq!(databases[1].tables(), ["alembic_version", "p02"]);
}

#[test]
fn sqlmodels_one_metadata_holds_the_tables_of_one_project_each() {
    let repo = migrated(4);
    for number in 0..4 {
        let models = "from sqlmodel import Field, SQLModel\n\n\nclass Row(SQLModel, table=True):\n    __tablename__ = \"NAME\"\n    id: int = Field(primary_key=True)\n";
        let name = format!("p{number:02}");
        repo.write(&format!("{name}/app/models.py"), &named(models, &name));
    }
    let good = ["p00.main 0", "p01.main 0", "p02.main 0", "p03.main 0"];
    assert_eq!(told(check(&repo).args(["--jobs", "1"]), 0), good);
    assert_eq!(starts(&repo), 1);
}

#[test]
fn a_project_that_crashes_exits_floods_or_hangs_touches_no_other() {
    let repo = migrated(8);
    first_line(&repo, "p01", "import os; os.abort()");
    first_line(&repo, "p02", "import os; os._exit(0)");
    first_line(&repo, "p03", "print('x' * 5_000_000)");
    first_line(&repo, "p04", "import time; time.sleep(600)");
    first_line(&repo, "p05", "import os; os.kill(os.getpid(), 9)");
    first_line(&repo, "p06", "import sys; sys.exit('over')");
    let call = check(&repo).args(["--jobs", "3", "--time-limit", "20s"]);
    let expected = [
        "p00.main 0",
        "p01.main 5",
        "p02.main 5",
        "p03.main 0",
        "p04.main 5",
        "p05.main 5",
        "p06.main 3",
        "p07.main 0",
    ];
    assert_eq!(told(call, 5), expected);
    assert_eq!(starts(&repo), 1);
    repo.shed(["check", "p04", "--time-limit", "2s"])
        .stderr("error: p04.main: it took longer than 2 s (--time-limit)\nlog: [..]\n")
        .fails(5);
}

#[test]
fn a_killed_child_is_called_killed_and_the_others_run() {
    let repo = migrated(3);
    first_line(&repo, "p01", "import os; os.kill(os.getpid(), 9)");
    repo.shed(["check", "--all", "--jobs", "1"])
        .any_stdout()
        .stderr_has("p01.main: Python was killed by signal 9, perhaps out of memory")
        .fails(5);
    assert_eq!(starts(&repo), 1);
    assert_eq!(told(check(&repo), 5), ["p00.main 0", "p01.main 5", "p02.main 0"]);
}

#[test]
fn where_the_warm_interpreter_is_killed_the_targets_to_come_start_their_own() {
    let repo = migrated(4);
    first_line(&repo, "p01", "import os, time; os.kill(os.getppid(), 9); time.sleep(600)");
    let all = ["p00.main 0", "p01.main 5", "p02.main 0", "p03.main 0"];
    assert_eq!(told(check(&repo).args(["--jobs", "1"]), 5), all);
    assert_eq!(starts(&repo), 3);
}

/// A program that stands before `bin/python` and does this where a warm interpreter is meant.
fn instead_of_the_warm_one(repo: &Repo, does: &str) {
    let python = repo.python();
    let script = format!(
        "#!/bin/sh\necho started >> {:?}\ncase \"$SHED_RUN\" in *'\"jobs\"'*) {does};; esac\nexec {python:?} \"$@\"\n",
        repo.path("starts")
    );
    repo.program("bin/python", &script);
}

#[test]
fn a_warm_interpreter_that_hangs_is_waited_for_as_long_as_a_target_may_take() {
    let repo = migrated(3);
    instead_of_the_warm_one(&repo, &format!("echo $$ > {:?}; exec sleep 600", repo.path("sleeper")));
    let call = check(&repo).args(["--jobs", "1", "--time-limit", "20s"]);
    assert_eq!(told(call, 5), ["p00.main 5", "p01.main 0", "p02.main 0"]);
    assert_eq!(starts(&repo), 3);
    assert!(!std::path::Path::new("/proc").join(repo.read("sleeper").trim()).exists());
}

#[test]
fn a_warm_interpreter_that_does_not_come_up_is_done_without() {
    let repo = migrated(3);
    instead_of_the_warm_one(&repo, "exit 7");
    assert_eq!(told(check(&repo).args(["--jobs", "1"]), 0), ["p00.main 0", "p01.main 0", "p02.main 0"]);
    assert_eq!(starts(&repo), 4);
}

#[test]
fn a_missing_interpreter_is_reported_and_the_others_run() {
    let repo = migrated(3);
    keys(&repo, "p01", "    python: nowhere\n");
    first_line(&repo, "p02", "class Base: pass\n");
    repo.write("p02/app/models.py", &repo.read("p02/app/models.py").replace("\"p02\"", "\"drifted\""));
    assert_eq!(told(check(&repo), 3), ["p00.main 0", "p01.main 3", "p02.main 1"]);
}

#[test]
fn every_child_has_its_own_folder_and_variables_and_nothing_of_another_s() {
    let repo = migrated(4);
    let show =
        "import os; print(os.getcwd(), os.environ.get('MINE'), os.environ.get('OTHER'), os.environ.get('SHED_RUN'))";
    for (name, lines) in [
        ("p00", "    env: { MINE: zero }\n"),
        ("p01", "    env: { OTHER: one }\n    cwd: p01\n"),
        ("p02", "    env: { PYTHONOPTIMIZE: \"1\", MINE: two }\n"),
        ("p03", ""),
    ] {
        keys(&repo, name, lines);
        first_line(&repo, name, show);
    }
    first_line(&repo, "p02", "print(__debug__)");
    repo.shed(["check", "--all"])
        .stdout(
            "p00.main:\n  $REPO zero None None\n  No new upgrade operations detected.\n\
             p01.main:\n  $REPO/p01 None one None\n  No new upgrade operations detected.\n\
             p02.main:\n  False\n  $REPO two None None\n  No new upgrade operations detected.\n\
             p03.main:\n  $REPO None None None\n  No new upgrade operations detected.\n",
        )
        .ok();
    // What is read at the start of Python cannot be given to a child.
    assert_eq!(starts(&repo), 2);
}

#[test]
fn a_project_with_a_module_of_a_library_s_name_gets_its_own() {
    let repo = migrated(3);
    first_line(&repo, "p00", "import sqlmodel; print(sqlmodel.__name__)");
    for name in ["p01", "p02"] {
        keys(&repo, name, &format!("    pythonpath: [{name}]\n"));
        repo.write(&format!("{name}/sqlmodel.py"), "whose = 'ours'\n");
        first_line(&repo, name, "import sqlmodel; print(sqlmodel.whose)");
    }
    repo.shed(["check", "--all", "--jobs", "1"])
        .stdout(
            "p00.main:\n  sqlmodel\n  No new upgrade operations detected.\n\
             p01.main:\n  ours\n  No new upgrade operations detected.\n\
             p02.main:\n  ours\n  No new upgrade operations detected.\n",
        )
        .ok();
}

#[test]
fn what_is_said_comes_in_the_order_of_the_settings_whatever_finishes_first() {
    let repo = fleet(4);
    for (name, seconds) in [("p00", 1.5), ("p01", 1.0), ("p02", 0.5)] {
        first_line(&repo, name, &format!("import sys, time; time.sleep({seconds}); print('{name}', file=sys.stderr)"));
    }
    let lines = |name: &str, word: &str| {
        format!(
            "{name}.main: sqlite $REPO/data/{name}.db\n{word}{name}.main: upgraded to a1, a1\n{name}.main: now at a1 (head)\n"
        )
    };
    let expected =
        [("p00", "p00\n"), ("p01", "p01\n"), ("p02", "p02\n"), ("p03", "")].map(|(name, word)| lines(name, word));
    repo.shed(["migrate", "--all", "--jobs", "4"])
        .stdout("p00.main:\np01.main:\np02.main:\np03.main:\n")
        .stderr(expected.concat())
        .ok();
}

/// What a terminal shows in the end, line by line.
fn left_on_screen(shown: &str) -> Vec<String> {
    let (mut lines, mut row, mut column) = (vec![String::new()], 0, 0);
    let mut rest = shown.chars();
    while let Some(one) = rest.next() {
        match one {
            '\r' => column = 0,
            '\n' => {
                (row, column) = (row + 1, 0);
                lines.resize(lines.len().max(row + 1), String::new());
            }
            '\u{1b}' => {
                let code: String = rest.by_ref().skip(1).take_while(|letter| !letter.is_ascii_alphabetic()).collect();
                // The letter itself is taken along: a number is `A`, upwards; nothing is `K` or `J`, away with the rest.
                match code.parse::<usize>() {
                    Ok(up) => row -= up,
                    Err(_) => {
                        lines[row].truncate(column);
                        lines.truncate(row + 1);
                    }
                }
            }
            _ => {
                lines[row].truncate(column);
                lines[row].push(one);
                column += 1;
            }
        }
    }
    lines
}

#[test]
fn status_asks_one_interpreter_for_all_revisions_that_only_python_can_read() {
    let repo = migrated(5);
    for number in 0..5 {
        let path = format!("p0{number}/app/versions/a1_.py");
        repo.write(&path, &repo.read(&path).replace("'a1'", "'a' + '1'").replace("\"a1\"", "'a' + '1'"));
    }
    let rows: String = (0..5).map(|number| format!("p0{number}.main  a1       a1          0\n")).collect();
    repo.shed(["status", "--all"]).stdout(format!("target    current  head  pending\n{rows}0 of 5 behind\n")).ok();
    assert_eq!(starts(&repo), 2);
}

#[test]
fn a_target_that_is_named_twice_runs_once() {
    let repo = migrated(3);
    let files = ["models.py", "models.py", "__init__.py"].map(|file| repo.path(&format!("p01/app/{file}")));
    let call = repo.shed(["check", "--offline", "--no-cache", "--format", "json"]).args(files);
    assert_eq!(told(call, 0), ["p01.main 0"]);
    assert_eq!(starts(&repo), 1);
    repo.shed(["heads", "p01", "p00", "p01"]).stdout("p01:\n  a1 (head)\np00:\n  a1 (head)\n").ok();
}

#[test]
fn on_a_terminal_every_running_target_has_a_line_that_is_gone_at_the_end() {
    let repo = fleet(3);
    let slow = |path: &str, before: &str| {
        repo.write(path, &repo.read(path).replacen(before, &format!("import time; time.sleep(2); {before}"), 1));
    };
    slow("p01/app/versions/a1_.py", "op.create");
    let shown = repo.shed_on_terminal(["migrate", "--all"], &[]).any_stdout().ok().stdout;
    assert!(shown.contains("p01.main: upgrading to a1\n1 of 3 done"), "{shown}");
    let told = (0..3).map(|number| {
        let name = format!("p0{number}.main");
        format!("{name}: sqlite $REPO/data/p0{number}.db\n{name}: upgraded to a1, a1\n{name}: now at a1 (head)\n")
    });
    let left: Vec<String> = left_on_screen(&shown);
    // How long the slow one took.
    let left: Vec<&str> = left
        .iter()
        .map(|line| line.split_once(", a1 (").map_or(line.as_str(), |_| "p01.main: upgraded to a1, a1"))
        .collect();
    assert_eq!(left.join("\n"), format!("{}p00.main:\np01.main:\np02.main:\n", told.collect::<String>()));
    slow("p01/app/models.py", "from");
    for call in [repo.shed(["check", "--all"]), repo.shed_on_terminal(["check", "--all", "-q"], &[])] {
        let said = call.any_stdout().ok();
        assert!(!said.stdout.contains("done"), "{said:?}");
    }
}

#[test]
fn writing_stops_at_the_first_failure_unless_it_is_to_go_on() {
    let repo = fleet(4);
    repo.write("p01/app/versions/a1_.py", "this is not Python");
    let done =
        || (0..4).map(|number| repo.sqlite(&format!("data/p0{number}.db")).revisions().len()).collect::<Vec<_>>();
    repo.shed(["migrate", "--all"]).any_stdout().any_stderr().fails(2);
    assert_eq!(done(), [1, 0, 0, 0]);
    repo.shed(["migrate", "--all", "--keep-going", "--jobs", "2"]).any_stdout().any_stderr().fails(2);
    assert_eq!(done(), [1, 0, 1, 1]);
    let heads = ["heads", "--all", "--format", "json", "--jobs", "1", "--fail-fast"];
    assert_eq!(told(repo.shed(heads), 2), ["p00 0", "p01 2"]);
}

#[test]
fn the_shards_together_are_all_targets_once() {
    let repo = migrated(5);
    let shard = |shard: &str| told(check(&repo).args(["--shard", shard]), 0);
    assert_eq!(shard("1/3"), ["p00.main 0", "p03.main 0"]);
    assert_eq!(shard("2/3"), ["p01.main 0", "p04.main 0"]);
    assert_eq!(shard("3/3"), ["p02.main 0"]);
    assert_eq!(shard("9/9"), [""; 0]);
    repo.shed(["status", "--all", "--shard", "3/3"])
        .stdout("target    current  head  pending\np02.main  a1       a1          0\n0 of 1 behind\n")
        .stderr("shard 3/3: 1 of 5 targets\n")
        .ok();
    for (shard, words) in [
        ("0/3", "of 3 shares there are 1/3 to 3/3"),
        ("4/3", "of 3 shares there are 1/3 to 3/3"),
        ("x", "a share is written I/N, as 1/4"),
    ] {
        repo.shed(["check", "--all", "--shard", shard]).stderr_has(words).fails(2);
    }
}

#[test]
fn an_interruption_ends_every_child() {
    let repo = migrated(4);
    for name in ["p00", "p01", "p02", "p03"] {
        first_line(
            &repo,
            name,
            &format!(
                "import os, time; open({:?}, 'w').write(str(os.getpid())); time.sleep(600)",
                repo.path(&format!("pid-{name}"))
            ),
        );
    }
    let mut call = repo.shed(["check", "--all", "--jobs", "2"]);
    let child = call.start();
    let pid = |name: &str| {
        repo.path(&format!("pid-{name}"))
            .exists()
            .then(|| repo.read(&format!("pid-{name}")))
            .filter(|pid| !pid.is_empty())
    };
    let until = Instant::now() + Duration::from_secs(60);
    while pid("p00").is_none() || pid("p01").is_none() {
        assert!(Instant::now() < until, "the checks did not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let said = call.finish(child);
    assert_eq!((said.code, said.stdout.as_str()), (130, ""), "{said:?}");
    for name in ["p00", "p01"] {
        assert!(!std::path::Path::new("/proc").join(pid(name).unwrap()).exists());
    }
    assert_eq!((pid("p02"), pid("p03")), (None, None));
}
