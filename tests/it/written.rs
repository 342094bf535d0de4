//! Commands that write revision files: revision, merge, edit, and what surrounds them.

use serde_json::Value;

use crate::app::App;

#[test]
fn autogenerate_writes_the_difference_once() {
    for app in App::everywhere() {
        let app = app.migrated("head");
        app.drift();
        let said =
            app.shed(["revision", "--autogenerate", "-m", "toys", "--rev-id", "a4"]).any_stdout().any_stderr().ok();
        assert!(said.stdout.contains("$REPO/app/versions/a4_toys.py"), "{said:?}");
        let text = app.read("app/versions/a4_toys.py");
        assert!(
            text.contains("op.create_table('toy'") && text.contains("down_revision") && !text.contains("person"),
            "{text}"
        );
        app.shed(["migrate"]).any_stderr().ok();
        app.shed(["check"]).stdout("No new upgrade operations detected.\n").any_stderr().ok();
    }
}

#[test]
fn json_says_what_was_written_or_null() {
    let app = App::sqlite().migrated("head");
    let json = |args: &[&str]| -> Value {
        let said = app.shed(args.iter().copied().chain(["--format", "json"])).any_stdout().any_stderr().run();
        serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"))
    };
    assert_eq!(json(&["revision", "--autogenerate", "-m", "x"])["revision"], Value::Null);
    assert_eq!(json(&["revision", "-m", "x", "--rev-id", "a4"])["revision"], "a4");
    assert!(json(&["current"]).to_string().contains("\"a3\""));
    assert!(json(&["heads"]).to_string().contains("\"a4\""));
    assert!(json(&["history"]).to_string().contains("\"a1\""));
    app.drift();
    app.remove("app/versions/a4_x.py");
    let differences = json(&["check"]);
    assert!(differences.to_string().contains("\"toy\""), "{differences}");
}

#[test]
fn merge_joins_the_heads_by_itself() {
    for app in App::on_both_alembics().map(App::two_heads) {
        app.shed(["merge", "-m", "both", "--rev-id", "m1"]).any_stdout().any_stderr().ok();
        app.shed(["heads"]).stdout("m1 (head)\n").ok();
    }
}

#[test]
fn a_probable_rename_is_warned_of() {
    let app = App::sqlite().migrated("head");
    app.write("app/models.py", &app.read("app/models.py").replace("    email: ", "    mail: "));
    app.shed(["revision", "--autogenerate", "-m", "x"]).any_stdout().stderr_has("rename").ok();
}

#[test]
fn empty_models_against_a_full_database_are_refused() {
    let app = App::sqlite().migrated("head");
    app.write("app/models.py", "import sqlalchemy as sa\nmetadata = sa.MetaData()\n");
    app.shed(["revision", "--autogenerate", "-m", "x"]).stderr_has("models").fails(2);
    assert_eq!(app.files("app/versions").len(), 3);
}

#[test]
fn a_failing_post_write_hook_is_an_error_and_the_file_stays() {
    for app in App::on_both_alembics() {
        let hooks = "alembic:\n  post_write_hooks:\n    - { name: mark, type: exec, executable: \"%(here)s/bin/mark\", options: REVISION_SCRIPT_FILENAME }";
        let app = app.keys(hooks);
        app.program("bin/mark", "#!/bin/sh\necho '# marked' >> \"$1\"\n");
        app.shed(["revision", "-m", "x", "--rev-id", "a4"]).any_stdout().any_stderr().ok();
        assert!(app.read("app/versions/a4_x.py").ends_with("# marked\n"));
        app.program("bin/mark", "#!/bin/sh\necho it does not please me >&2; exit 3\n");
        app.shed(["revision", "-m", "y", "--rev-id", "a5"]).any_stdout().stderr_has("mark").fails(5);
        assert!(app.path("app/versions/a5_y.py").exists());
    }
}

#[test]
fn alembics_own_keys_reach_it() {
    for app in App::on_both_alembics() {
        let app = app.keys("alembic: { file_template: \"%(year)d_%(rev)s_%(slug)s\", truncate_slug_length: 6 }");
        app.shed(["revision", "-m", "a long message", "--rev-id", "a4"]).any_stdout().any_stderr().ok();
        let written = app.files("app/versions");
        assert!(written.iter().any(|file| file.starts_with("20") && file.ends_with("_a4_a_.py")), "{written:?}");
    }
}

/// Alembic 1.13 does not make the folder.
#[test]
fn revisions_may_be_written_to_folders_below() {
    let app = App::sqlite().keys("alembic: { file_template: \"%(year)d/%(rev)s\" }\nrecursive: true");
    app.shed(["revision", "-m", "x", "--rev-id", "a4"]).any_stdout().any_stderr().ok();
    assert!(app.files("app/versions").iter().any(|file| file.starts_with("20") && file.ends_with("/a4.py")));
    app.shed(["heads"]).stdout("a4 (head)\n").ok();
}

#[test]
fn branches_labels_and_dependencies_pass_through() {
    for app in App::on_both_alembics() {
        let run = |args: &[&str]| app.shed(["revision"].iter().chain(args)).any_stdout().any_stderr().ok();
        run(&["-m", "s", "--rev-id", "s1", "--head", "base", "--branch-label", "side", "--depends-on", "a2"]);
        run(&["-m", "t", "--rev-id", "t1", "--head", "a1", "--splice"]);
        app.shed(["heads"]).stdout("a3 (head)\ns1 (side) (head)\nt1 (head)\n").ok();
        app.shed(["show", "s1"]).stdout_has("Also depends on: a2").ok();
    }
}

#[test]
fn own_imports_and_an_own_template_are_used() {
    let app = App::sqlite().keys("script_imports: [\"import decimal\"]");
    app.shed(["revision", "-m", "x", "--rev-id", "a4"]).any_stdout().any_stderr().ok();
    assert!(app.read("app/versions/a4_x.py").contains("import decimal\n"));
    let app = App::sqlite().keys("script_template: own.mako");
    app.write(
        "own.mako",
        "revision = ${repr(up_revision)}\ndown_revision = ${repr(down_revision)}\n# mine\ndef upgrade(): pass\n",
    );
    app.shed(["revision", "-m", "x", "--rev-id", "a4"]).any_stdout().any_stderr().ok();
    assert_eq!(
        app.read("app/versions/a4_x.py"),
        "revision = 'a4'\ndown_revision = 'a3'\n# mine\ndef upgrade(): pass\n"
    );
}
