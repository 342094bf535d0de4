//! Scratch databases that are kept on a server for copies: which holds, for what, and for how long.

use crate::cached::{HIT, MODELS, RUN, SETTINGS, drifts, repo};
use crate::call::Call;
use crate::cluster::cluster;
use crate::repo::Repo;

/// A project on PostgreSQL, whose scratch databases are on the tests' server.
fn on_server(project: &str) -> Repo {
    let server = format!("{{ type: postgres, connection: {{ host: {}, user: shed }} }}", cluster().host.display());
    let live = "{ live: { type: postgres, db_name: nowhere, connection: { host: nowhere.invalid } } }";
    let settings = SETTINGS.replace("  app:", &format!("  {project}:"));
    repo().settings(&format!(
        "development:\n  db: {{ pglocal: {server} }}\n{}",
        settings.replace("{ main: { connection: { db_path: app/x.db } } }", live)
    ))
}

fn check_on_server(repo: &Repo, project: &str) -> Call {
    repo.shed(["check", project, "--offline"]).env("SHED_CACHE_DIR", repo.beside("cache")).any_stderr()
}

/// Revisions after a1, each of which says that it is run.
fn chain(repo: &Repo, to: usize) {
    for number in 1..=to {
        let after = if number == 1 { "a1".to_owned() } else { format!("r{}", number - 1) };
        let text = crate::repo::revision_text(&format!("r{number}"), &after, &format!("print({number}, end=' ')"), "");
        repo.write(&format!("app/versions/r{number}_.py"), &text);
    }
}

/// What the revisions of [`chain`] said.
fn replayed(call: Call) -> Vec<u32> {
    call.stdout(RUN).ok().stderr.split_whitespace().map(|number| number.parse().unwrap()).collect()
}

/// The databases of a project's checks on the tests' server.
fn databases_of(project: &str) -> Vec<String> {
    let like = format!("select datname from pg_database where datname like '{project}\\_%\\_\\_shed\\_%' order by 1");
    cluster().psql("postgres", &like).lines().map(str::to_owned).collect()
}

#[track_caller]
fn only_database_of(project: &str) -> String {
    let found = databases_of(project);
    assert!(found.len() == 1 && found[0].contains("__shed_head_"), "{found:?}");
    found[0].clone()
}

#[test]
fn on_a_server_a_long_chain_is_not_replayed_for_one_more_revision() {
    let repo = on_server("long");
    let check = || check_on_server(&repo, "long");
    let all = |to: u32| (1..=to).collect::<Vec<_>>();
    chain(&repo, 60);
    assert_eq!(replayed(check()), all(60));
    let first = only_database_of("long");
    check().stdout(HIT).ok();
    chain(&repo, 61);
    assert_eq!(replayed(check()), [61]);
    assert_ne!(only_database_of("long"), first);
    // Drift is found on what was kept, too.
    repo.write("app/versions/r62_.py", &crate::repo::revision_text("r62", "r61", "op.drop_table('bill')", ""));
    drifts(check_on_server(&repo, "long").stdout("add table bill\n"));
    // The database at that revision does not hold for another of its name, and none for an old one that was edited.
    chain(&repo, 62);
    assert_eq!(replayed(check()), all(62));
    repo.write("app/versions/r7_.py", &repo.read("app/versions/r7_.py").replace("print(7", "print(77"));
    assert_eq!(replayed(check()).iter().position(|&number| number == 77), Some(6));
    only_database_of("long");
}

#[test]
fn a_database_that_is_kept_on_a_server_holds_only_for_what_it_was_made_of() {
    let repo = on_server("stale");
    let check = || check_on_server(&repo, "stale");
    let all = |to: u32| (1..=to).collect::<Vec<_>>();
    chain(&repo, 55);
    assert_eq!(replayed(check()), all(55));
    // What the models mean to the migrations, and what lies beside them, is seen by Python alone.
    let named = MODELS.replace("sa.MetaData()", "sa.MetaData(naming_convention={'ix': 'i_%(column_0_label)s'})");
    repo.write("app/models.py", &named);
    assert_eq!(replayed(check()), all(55));
    repo.write("app/versions/data.sql", "select 1");
    assert_eq!(replayed(check()), all(55));
    // One that somebody opened may be another by now.
    let kept = only_database_of("stale");
    cluster().psql("postgres", &format!("alter database \"{kept}\" allow_connections true"));
    chain(&repo, 56);
    assert_eq!(replayed(check()), all(56));
    // One that is gone is made again.
    cluster().psql("postgres", &format!("drop database \"{}\"", only_database_of("stale")));
    chain(&repo, 57);
    assert_eq!(replayed(check()), all(57));
    chain(&repo, 58);
    assert_eq!(replayed(check()), [58]);
    // With --no-cache nothing of it is used, and nothing kept.
    let kept = only_database_of("stale");
    assert_eq!(replayed(check().arg("--no-cache")), all(58));
    assert_eq!(only_database_of("stale"), kept);
}

#[test]
fn runs_at_once_share_a_kept_database_and_leave_one() {
    let repo = on_server("atonce");
    chain(&repo, 55);
    check_on_server(&repo, "atonce").stdout(RUN).ok();
    for to in [56, 57] {
        chain(&repo, to);
        let mut calls: Vec<Call> = (0..3).map(|_| check_on_server(&repo, "atonce")).collect();
        let runs: Vec<_> = calls.iter_mut().map(Call::start).collect();
        for (call, run) in calls.iter().zip(runs) {
            let said = call.finish(run);
            assert_eq!((said.code, said.stdout.starts_with("No new upgrade operations")), (0, true), "{said:?}");
        }
    }
    // What one of them kept before the other told of its own goes after an hour.
    let left = databases_of("atonce");
    assert!(left.iter().all(|name| name.contains("__shed_head_")), "{left:?}");
    for name in &left {
        let mark = cluster().psql(
            "postgres",
            &format!("select shobj_description(oid, 'pg_database') from pg_database where datname = '{name}'"),
        );
        let old = mark.trim().replace("\"used\":1", "\"used\":");
        cluster().psql("postgres", &format!("comment on database \"{name}\" is '{old}'"));
    }
    chain(&repo, 58);
    check_on_server(&repo, "atonce").stdout(RUN).ok();
    only_database_of("atonce");
}

#[test]
fn a_database_that_is_kept_on_a_server_is_shown_and_dropped() {
    let repo = on_server("shown");
    chain(&repo, 55);
    check_on_server(&repo, "shown").stdout(RUN).ok();
    let kept = only_database_of("shown");
    let cache = |verb: &str| repo.shed(["cache", verb]).env("SHED_CACHE_DIR", repo.beside("cache"));
    let line = format!("  snapshots       1\n    shown.live ({kept} on development.pglocal)\n");
    cache("show").stdout_has(line.clone()).ok();
    cache("clear").stdout_has(line.clone()).ok();
    assert_eq!(databases_of("shown"), [""; 0]);
    check_on_server(&repo, "shown").stdout(RUN).ok();
    let settings = repo.read("shed.yaml");
    repo.write("shed.yaml", &settings.replace(&cluster().host.display().to_string(), "/nowhere"));
    cache("clear")
        .any_stdout()
        .stderr_has("warning: the databases that are kept on development.pglocal were not dropped: ")
        .ok();
    repo.write("shed.yaml", &settings);
    assert!(only_database_of("shown") != kept);
}
