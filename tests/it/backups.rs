//! backup, backups and restore, end to end: what the database holds afterwards, and what lies in the store.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::app::App;
use crate::cluster::cluster;
use crate::repo::Repo;

const STORE: &str = ".shed/backups/app.main";

/// A database with two rows at a2, on either engine.
fn apps() -> [App; 2] {
    [App::sqlite(), App::postgres()].map(|app| filled(app.migrated("a2")))
}

fn filled(app: App) -> App {
    // What migrating backed up is not what is looked at here.
    let _ = std::fs::remove_dir_all(app.path(".shed/backups"));
    app.db.execute("insert into person (id, name) values (1, 'ann')");
    app.db.execute("insert into pet values (1, 1)");
    app
}

fn people(app: &App) -> String {
    app.db.rows("select name from person order by id")
}

/// Takes a backup; its name.
fn backed_up(app: &App) -> String {
    let said = app.shed(["backup", "app.main", "--format", "json"]).any_stdout().any_stderr().ok();
    field(&said.stdout, "backup")
}

fn field(json: &str, name: &str) -> String {
    serde_json::from_str::<Value>(json).unwrap()[name].as_str().unwrap().to_owned()
}

/// The file with the bytes of the only backup.
fn only_file(app: &App) -> PathBuf {
    let files = app.files(STORE);
    let bytes: Vec<_> = files.iter().filter(|file| !file.ends_with("json") && *file != ".gitignore").collect();
    assert_eq!(bytes.len(), 1, "{files:?}");
    app.path(STORE).join(bytes[0])
}

#[test]
fn a_restore_brings_back_what_was_there() {
    for app in apps() {
        let name = backed_up(&app);
        assert!(name.ends_with("Z-a2"), "{name}");
        app.db.execute("delete from pet");
        app.db.execute("update person set name = 'bob'");
        app.shed(["migrate", "app.main", "--no-backup"]).any_stderr().ok();
        app.shed(["restore", "app.main", "a2", "--yes"])
            .stdout(format!("app.main: [..] restored from $REPO/{STORE}/{name}.[..]\n"))
            .stderr_has("app.main: now at a2\n")
            .stderr_has("app.main: what is replaced is kept as ")
            .ok();
        assert_eq!((people(&app).as_str(), app.db.revisions()), ("ann\n", vec!["a2".to_owned()]));
        assert_eq!(app.db.rows("select count(*) from pet"), "1\n");
        // What was replaced is in the store, for whoever chose the wrong file.
        let list = app.shed(["backups", "app.main", "--verify", "--format", "json"]).any_stdout().ok();
        let list: Value = serde_json::from_str(&list.stdout).unwrap();
        let lines: Vec<_> = list["backups"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| json!([one["heads"], one["reason"], one["state"]]))
            .collect();
        assert_eq!(lines, [json!([["a3"], "restore", "verified"]), json!([["a2"], "manual", "verified"])]);
        // It is meant by its revision or name; without one the restore is as before.
        app.shed(["restore", "app.main", "--yes", "--no-backup"]).any_stdout().any_stderr().ok();
        assert_eq!(people(&app), "ann\n");
        app.shed(["restore", "app.main", "a3", "--yes", "--no-backup"]).any_stdout().any_stderr().ok();
        assert_eq!((people(&app).as_str(), app.db.revisions()), ("bob\n", vec!["a3".to_owned()]));
    }
}

#[test]
fn a_database_that_is_gone_is_made_again() {
    for app in apps() {
        backed_up(&app);
        app.shed(["drop", "app.main", "--yes"]).any_stdout().any_stderr().ok();
        assert!(!app.db.exists());
        let said = app.shed(["restore", "app.main", "--yes", "--format", "json"]).any_stdout().any_stderr().ok();
        let said: Value = serde_json::from_str(&said.stdout).unwrap();
        assert_eq!((&said["existed"], &said["safety"], &said["to"]), (&json!(false), &json!(null), &json!(["a2"])));
        assert_eq!(people(&app), "ann\n");
    }
}

#[test]
fn the_list_names_time_revision_size_and_state() {
    let app = filled(App::sqlite().migrated("a2"));
    app.shed(["backups"]).stdout(format!("no backups in $REPO/{STORE}\n")).ok();
    let name = backed_up(&app);
    app.shed(["backups"]).stdout(format!("{name}  20[..]-[..]-[..] [..]:[..]:[..]  a2  [..] kB  manual  whole\n")).ok();
    app.shed(["backups", "--verify"]).stdout(format!("{name}  20[..]  a2  [..] kB  manual  verified\n")).ok();
    let mode = |path: &str| std::fs::metadata(app.path(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(STORE), mode(&format!("{STORE}/{name}.db")), mode(&format!("{STORE}/{name}.json"))),
        (0o700, 0o600, 0o600)
    );
}

#[test]
fn a_cut_and_a_flipped_backup_are_found_and_never_restored() {
    for app in apps() {
        let name = backed_up(&app);
        let file = only_file(&app);
        let good = std::fs::read(&file).unwrap();
        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 1;
        std::fs::write(&file, &flipped).unwrap();
        app.shed(["backups"]).stdout_has("  whole\n").ok();
        app.shed(["backups", "--verify"]).stdout_has("broken: ").stdout_has("its SHA-256 differs").fails(1);
        app.shed(["restore", "app.main", "--yes"]).stderr_has("its SHA-256 differs").fails(5);
        // Without its metadata the engine itself sees that it is cut.
        std::fs::write(&file, &good[..good.len() * 2 / 3]).unwrap();
        app.shed(["backups"]).stdout_has(format!("{name}  ?  ?  ?  ?  broken: it has ")).fails(1);
        app.shed(["restore", "app.main", "--yes"])
            .stderr_has("app.main has no backup in ")
            .stderr_has("were written")
            .fails(2);
        let stray = app.path("stray");
        std::fs::copy(&file, &stray).unwrap();
        let stray = stray.display().to_string();
        app.shed(["restore", "app.main", &stray, "--yes"]).stderr_has("no metadata").stderr_has("--force").fails(2);
        app.shed(["restore", "app.main", &stray, "--yes", "--force"]).stderr_has("stray").fails(5);
        assert_eq!((people(&app).as_str(), app.db.revisions()), ("ann\n", vec!["a2".to_owned()]));
    }
}

#[test]
fn a_file_of_unknown_origin_needs_force() {
    for app in apps() {
        backed_up(&app);
        std::fs::copy(only_file(&app), app.path("mine")).unwrap();
        app.db.execute("update person set name = 'bob'");
        let mine = app.path("mine").display().to_string();
        app.shed(["restore", "app.main", &mine, "--yes", "--force"]).any_stdout().any_stderr().ok();
        assert_eq!(people(&app), "ann\n");
    }
}

#[test]
fn another_target_s_backup_needs_force_and_another_engine_s_is_refused() {
    let app = filled(App::sqlite().migrated("a2"));
    let other = cluster().database();
    let text = app.read("shed.yaml");
    let more = format!(
        "      copy: {{ type: sqlite, connection: {{ db_path: data/copy.db }} }}\n      server: {}\n",
        other.settings()
    );
    app.write("shed.yaml", &(text.trim_end().to_owned() + "\n" + &more));
    backed_up(&app);
    let file = only_file(&app).display().to_string();
    app.shed(["restore", "app.copy", "--yes"]).stderr_has("app.copy has no backup in ").fails(2);
    app.shed(["restore", "app.copy", &file, "--yes"])
        .stderr(format!(
            "error: {} is a backup of app.main, not of app.copy\nhelp: --force restores it all the same\n",
            named(&app, &file)
        ))
        .fails(2);
    app.shed(["restore", "app.copy", &file, "--yes", "--force"]).any_stdout().any_stderr().ok();
    assert_eq!(app.sqlite("data/copy.db").rows("select name from person"), "ann\n");
    app.shed(["restore", "app.server", &file, "--yes", "--force"]).stderr_has("is one of a sqlite database").fails(2);
    std::fs::copy(&file, app.path("mine")).unwrap();
    let mine = app.path("mine").display().to_string();
    app.shed(["restore", "app.server", &mine, "--yes", "--force"]).stderr_has("is one of a sqlite database").fails(2);
    assert!(other.tables().is_empty());
}

fn named(app: &App, path: &str) -> String {
    path.replace(&app.path("").display().to_string(), "$REPO")
}

#[test]
fn a_restore_needs_a_yes_and_a_name() {
    let app = filled(App::sqlite().migrated("a2"));
    backed_up(&app);
    app.db.execute("update person set name = 'bob'");
    app.shed(["restore", "app.main"])
        .stderr("error: a yes is needed: app.main: replace sqlite $REPO/data/app.db by the backup of [..] at a2 ([..], taken for manual from sqlite $REPO/data/app.db)? Everything written since is erased\nhelp: add --yes\n")
        .fails(2);
    app.shed(["restore"]).stderr_has("<TARGET>").fails(2);
    app.shed(["restore", "app.*", "--yes"]).stderr_has("app.*").fails(2);
    app.shed(["restore", "sqlite:///x.db", "--yes"]).stderr_has("URL").fails(2);
    app.shed(["restore", "app.main", "--yes"]).env("SHED_DATABASE_URL", "sqlite:///x.db").stderr_has("URL").fails(2);
    app.shed(["restore", "app.main", "--dry-run"]).stdout_has("would be replaced by").ok();
    assert_eq!(people(&app), "bob\n");
    app.shed_on_terminal(["restore", "app.main"], &[("[y/N]", "n\n")]).stdout_has("nothing was done").fails(2);
    assert_eq!(people(&app), "bob\n");
    app.shed_on_terminal(["restore", "app.main"], &[("[y/N]", "y\n")]).any_stdout().ok();
    assert_eq!(people(&app), "ann\n");
}

#[test]
fn a_protected_database_is_backed_up_freely_and_restored_by_its_full_name() {
    let app = filled(App::sqlite().migrated("a2"));
    app.write("shed.yaml", &app.read("shed.yaml").replace("\"type\"", "\"protected\":true,\"type\""));
    assert!(app.read("shed.yaml").contains("protected"));
    backed_up(&app);
    app.db.execute("update person set name = 'bob'");
    app.shed(["restore", "app.main", "--yes"])
        .stderr("error: app.main is protected\nhelp: add --yes-i-mean app.main\n")
        .fails(2);
    assert_eq!(people(&app), "bob\n");
    app.shed(["restore", "app.main", "--yes", "--yes-i-mean", "app.main"]).any_stdout().any_stderr().ok();
    assert_eq!(people(&app), "ann\n");
}

#[test]
fn a_piped_backup_is_restored_through_unpipe() {
    for app in apps() {
        let app = app.keys("backup: { pipe: \"gzip | tr a-z b-za\", unpipe: \"tr b-za a-z | gunzip\" }");
        backed_up(&app);
        let start = std::fs::read(only_file(&app)).unwrap();
        assert!(!start.starts_with(b"SQLite") && !start.starts_with(b"PGDMP"));
        app.db.execute("update person set name = 'bob'");
        app.shed(["backups", "--verify"]).stdout_has("  verified\n").ok();
        app.shed(["restore", "app.main", "--yes", "--no-backup"]).any_stdout().any_stderr().ok();
        assert_eq!(people(&app), "ann\n");
        let app = app.keys("backup: { pipe: \"gzip | tr a-z b-za\" }");
        app.shed(["backups", "--verify"]).stdout_has("  unread\n").ok();
        app.shed(["restore", "app.main", "--yes"]).stderr_has("there is no `backup.unpipe`").fails(2);
        let app = app.keys("backup: { pipe: \"echo no key >&2; exit 3\" }");
        app.shed(["backup"]).stderr("error: `backup.pipe` ended with code 3\nno key\n").fails(5);
        only_file(&app);
        assert!(app.files(".shed/backups").iter().all(|file| !file.contains("aside")));
    }
}

#[test]
fn old_backups_go_and_the_restored_one_stays() {
    let app = filled(App::sqlite().migrated("a2")).keys("backup: { keep: 2 }");
    let first = backed_up(&app);
    let second = backed_up(&app);
    app.shed(["backup"]).stdout_has(".db (").stderr(format!("app.main: removed an old backup: {first}\n")).ok();
    app.shed(["restore", "app.main", &second, "--yes"]).any_stdout().any_stderr().ok();
    assert!(app.files(STORE).contains(&format!("{second}.db")));
    app.shed(["backups", "--prune"]).any_stdout().any_stderr().ok();
    assert_eq!(app.files(STORE).iter().filter(|file| file.ends_with(".db")).count(), 2);
}

#[test]
fn a_folder_and_a_name_with_quotes_are_no_trouble() {
    let repo = Repo::named("it's \"a\" 100% repo");
    let db = repo.sqlite("da'ta/a\"b c.db");
    let app = filled(App::with(repo, db).migrated("a2"));
    backed_up(&app);
    app.db.execute("update person set name = 'bob'");
    app.shed(["restore", "app.main", "--yes"]).any_stdout().any_stderr().ok();
    assert_eq!(people(&app), "ann\n");
}

#[test]
fn what_cannot_be_written_leaves_nothing_behind() {
    for app in apps() {
        // A limit on the size of files stands for a full disk.
        let said = app.sh("trap '' XFSZ; ulimit -f 4; exec shed backup app.main").any_stderr().any_stdout().run();
        assert_eq!(said.code, 5, "{said:?}");
        assert_eq!(app.files(STORE), [""; 0], "{said:?}");
        assert_eq!(people(&app), "ann\n");
    }
    let app = filled(App::sqlite().migrated("a2")).keys("backup: { location: /proc/backups }");
    app.shed(["backup"]).stderr_has("could not write to the backup folder /proc/backups/app.main: ").fails(3);
}

#[test]
fn a_database_in_memory_and_one_that_is_not_there_are_said() {
    let app = App::sqlite();
    app.shed(["backup"]).stderr_has("data/app.db is not there").fails(4);
    assert!(!app.db.exists());
    let app = Repo::new().settings(
        "projects:\n  app:\n    module: app.py\n    db:\n      main: { connection: { db_path: \":memory:\" } }\n",
    );
    app.shed(["backup"]).stderr_has("in memory").fails(2);
    app.shed(["restore", "app.main", "--yes"]).stderr_has("in memory").fails(2);
}

#[test]
fn sessions_of_others_stop_a_restore_until_they_are_ended() {
    let app = filled(App::postgres().migrated("a2"));
    backed_up(&app);
    app.db.execute("update person set name = 'bob'");
    let psql = format!(
        "{}/psql -X -h {} -U shed -d {} -c 'select pg_sleep(100)'",
        crate::cluster::programs().display(),
        cluster().host.display(),
        app.db.name()
    );
    let mut session = app.sh(&psql);
    let child = session.start();
    while cluster()
        .psql("postgres", &format!("select 1 from pg_stat_activity where datname = '{}'", app.db.name()))
        .is_empty()
    {}
    app.shed(["restore", "app.main", "--yes"]).stderr_has("session").fails(5);
    assert_eq!(people(&app), "bob\n");
    app.shed(["restore", "app.main", "--yes", "--end-sessions", "--keep-old"])
        .stdout_has("what was replaced is in ")
        .any_stderr()
        .ok();
    session.finish(child);
    assert_eq!(people(&app), "ann\n");
    let old = cluster().psql(
        "postgres",
        &format!("select datname from pg_database where datname like '{}%' and datname <> '{0}'", app.db.name()),
    );
    cluster().psql("postgres", &format!("drop database \"{}\"", old.trim()));
}

#[test]
fn a_kill_at_any_step_leaves_the_backups_that_were_there() {
    for app in apps() {
        let app = app.keys("backup: { keep: 20 }");
        let first = backed_up(&app);
        for place in ["backup-start", "backup-mid", "backup-rename", "backup-done"] {
            let call = app.shed(["backup"]).env("SHED_FAILPOINT", format!("{place}:abort"));
            assert_eq!(call.run().code, 137, "{place}");
            assert!(app.files(STORE).contains(&format!("{first}.json")));
            app.shed(["backups", "--verify"]).stdout_has(format!("{first}  ")).run();
            backed_up(&app);
            let left = app.files(STORE).into_iter().filter(|file| file.contains("aside")).collect::<Vec<_>>();
            assert_eq!(left, [""; 0], "{place}");
            app.shed(["backups", "--verify"]).stdout_has("  verified\n").ok();
        }
        assert_eq!(people(&app), "ann\n");
    }
}

#[test]
fn an_interrupted_backup_leaves_nothing() {
    let app = filled(App::sqlite().migrated("a2")).keys("backup: { pipe: \"touch started; sleep 100\" }");
    let mut call = app.shed(["backup"]).stderr("error: interrupted\n");
    let child = call.start();
    while !app.path("started").exists() {}
    app.sh(&format!("kill -TERM {}", child.id())).ok();
    let said = call.finish(child);
    assert_eq!((said.code, said.stderr.as_str()), (143, "error: interrupted\n"));
    assert_eq!(app.files(STORE), [""; 0]);
}

#[test]
fn a_database_that_cannot_be_read_is_replaced_without_a_backup_of_it() {
    let app = filled(App::sqlite().migrated("a2"));
    backed_up(&app);
    app.write("data/app.db", &"no database ".repeat(1000));
    app.shed(["restore", "app.main", "--yes"]).stderr_has("--no-backup").fails(4);
    app.shed(["backup"]).any_stderr().fails(4);
    assert!(app.read("data/app.db").starts_with("no database"));
    app.shed(["restore", "app.main", "--yes", "--no-backup"]).any_stdout().any_stderr().ok();
    assert_eq!(people(&app), "ann\n");
}

#[test]
fn a_restore_that_is_killed_leaves_the_old_or_the_new_content() {
    for app in apps() {
        backed_up(&app);
        app.db.execute("update person set name = 'bob'");
        let log = app.path("reached");
        let restore = || app.shed(["restore", "app.main", "--yes", "--no-backup"]);
        restore().env("SHED_FAILPOINT_LOG", &log).any_stdout().any_stderr().ok();
        let places = app.read("reached");
        let mut places: Vec<&str> = places.lines().collect();
        let first = places[0];
        places.sort_unstable();
        places.dedup();
        assert!(places.len() > 3, "{places:?}");
        // All of them, where that is wanted; otherwise every third.
        let step = if std::env::var_os("SHED_TEST_ALL_FAILPOINTS").is_some() { 1 } else { 3 };
        for place in places.into_iter().step_by(step) {
            app.db.execute("update person set name = 'bob'");
            let killed = restore().env("SHED_FAILPOINT", format!("{place}:abort")).run();
            assert_eq!(killed.code, 137, "{place}: {}", killed.stderr);
            // The next run recovers what was left, and goes no further here.
            let recovered = restore().env("SHED_FAILPOINT", format!("{first}:error")).run();
            assert_eq!(recovered.code, 5, "{place}: {}", recovered.stderr);
            assert!(["ann\n", "bob\n"].contains(&people(&app).as_str()), "{place}: {}", recovered.stderr);
            let retried = restore().run();
            assert_eq!((retried.code, people(&app).as_str()), (0, "ann\n"), "{place}: {}", retried.stderr);
        }
    }
}
