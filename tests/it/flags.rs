//! Flags: Alembic's own under their names, those an Alembic lacks, and `--dry-run` of everything that writes.

use crate::app::App;
use crate::repo::{OLD, Repo};

/// Every flag and positional of every command of Alembic 1.20; of `init` shed has its own.
const FLAGS: [(&str, &[&str]); 14] = [
    ("branches", &["-v", "--verbose"]),
    ("check", &[]),
    ("current", &["-c", "--check-heads", "-v", "--verbose"]),
    ("downgrade", &["--sql", "--tag", "[REVISION]"]),
    ("edit", &["[REVISION]"]),
    ("ensure_version", &["--sql"]),
    ("heads", &["-v", "--verbose", "--resolve-dependencies"]),
    ("history", &["-r", "--rev-range", "-v", "--verbose", "-i", "--indicate-current"]),
    ("list_templates", &[]),
    ("merge", &["-m", "--message", "--branch-label", "--rev-id", "--splice", "[REVISIONS]"]),
    (
        "revision",
        &[
            "-m",
            "--message",
            "--autogenerate",
            "--sql",
            "--head",
            "--splice",
            "--branch-label",
            "--version-path",
            "--rev-id",
            "--depends-on",
        ],
    ),
    ("show", &["[REVISION]"]),
    ("stamp", &["--sql", "--tag", "--purge", "[REVISIONS]"]),
    ("upgrade", &["--sql", "--tag", "[REVISION]"]),
];

#[test]
fn every_flag_of_alembic_s_commands_is_there_under_its_name() {
    let repo = Repo::new();
    for (command, flags) in FLAGS {
        let help = repo.shed([command, "--help"]).any_stdout().ok().stdout;
        let words: Vec<_> = help.split([' ', ',', '\n']).collect();
        let missing: Vec<_> =
            flags.iter().filter(|flag| !words.iter().any(|word| word.trim_end_matches("...") == **flag)).collect();
        assert!(missing.is_empty(), "{command} lacks {missing:?}: {help}");
    }
}

/// The table above is what the newest Alembic says of itself.
#[test]
fn the_newest_alembic_has_no_other_flag() {
    let repo = Repo::new();
    for (command, flags) in FLAGS {
        let help =
            repo.call(repo.python()).args(["-m", "alembic", command, "--help"]).env("COLUMNS", "200").any_stdout().ok();
        let lines = help.stdout.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
        let options = lines.map(|line| line.split_once("  ").map_or(line, |(options, _)| options));
        let own = options.flat_map(|options| options.split(", ")).map(|option| option.split(' ').next().unwrap());
        let others: Vec<_> = own.filter(|flag| !["-h", "--help"].contains(flag) && !flags.contains(flag)).collect();
        assert!(others.is_empty(), "alembic {command} has {others:?} too: {}", help.stdout);
    }
}

#[test]
fn a_flag_that_the_installed_alembic_lacks_is_refused_by_name_and_version() {
    let app = App::sqlite().on(OLD).migrated("head").two_heads();
    let hint = "help: a newer Alembic may have it; `shed doctor` shows which one is used\n";
    app.shed(["current", "--check-heads"])
        .stderr(format!("error: app.main: alembic 1.13.0 has no --check-heads for `current`\n{hint}"))
        .fails(3);
    app.shed(["merge", "-m", "x", "--splice", "app", "a1", "a3"])
        .stderr(format!("error: app: alembic 1.13.0 has no --splice for `merge`\n{hint}"))
        .fails(3);
    assert_eq!(app.files("app/versions").len(), 4);
    let app = App::sqlite().migrated("head");
    app.shed(["current", "--check-heads"]).stdout("a3 (head)\n").ok();
    app.shed(["merge", "-m", "x", "--splice", "app", "a1", "a3"]).any_stdout().any_stderr().ok();
    assert_eq!(app.files("app/versions").len(), 4);
}

#[test]
fn a_revision_s_dry_run_prints_the_file_and_writes_nothing() {
    for app in App::everywhere() {
        let app = app.migrated("head");
        app.drift();
        let before = (app.files(""), app.db.tables());
        let plain = app.shed(["revision", "-m", "say so", "--rev-id", "a4", "--dry-run"]).any_stdout().ok().stdout;
        assert!(plain.starts_with("\"\"\"say so\n\nRevision ID: a4\nRevises: a3\n"), "{plain}");
        assert!(plain.ends_with("def downgrade() -> None:\n    \"\"\"Downgrade schema.\"\"\"\n    pass\n"), "{plain}");
        let auto = app.shed(["revision", "--auto", "-m", "toys", "--dry-run"]).any_stdout().ok().stdout;
        assert!(auto.contains("op.create_table('toy'") && auto.contains("op.drop_table('toy')"), "{auto}");
        assert_eq!((app.files(""), app.db.tables()), before);
    }
}

#[test]
fn a_migration_that_reads_the_database_cannot_be_printed_and_is_named() {
    for app in App::everywhere() {
        let app = app.migrated("head");
        app.add_revision("a4", "a3", "rows = op.get_bind().execute(sa.text('select 1')).fetchall()\nassert rows");
        let said = app
            .shed(["migrate", "--dry-run"])
            .any_stdout()
            .stderr(
                "error: app.main: a4 cannot run without a database: [..]\n  at $REPO/app/versions/a4_.py:12\n\
                 help: run it on a copy of the database instead: shed migrate app --on development.NAME\n\
                 log: $STATE/[..]/log.txt\n",
            )
            .fails(5);
        assert!(said.stdout.contains("-- Running upgrade a3 -> a4\n"), "{}", said.stdout);
        assert_eq!(app.db.revisions(), ["a3"]);
    }
}

#[test]
fn a_downgrade_s_and_a_stamp_s_dry_run_begin_where_the_database_is() {
    // Alembic before 1.19 ends SQL that leads to base so, and a real run never does.
    for (app, at_base) in App::on_both_alembics().into_iter().zip(["", "DROP TABLE alembic_version;\n\n"]) {
        let app = app.migrated("head");
        app.shed(["downgrade", "-1", "--dry-run"])
            .stdout(
                "-- Running downgrade a3 -> a2\n\nALTER TABLE person DROP COLUMN email;\n\n\
                 UPDATE alembic_version SET version_num='a2' WHERE alembic_version.version_num = 'a3';\n\n",
            )
            .ok();
        app.shed(["stamp", "a1", "--dry-run"])
            .stdout(
                "-- Running stamp_revision a3 -> a1\n\n\
                 UPDATE alembic_version SET version_num='a1' WHERE alembic_version.version_num = 'a3';\n\n",
            )
            .ok();
        app.shed(["stamp", "base", "--dry-run"])
            .stdout(format!(
                "-- Running stamp_revision a3 -> \n\n\
                 DELETE FROM alembic_version WHERE alembic_version.version_num = 'a3';\n\n{at_base}"
            ))
            .ok();
        assert_eq!(app.db.revisions(), ["a3"]);
        app.shed(["migrate", "--dry-run"]).ok();
    }
}

#[test]
fn a_dry_run_begins_at_all_of_several_heads() {
    for app in App::everywhere() {
        let app = app.migrated("head").two_heads();
        app.shed(["migrate", "heads"]).any_stderr().ok();
        assert_eq!(app.db.revisions(), ["a3", "b1"]);
        app.add_revision("a4", "a3", "op.execute('create table aa (x int)')");
        app.add_revision("b2", "b1", "op.execute('create table bb (x int)')");
        let both = app.shed(["migrate", "heads", "--dry-run"]).any_stdout().ok().stdout;
        let runs = |text: &str| {
            let mut lines: Vec<_> =
                text.lines().filter(|line| line.starts_with("-- Running")).map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(runs(&both), ["-- Running upgrade a3 -> a4", "-- Running upgrade b1 -> b2"], "{both}");
        let one = app.shed(["migrate", "b2", "--dry-run"]).any_stdout().ok().stdout;
        assert_eq!(runs(&one), ["-- Running upgrade b1 -> b2"], "{one}");
        let down = app.shed(["downgrade", "a2", "--dry-run"]).any_stdout().ok().stdout;
        assert_eq!(runs(&down), ["-- Running downgrade a3 -> a2", "-- Running downgrade b1 -> a2"], "{down}");
        app.shed(["migrate", "--dry-run"])
            .any_stdout()
            .stderr_has("FAILED: Multiple head revisions are present")
            .fails(2);
        assert_eq!((app.db.revisions(), app.db.tables().len()), (vec!["a3".into(), "b1".into()], 3));
    }
}
