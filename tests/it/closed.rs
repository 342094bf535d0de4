//! Surroundings that are not as they should be: a closed stdout, awkward and read-only folders, what is kept of runs.

use std::os::unix::fs::PermissionsExt;

use crate::app::App;

#[test]
fn a_reader_that_goes_away_ends_nothing_but_the_output() {
    let app = App::sqlite().migrated("head");
    for at in 1..400 {
        let after = if at == 1 { "a3".to_owned() } else { format!("c{}", at - 1) };
        app.add_revision(&format!("c{at}"), &after, "pass");
    }
    let lines = [
        ("shed history | head -1", "c398 -> c399 (head), c399\n"),
        ("shed history -v | head -1", "Rev: c399 (head)\n"),
        ("shed history --format json | head -1", "{\n"),
        ("shed migrate --sql | head -1", "CREATE TABLE alembic_version (\n"),
        ("shed targets | head -1", "app.main  sqlite $REPO/data/app.db\n"),
        (
            "shed --help | head -1",
            "Every Alembic command for every project and database of a repository, from one settings file\n",
        ),
        ("shed settings schema | head -1", "{\n"),
        ("shed man | head -1", "[..]\n"),
    ];
    for (line, stdout) in lines {
        app.sh(line).stdout(stdout).ok();
    }
}

#[test]
fn a_migration_goes_on_to_its_end_when_nobody_listens() {
    let app = App::sqlite();
    app.add_revision("a4", "a3", "for i in range(20000): print('a line of the migration', i)");
    app.sh("shed migrate | head -1").stdout("a line of the migration 0\n").any_stderr().ok();
    assert_eq!(app.db.revisions(), ["a4"]);
    app.sh("shed downgrade base --yes >&- 2>&-").ok();
    assert_eq!(app.db.revisions(), [""; 0]);
}

#[test]
fn a_temporary_folder_may_have_any_name() {
    for name in ["100% 5%% it's \"ü\" {x} %(here)s $HOME \\ `;", "日本 語:;,#"] {
        for app in App::on_both_alembics() {
            let folder = app.beside("tmp").join(name);
            std::fs::create_dir_all(&folder).unwrap();
            let run = |args: &[&str]| app.shed(args).env("TMPDIR", &folder).any_stdout().any_stderr().ok();
            run(&["migrate"]);
            run(&["check"]);
            assert_eq!(run(&["current"]).stdout, "a3 (head)\n");
            run(&["migrate", "--dry-run"]);
            run(&["revision", "-m", "x", "--dry-run"]);
            app.drift();
            run(&["revision", "--auto", "-m", "x", "--rev-id", "a4"]);
            run(&["migrate"]);
            assert_eq!(app.db.revisions(), ["a4"]);
        }
    }
}

#[test]
fn a_temporary_folder_that_is_not_there_is_said() {
    let app = App::sqlite();
    app.shed(["current"]).env("TMPDIR", app.path("nowhere")).stderr_has("$REPO/nowhere").fails(3);
}

/// root may write everywhere, so a folder in a file stands for one that cannot be written to.
#[test]
fn without_a_place_for_state_the_run_goes_on_beside_the_settings() {
    let app = App::sqlite();
    app.write("file", "");
    let said = app.shed(["migrate"]).env("SHED_STATE_DIR", app.path("file/state")).any_stderr().ok();
    assert!(!said.stderr.contains("file/state"), "{}", said.stderr);
    assert_eq!(app.read(".shed/.gitignore"), "*\n");
    assert_eq!(runs(&app.path(".shed")).len(), 1);
    let mode = std::fs::metadata(app.path(".shed")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_state_folder_that_is_read_only_is_passed_over() {
    let app = App::sqlite();
    let state = app.beside("state");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::set_permissions(&state, PermissionsExt::from_mode(0o500)).unwrap();
    app.shed(["migrate"]).any_stderr().ok();
    assert_eq!(app.db.revisions(), ["a3"]);
    let places = [runs(&state).len(), runs(&app.path(".shed")).len()];
    assert!(places == [0, 1] || (places == [1, 0] && is_root()), "{places:?}");
    std::fs::set_permissions(&state, PermissionsExt::from_mode(0o700)).unwrap();
}

#[test]
fn the_last_twenty_runs_are_kept_for_their_owner_alone() {
    let app = App::sqlite().migrated("a1");
    let oldest = runs(&app.beside("state"));
    for _ in 0..22 {
        app.shed(["current"]).any_stdout().any_stderr().ok();
    }
    let kept = runs(&app.beside("state"));
    assert_eq!(kept.len(), 20);
    assert!(!kept.contains(&oldest[0]), "{oldest:?} {kept:?}");
    let newest = app.beside("state").join("v1/runs").join(&kept[19]);
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        [mode(newest.clone()), mode(newest.join("log.txt")), mode(newest.join("events.jsonl"))],
        [0o700, 0o600, 0o600]
    );
    app.add_revision("a4", "a3", "op.execute('nonsense')");
    let said = app.shed(["migrate"]).any_stderr().fails(5).stderr;
    let log = said.lines().find_map(|line| line.strip_prefix("log: $STATE")).unwrap();
    let log = std::fs::read_to_string(app.beside("state").join(log.trim_start_matches('/'))).unwrap();
    assert!(log.contains("Traceback (most recent call last)") && log.contains("nonsense"), "{log}");
}

/// The runs that are kept in a state folder, the oldest first.
fn runs(state: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(state.join("v1/runs")).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Whoever owns the folder of the processes' own process.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
