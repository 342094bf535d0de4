//! `shed eject`: plain Alembic goes on with what it writes, and `shed adopt` takes it back.

use crate::app::App;
use crate::call::Output;
use crate::cluster::cluster;
use crate::repo::Repo;

/// Alembic itself, with the ejected configuration, from an unrelated folder.
fn alembic(repo: &Repo, args: &[&str], code: i32) -> Output {
    let ini = repo.path("out/alembic.ini");
    let call = repo.call(repo.python()).args(["-m", "alembic", "-c"]).arg(ini).args(args);
    call.dir(repo.beside("elsewhere")).any_stdout().any_stderr().fails(code)
}

fn eject(repo: &Repo, target: &str) -> Output {
    repo.shed(["eject", target]).arg(repo.path("out")).any_stdout().ok()
}

#[test]
fn plain_alembic_says_and_does_the_same() {
    for app in App::everywhere() {
        let app = app.migrated("a2");
        let said = eject(&app, "app");
        assert_eq!(
            said.stdout,
            "made $REPO/out/alembic.ini\nmade $REPO/out/env.py\nmade $REPO/out/script.py.mako\nenv.py takes the URL of app.main from APP_MAIN_URL\n"
        );
        assert_eq!(app.files("out"), ["alembic.ini", "env.py", "script.py.mako"]);
        assert_eq!(alembic(&app, &["current"], 0).stdout, "a2\n");
        alembic(&app, &["upgrade", "head"], 0);
        app.shed(["current"]).stdout("a3 (head)\n").any_stderr().ok();
        for command in ["current", "check", "history"] {
            let ours = app.shed([command]).any_stdout().any_stderr().ok().stdout;
            assert_eq!(alembic(&app, &[command], 0).stdout, ours, "{command}");
        }
        app.drift();
        assert!(alembic(&app, &["check"], 255).stdout.contains("add_table"));
        alembic(&app, &["revision", "--autogenerate", "-m", "toys", "--rev-id", "a4"], 0);
        assert!(app.read("app/versions/a4_toys.py").contains("create_table('toy'"));
        app.shed(["migrate"]).any_stderr().ok();
        assert_eq!(alembic(&app, &["current"], 0).stdout, "a4 (head)\n");
        alembic(&app, &["downgrade", "base"], 0);
        assert!(alembic(&app, &["upgrade", "head", "--sql"], 0).stdout.contains("CREATE TABLE toy"));
    }
}

#[test]
fn what_the_settings_say_is_carried() {
    let hooks = "def include_object(obj, name, type_, reflected, compare_to):\n    return name != 'toy'\n";
    for app in [App::sqlite(), App::postgres()] {
        let keys = "version_table: done\nexclude_tables: [\"old_*\"]\nhooks: hooks.py\nconfigure: { compare_type: false }\nalembic: { file_template: \"%(rev)s-%(slug)s\", post_write_hooks: [{ name: t, type: exec, executable: \"%(here)s/tidy.sh\" }] }\nbackup: { keep: 3 }\nretries: 2";
        app.write("hooks.py", hooks);
        let app = app.keys(keys).migrated_with_table("done");
        app.program("tidy.sh", "#!/bin/sh\necho '# tidied' >> \"$1\"\n");
        let said = eject(&app, "app.main");
        assert!(said.stdout.ends_with("\nleft out: backup, retries\n"), "{said:?}");
        app.drift();
        app.write("app/models.py", &app.read("app/models.py").replace("String(80)", "String(100)"));
        app.db.execute("create table old_one (id integer)");
        assert_eq!(alembic(&app, &["check"], 0).stdout, "No new upgrade operations detected.\n");
        assert_eq!(alembic(&app, &["current"], 0).stdout, "a3 (head)\n");
        alembic(&app, &["revision", "-m", "b c", "--rev-id", "a4"], 0);
        assert!(app.read("app/versions/a4-b_c.py").ends_with("# tidied\n"));
    }
}

#[test]
fn a_failure_on_sqlite_leaves_nothing_behind() {
    let app = App::sqlite().migrated("head");
    app.add_revision("a4", "a3", "op.create_table('half', sa.Column('id', sa.Integer))\nop.execute('nonsense')");
    eject(&app, "app");
    alembic(&app, &["upgrade", "head"], 1);
    assert_eq!((app.db.revisions(), app.db.tables().contains(&"half".to_owned())), (vec!["a3".to_owned()], false));
}

#[test]
fn what_was_ejected_can_be_adopted() {
    for app in [App::sqlite(), App::postgres()] {
        let keys =
            "version_table: done\nexclude_tables: [\"old_*\"]\nmetadata: Base.metadata\nalembic: { timezone: UTC }";
        let app = app.keys(keys).migrated_with_table("done");
        eject(&app, "app");
        app.write("before.yaml", &app.read("shed.yaml"));
        app.remove("shed.yaml");
        app.shed(["adopt"]).arg(app.path("out")).args(["--name", "again"]).any_stdout().ok();
        let text = app.read("shed.yaml");
        for line in [
            "    module: app/models.py\n",
            "    metadata: [Base.metadata]\n",
            "    versions: app/versions\n",
            "    version_table: done\n",
            "    exclude_tables: [old_*]\n",
            "      timezone: UTC\n",
            "          url: ${APP_MAIN_URL:-",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        assert!(!text.contains("env_py") && !text.contains("script_template"), "{text}");
        app.shed(["current"]).stdout("a3 (head)\n").any_stderr().ok();
        app.shed(["check"]).stdout("No new upgrade operations detected.\n").any_stderr().ok();
        app.write("out/env.py", &app.read("out/env.py").replace("def hook(", "def own_hook("));
        app.remove("shed.yaml");
        let said = app.shed(["adopt", "--dry-run"]).arg(app.path("out")).any_stdout().ok().stdout;
        assert!(said.contains("    env_py: out/env.py\n"), "a file that was changed is not what was written: {said}");
    }
}

#[test]
fn no_secret_is_written() {
    let password = "hunter/22 @";
    let database = cluster().database_with_password(password);
    let connection = format!(
        "{{ host: {}, user: {name}, password: \"${{APP_SECRET}}\" }}",
        cluster().host.display(),
        name = database.name()
    );
    let repo = Repo::new().settings(&format!(
        "projects:\n  app:\n    versions: v\n    on_connect: \"select '${{APP_SECRET}}'\"\n    db:\n      parts: {{ type: postgres, db_name: {name}, connection: {connection} }}\n      whole: {{ type: postgres, connection: {{ url: \"${{APP_URL}}\" }} }}\n",
        name = database.name()
    )).revision("v", "a1", "", "", "");
    let url = format!(
        "postgresql://{name}:hunter%2F22%20%40@/{name}?host={host}",
        name = database.name(),
        host = cluster().host.display()
    );
    let with = |args: &[&str]| repo.shed(args).env("APP_SECRET", password).env("APP_URL", &url);
    for (target, variable) in [("app.parts", "APP_PARTS_URL"), ("app.whole", "APP_URL")] {
        let said = with(&["eject", target, "--force"]).arg(repo.path("out")).any_stdout().ok();
        assert!(
            said.stdout.contains(&format!("takes the URL of {target} from {variable}\nleft out: on_connect\n")),
            "{said:?}"
        );
        let text = repo.read("out/env.py") + &repo.read("out/alembic.ini");
        assert!(!text.contains("hunter"), "{text}");
        let ini = repo.path("out/alembic.ini");
        let call = |args: &[&str]| repo.call(repo.python()).args(["-m", "alembic", "-c"]).arg(&ini).args(args);
        call(&["upgrade", "head"]).env(variable, &url).any_stdout().any_stderr().ok();
        call(&["current"]).env(variable, &url).stdout("a1 (head)\n").any_stderr().ok();
    }
    let ini = repo.path("out/alembic.ini");
    let call = repo.call(repo.python()).args(["-m", "alembic", "-c"]).arg(&ini).arg("current");
    call.stdout_has("FAILED: set APP_URL to the URL of the database").any_stderr().fails(255);
}

#[test]
fn files_that_are_there_stay() {
    let app = App::sqlite();
    app.write("out/env.py", "mine\n");
    app.shed(["eject", "app"])
        .arg(app.path("out"))
        .stderr("error: $REPO/out/env.py is there already\nhelp: --force replaces it\n")
        .fails(2);
    assert_eq!(app.files("out"), ["env.py"]);
    app.shed(["eject", "app", "--force", "--dry-run"]).arg(app.path("out")).stdout_has("# $REPO/out/env.py\n").ok();
    assert_eq!(app.read("out/env.py"), "mine\n");
    app.shed(["eject", "app", "--force"]).arg(app.path("out")).any_stdout().ok();
    assert!(app.read("out/env.py").contains("written by `shed eject`"));
    app.shed(["eject", "app.none"]).arg(app.path("x")).any_stderr().fails(2);
}

#[test]
fn a_project_with_its_own_env_py_needs_the_ini_alone() {
    let app = App::sqlite();
    let env = "from alembic import context\nfrom sqlalchemy import create_engine\n\nengine = create_engine(context.config.get_main_option('sqlalchemy.url'))\nwith engine.connect() as connection:\n    context.configure(connection=connection, target_metadata=None)\n    with context.begin_transaction():\n        context.run_migrations()\n";
    app.write("own/env.py", env);
    let app = app.keys("env_py: own/env.py").migrated("a2");
    let said = eject(&app, "app");
    assert_eq!(said.stdout, "made $REPO/out/alembic.ini\n");
    assert_eq!(alembic(&app, &["current"], 0).stdout, "a2\n");
    alembic(&app, &["upgrade", "head"], 0);
    app.shed(["current"]).stdout("a3 (head)\n").any_stderr().ok();
}

#[test]
fn sql_files_are_not_ejected() {
    let repo = Repo::new().settings(
        "projects:\n  app:\n    format: sql\n    versions: m\n    db: { main: { connection: { db_path: a.db } } }\n",
    );
    repo.shed(["eject", "app"])
        .arg(repo.path("out"))
        .stderr("error: app.main keeps its revisions as SQL, which Alembic does not read\nhelp: dbmate reads the same files\n")
        .fails(2);
}
