//! What plain Alembic does must be what shed does, row by row, except where shed's exit codes and streams differ on purpose.

use crate::app::App;

#[test]
fn a_command_line_that_is_none_is_exit_2() {
    let app = App::sqlite();
    app.shed::<&str>([]).stderr_has("Usage").fails(2);
    app.shed(["nonsense"]).stderr_has("nonsense").fails(2);
    app.shed(["downgrade"]).stderr_has("revision").fails(2);
}

#[test]
fn without_revisions_there_are_no_heads_and_nothing_to_do() {
    for app in App::everywhere().map(App::without_revisions) {
        app.shed(["heads"]).ok();
        app.shed(["history"]).ok();
        app.shed(["branches"]).ok();
        app.shed(["migrate"]).any_stderr().ok();
        assert_eq!(app.db.revisions(), [""; 0]);
    }
}

#[test]
fn current_on_a_missing_sqlite_file_says_so_and_creates_nothing() {
    for app in App::on_both_alembics() {
        app.shed(["current"]).stderr_has("data/app.db").ok();
        assert!(!app.path("data").exists());
    }
}

#[test]
fn check_says_yes_no_or_not_up_to_date() {
    for app in App::everywhere() {
        app.shed(["check"]).stderr_has("Target database is not up to date").fails(1);
        let app = app.migrated("head");
        app.shed(["check"]).stdout("No new upgrade operations detected.\n").any_stderr().ok();
        app.drift();
        app.shed(["check"]).stdout("add table toy\n").stderr_has("New upgrade operations detected").fails(1);
    }
}

#[test]
fn current_check_heads_says_no_when_behind() {
    let app = App::sqlite().migrated("a2");
    app.shed(["current", "--check-heads"]).any_stdout().stderr_has("Database is not on all head revisions").fails(1);
    app.migrated("head").shed(["current", "--check-heads"]).stdout("a3 (head)\n").any_stderr().ok();
}

#[test]
fn autogenerate_behind_the_head_is_refused_and_writes_nothing() {
    for app in App::everywhere() {
        app.shed(["migrate", "a2"]).any_stderr().ok();
        let before = app.files("app/versions");
        app.shed(["revision", "--autogenerate", "-m", "x"]).stderr_has("Target database is not up to date").fails(2);
        assert_eq!(app.files("app/versions"), before);
    }
}

#[test]
fn a_revision_with_two_heads_or_a_bad_id_is_refused() {
    for app in App::on_both_alembics() {
        app.shed(["revision", "-m", "x", "--rev-id", "ab-c"]).stderr_has("ab-c").fails(2);
        let app = app.two_heads();
        app.shed(["revision", "-m", "x"]).stderr_has("Multiple heads are present").fails(2);
        assert_eq!(app.files("app/versions"), ["a1_.py", "a2_.py", "a3_.py", "b1_.py"]);
    }
}

#[test]
fn an_upgrade_that_alembic_refuses_is_exit_2_and_changes_nothing() {
    for app in App::everywhere() {
        let app = app.migrated("a1");
        app.shed(["migrate", "--revision", "nope"]).stderr_has("Can't locate revision identified by 'nope'").fails(2);
        app.shed(["upgrade", "+5"]).stderr_has("Relative revision +5 didn't produce 5 migrations").fails(2);
        app.shed(["downgrade", "-2", "--yes"]).stderr_has("Relative revision -2 didn't produce 2 migrations").fails(2);
        let app = app.two_heads();
        app.shed(["upgrade", "head"]).stderr_has("Multiple head revisions are present").fails(2);
        assert_eq!(app.db.revisions(), ["a1"]);
    }
}

#[test]
fn two_heads_are_upgraded_as_heads_and_merged() {
    for app in App::everywhere().map(App::two_heads) {
        app.shed(["heads"]).stdout("a3 (head)\nb1 (head)\n").ok();
        app.shed(["branches"]).stdout("a2 (branchpoint)\n[..]-> [..] (head)\n[..]-> [..] (head)\n...\n").ok();
        app.shed(["upgrade", "heads"]).any_stderr().ok();
        assert_eq!(app.db.revisions(), ["a3", "b1"]);
        app.shed(["merge", "-m", "both", "--rev-id", "m1", "heads"]).any_stdout().any_stderr().ok();
        app.shed(["heads"]).stdout("m1 (head)\n").ok();
        app.shed(["migrate"]).any_stderr().ok();
        assert_eq!(app.db.revisions(), ["m1"]);
    }
}

#[test]
fn a_branch_is_upgraded_by_its_label() {
    let app = App::sqlite();
    app.shed(["revision", "-m", "side", "--rev-id", "c1", "--head", "base", "--branch-label", "side"])
        .any_stdout()
        .any_stderr()
        .ok();
    app.shed(["upgrade", "side@head"]).any_stderr().ok();
    assert_eq!(app.db.revisions(), ["c1"]);
    app.shed(["revision", "-m", "more", "--rev-id", "c2", "--head", "side@head"]).any_stdout().any_stderr().ok();
    app.shed(["upgrade", "side@head"]).any_stderr().ok();
    assert_eq!(app.db.revisions(), ["c2"]);
}

#[test]
fn sql_is_written_for_a_range_without_a_database() {
    for app in App::everywhere() {
        app.shed(["upgrade", "base:head", "--sql"])
            .stdout_has("CREATE TABLE person")
            .stdout_has("'a3'")
            .any_stderr()
            .ok();
        app.shed(["downgrade", "head:base", "--sql"]).stdout_has("DROP TABLE person").any_stderr().ok();
        app.shed(["stamp", "head", "--sql"]).stdout_has("'a3'").any_stderr().ok();
        for revision in ["head", "-1", "base"] {
            app.shed(["downgrade", revision, "--sql"])
                .stderr_has("downgrade with --sql requires <fromrev>:<torev>")
                .fails(2);
        }
        app.shed(["upgrade", "base:head"]).stderr_has("Range revision not allowed").fails(2);
        assert_eq!(app.db.tables(), [""; 0]);
    }
}

#[test]
fn stamping_moves_the_version_alone() {
    for app in App::everywhere() {
        app.shed(["ensure-version"]).any_stderr().ok();
        assert_eq!(app.db.tables(), ["alembic_version"]);
        app.shed(["stamp", "head"]).any_stderr().ok();
        assert_eq!((app.db.revisions(), app.db.tables()), (vec!["a3".into()], vec!["alembic_version".into()]));
        app.shed(["stamp", "base"]).any_stderr().ok();
        assert_eq!(app.db.revisions(), [""; 0]);
        app.db.execute("insert into alembic_version values ('gone')");
        app.shed(["current"]).stderr_has("gone").fails(2);
        app.shed(["stamp", "--purge", "app.main", "head"]).any_stderr().ok();
        assert_eq!(app.db.revisions(), ["a3"]);
    }
}

#[test]
fn history_and_show_need_neither_models_nor_server() {
    for app in App::on_both_alembics() {
        app.write("app/models.py", "this is not Python");
        app.shed(["heads"]).stdout("a3 (head)\n").ok();
        app.shed(["history"]).stdout("a2 -> a3 (head), a3\na1 -> a2, a2\n<base> -> a1, a1\n").ok();
        app.shed(["history", "-r", "a1:a2"]).stdout("a1 -> a2, a2\n<base> -> a1, a1\n").ok();
        app.shed(["show", "head"]).stdout_has("Rev: a3 (head)\nParent: a2\nPath: $REPO/app/versions/a3_.py\n").ok();
        app.shed(["heads", "-v"]).stdout_has("Rev: a3 (head)\nParent: a2\n").ok();
        app.shed(["revision", "-m", "by hand", "--rev-id", "a4"]).any_stdout().any_stderr().ok();
        app.shed(["heads"]).stdout("a4 (head)\n").ok();
        assert!(!app.path("data").exists());
    }
}

#[test]
fn reading_never_creates_the_version_table() {
    for app in App::everywhere() {
        app.db.execute("create table mine (id integer)");
        app.shed(["current"]).any_stderr().ok();
        app.shed(["history", "-i"]).any_stdout().any_stderr().ok();
        app.shed(["history", "-r", "base:head", "-i"]).any_stdout().any_stderr().ok();
        app.shed(["show", "current"]).any_stdout().any_stderr().run();
        app.shed(["check"]).any_stdout().any_stderr().fails(1);
        app.shed(["migrate", "--dry-run"]).any_stdout().any_stderr().ok();
        assert_eq!(app.db.tables(), ["mine"]);
    }
}

#[test]
fn history_marks_where_the_database_is() {
    for app in App::everywhere() {
        let app = app.migrated("a2");
        app.shed(["history", "-i"])
            .stdout("a2 -> a3 (head), a3\na1 -> a2 (current), a2\n<base> -> a1, a1\n")
            .any_stderr()
            .ok();
        app.shed(["show", "current"]).stdout_has("Rev: a2\n").any_stderr().ok();
    }
}

#[test]
fn quiet_mutes_progress_never_the_result() {
    let app = App::sqlite();
    app.shed(["-q", "migrate"]).ok();
    app.shed(["-q", "current"]).stdout("a3 (head)\n").ok();
}

#[test]
fn list_templates_and_alembics_own_spellings() {
    for app in App::on_both_alembics() {
        app.shed(["list-templates"]).stdout_has("generic").ok();
        app.shed(["list_templates"]).stdout_has("generic").ok();
        app.shed(["ensure_version"]).any_stderr().ok();
        assert_eq!(app.db.tables(), ["alembic_version"]);
    }
}

#[test]
fn a_downgrade_off_the_terminal_needs_yes() {
    for app in App::everywhere() {
        let app = app.migrated("head");
        app.shed(["downgrade", "-1"]).stderr_has("--yes").fails(2);
        assert_eq!(app.db.revisions(), ["a3"]);
        app.shed(["downgrade", "-1", "--yes"]).any_stderr().ok();
        assert_eq!(
            (app.db.revisions(), app.db.columns("person")),
            (vec!["a2".into()], vec!["id".into(), "name".into()])
        );
        app.shed(["downgrade", "app", "base", "--yes"]).any_stderr().ok();
        assert_eq!(app.db.tables(), ["alembic_version"]);
    }
}

#[test]
fn the_pass_through_is_alembic_itself() {
    for app in App::on_both_alembics() {
        app.shed(["alembic", "app", "--", "upgrade", "head"]).any_stderr().ok();
        app.shed(["alembic", "app", "--", "current"]).stdout("a3 (head)\n").any_stderr().ok();
        app.shed(["alembic", "app", "--", "upgrade", "nope"])
            .stdout_has("FAILED: Can't locate revision")
            .any_stderr()
            .fails(255);
        app.shed(["alembic", "app", "--", "nonsense"]).stderr_has("invalid choice").fails(2);
        for refused in [["init", "x"], ["-c", "x.ini"], ["-n", "x"]] {
            app.shed(["alembic", "app", "--"].into_iter().chain(refused)).stderr_has(refused[0]).fails(2);
        }
    }
}

#[test]
fn an_editor_is_opened_on_the_revision() {
    let app = App::sqlite();
    app.shed(["edit", "head"]).env("EDITOR", "cat").stdout_has("revision = \"a3\"").any_stderr().ok();
}

#[test]
fn the_caller_s_own_alembic_files_do_not_hijack_a_run() {
    let app = App::sqlite();
    app.write("alembic.ini", "[alembic]\nscript_location = nowhere\n");
    app.write("pyproject.toml", "[tool.alembic]\nscript_location = \"nowhere\"\n");
    app.shed(["heads"]).dir(app.path("")).env("ALEMBIC_CONFIG", "nowhere.ini").stdout("a3 (head)\n").ok();
}
