//! `--format json`: one document on stdout, its fields, the errors, several targets.

use serde_json::{Value, json};

use crate::app::App;
use crate::call::Call;
use crate::repo::Repo;

#[test]
fn current_heads_and_branches_give_revisions() {
    for app in App::on_both_alembics() {
        let none = say(&app, &["current"], 0);
        assert_eq!(none, json!({"target": "app.main", "current": []}));
        let app = app.migrated("head").two_heads();
        let current = say(&app, &["current"], 0);
        let mut a3 = facts("a3", &["a2"], &[]);
        assert_eq!(current, json!({"target": "app.main", "current": [with(a3.clone(), "is_current", true)]}));
        a3["is_head"] = true.into();
        let heads = say(&app, &["heads"], 0);
        assert_eq!(heads, json!({"target": "app", "heads": [a3, facts("b1", &["a2"], &[])]}));
        let branches = say(&app, &["branches"], 0);
        let a2 = with(with(facts("a2", &["a1"], &[]), "is_head", false), "is_branch_point", true);
        assert_eq!(branches, json!({"target": "app", "branches": [a2]}));
    }
}

#[test]
fn history_and_show_give_revisions_and_mark_the_current_one_when_asked() {
    for app in App::on_both_alembics() {
        let app = app.migrated("a2");
        let history = say(&app, &["history"], 0);
        assert_eq!(history["target"], "app");
        assert_eq!(each(&history["revisions"], "revision"), json!(["a3", "a2", "a1"]));
        assert_eq!(each(&history["revisions"], "is_current"), json!([null, null, null]));
        assert_eq!(each(&history["revisions"], "is_base"), json!([false, false, true]));
        let marked = say(&app, &["history", "-i"], 0);
        assert_eq!(marked["target"], "app.main");
        assert_eq!(each(&marked["revisions"], "is_current"), json!([false, true, false]));
        let range = say(&app, &["history", "-r", "current:"], 0);
        assert_eq!(each(&range["revisions"], "revision"), json!(["a3", "a2"]));
        let show = say(&app, &["show", "a1"], 0);
        let a1 = with(with(facts("a1", &[], &[]), "is_head", false), "is_base", true);
        assert_eq!(show, json!({"target": "app", "revisions": [a1]}));
        assert_eq!(each(&say(&app, &["show", "current"], 0)["revisions"], "revision"), json!(["a2"]));
    }
}

#[test]
fn check_gives_the_differences_as_data() {
    for app in App::on_both_alembics() {
        let app = app.migrated("head");
        let clean = say(&app, &["check"], 0);
        assert_eq!(clean, json!({"target": "app.main", "in_order": true, "differences": []}));
        app.drift();
        let models = app.read("app/models.py");
        app.write("app/models.py", &models.replace("String(50)", "String(60)").replace("    email: ", "    mail: "));
        let drift = say(&app, &["check"], 1);
        assert_eq!((&drift["target"], &drift["in_order"]), (&json!("app.main"), &json!(false)));
        let found = ["kind", "table", "column", "before", "after"].map(|field| each(&drift["differences"], field));
        let [kinds, tables, columns, before, after] = found;
        assert_eq!(kinds, json!(["add_table", "add_column", "modify_type", "remove_column"]));
        assert_eq!(tables, json!(["toy", "person", "person", "person"]));
        assert_eq!(columns, json!([null, "mail", "name", "email"]));
        assert_eq!(before, json!([null, null, "VARCHAR(50)", "VARCHAR(80)"]));
        assert_eq!(after, json!([null, "VARCHAR(80)", "VARCHAR(60)", null]));
        assert_eq!(drift["differences"][2]["text"], "person.name: type is VARCHAR(50) and should be VARCHAR(60)");
    }
}

#[test]
fn revision_gives_what_was_written_or_null() {
    let app = App::sqlite().migrated("head");
    let auto = |more: &[&str], code| say(&app, &[&["revision", "--auto", "-m", "x"], more].concat(), code);
    let nothing = json!({"target": "app.main", "revision": null, "path": null, "differences": []});
    assert_eq!(auto(&[], 0), nothing);
    assert_eq!(auto(&["--exit-code"], 1), nothing);
    let empty =
        json!({"target": "app.main", "revision": "a4", "path": "$REPO/app/versions/a4_x.py", "differences": []});
    assert_eq!(auto(&["--allow-empty", "--rev-id", "a4", "--exit-code"], 0), empty);
    app.remove("app/versions/a4_x.py");
    app.drift();
    let dry = auto(&["--dry-run", "--rev-id", "a5"], 0);
    assert_eq!((&dry["revision"], &dry["path"]), (&json!("a5"), &Value::Null));
    assert_eq!(each(&dry["differences"], "table"), json!(["toy"]));
    assert!(dry["source"].as_str().unwrap().contains("op.create_table('toy'"), "{dry}");
    app.add_revision("b1", "a2", "pass");
    let merged = say(&app, &["merge", "-m", "both", "--rev-id", "m1"], 0);
    let expected =
        json!({"target": "app", "revision": "m1", "path": "$REPO/app/versions/m1_both.py", "differences": []});
    assert_eq!(merged, expected);
}

#[test]
fn what_writes_to_a_database_gives_where_it_was_where_it_is_and_the_steps() {
    for app in App::on_both_alembics() {
        let up = say(&app, &["migrate", "a2"], 0);
        assert_eq!(fields(&up, &["target", "from", "to", "at_head"]), json!(["app.main", [], ["a2"], false]));
        assert_eq!(up["database"], "sqlite $REPO/data/app.db");
        let step = json!({"revision": "a2", "direction": "upgrade", "from": ["a1"], "to": ["a2"],
            "message": "a2", "path": "$REPO/app/versions/a2_.py"});
        assert!(up["applied"][1]["seconds"].is_f64());
        assert_eq!(without(&up["applied"][1], "seconds"), step);
        let down = say(&app, &["downgrade", "base", "--yes"], 0);
        assert_eq!(fields(&down, &["from", "to", "at_head"]), json!([["a2"], [], false]));
        assert_eq!(each(&down["applied"], "direction"), json!(["downgrade", "downgrade"]));
        let stamp = say(&app, &["stamp", "a3"], 0);
        assert_eq!(fields(&stamp, &["from", "to", "at_head"]), json!([[], ["a3"], true]));
        assert_eq!(each(&stamp["applied"], "direction"), json!(["stamp"]));
        let ensure = say(&app, &["ensure-version"], 0);
        assert_eq!(fields(&ensure, &["from", "to", "applied"]), json!([["a3"], ["a3"], []]));
        let sql = say(&app, &["downgrade", "-1", "--dry-run"], 0);
        assert!(sql["sql"].as_str().unwrap().starts_with("-- Running downgrade a3 -> a2\n"), "{sql}");
        assert_eq!(sql["target"], "app.main");
    }
}

#[test]
fn targets_settings_create_and_templates_are_documents_too() {
    let app = App::sqlite();
    let created = json!({"target": "app.main", "database": "sqlite $REPO/data/app.db", "created": true});
    assert_eq!(say(&app, &["create"], 0), created);
    assert_eq!(say(&app, &["create"], 0), with(created, "created", false));
    let target = json!({"target": "app.main", "project": "app", "database": "main", "type": "sqlite",
        "default": false, "protected": false, "place": "sqlite $REPO/data/app.db"});
    assert_eq!(say(&app, &["targets"], 0), json!({"targets": [target]}));
    assert_eq!(say(&app, &["settings", "path"], 0), json!({"path": "$REPO/shed.yaml"}));
    let app = app.keys("lint: {}");
    let unused = json!([{"path": "projects.app.lint", "line": 4, "column": 5}]);
    let checked = json!({"path": "$REPO/shed.yaml", "projects": 1, "databases": 1, "not_used_yet": unused});
    assert_eq!(say(&app, &["settings", "check"], 0), checked);
    let set = json!({"path": "$REPO/shed.yaml", "change": "projects.app.recursive is now true"});
    assert_eq!(say(&app, &["settings", "set", "projects.app.recursive", "true"], 0), set);
    assert_eq!(say(&app, &["settings", "show"], 0)["projects"]["app"]["recursive"], true);
    assert!(say(&app, &["list-templates"], 0)["templates"].to_string().contains(r#""name":"generic""#));
}

#[test]
fn to_alembic_s_own_output_nothing_is_added() {
    let app = App::sqlite();
    app.shed(["--format", "json", "alembic", "app", "--", "heads"]).stdout("a3 (head)\n").any_stderr().ok();
}

#[test]
fn doctor_gives_what_it_found_and_what_is_missing() {
    let app = App::sqlite();
    let found = say(&app, &["doctor"], 0);
    assert_eq!(fields(&found, &["settings", "missing", "notes"]), json!(["$REPO/shed.yaml", [], []]));
    let project = &found["projects"][0];
    assert_eq!(fields(project, &["project", "found"]), json!(["app", "VIRTUAL_ENV"]));
    assert_eq!(project["python"], "$ENVIRONMENTS/new/bin/python");
    assert_eq!(each(&found["tools"], "tool"), json!(["psql", "pg_dump", "pg_restore", "sqlite3"]));
    let app = app.keys("python: nowhere");
    let lacking = say(&app, &["doctor"], 3);
    assert_eq!(fields(&lacking["projects"][0], &["python", "versions"]), json!([null, null]));
    assert!(lacking["missing"][0].as_str().unwrap().starts_with("app: projects.app.python: $REPO/nowhere"));
}

#[test]
fn an_error_is_a_document_with_its_exit_code() {
    let app = App::sqlite().migrated("a2");
    let error = |args: &[&str], code: i32| {
        let mut said = say(&app, args, code);
        let error = said["error"].take();
        assert_eq!((error["code"].as_i64(), said), (Some(code.into()), json!({"error": null})), "{error}");
        error
    };
    assert_eq!(error(&["current", "ap"], 2)["help"], "did you mean `app`?");
    assert_eq!(error(&["current", "--nonsense"], 2)["message"], "unexpected argument '--nonsense' found");
    let behind = error(&["current", "--check-heads"], 1);
    assert_eq!(behind["message"], "app.main: FAILED: Database is not on all head revisions");
    assert_eq!(error(&["check"], 1)["help"], "shed migrate app.main");
    app.add_revision("a4", "a3", "op.execute('nonsense')");
    let failed = error(&["migrate"], 5);
    assert!(failed["message"].as_str().unwrap().starts_with("app.main: upgrade of revision a4 failed"), "{failed}");
    let detail = failed["detail"].as_str().unwrap();
    assert!(detail.contains("app/versions/a4_.py:12") && detail.contains("the database is at a2"), "{detail}");
    assert!(failed["log"].as_str().unwrap().starts_with("$STATE/v1/runs/"), "{failed}");
    app.write("shed.yaml", "projects: [");
    assert!(error(&["heads"], 2)["message"].as_str().unwrap().contains("$REPO/shed.yaml:1:"));
}

#[test]
fn of_several_targets_the_worst_code_counts_and_each_has_its_own_result() {
    for (worst, among) in [(5, 0), (4, 1), (3, 2), (2, 3), (1, 4), (0, 5)] {
        let repo = failing(&PROJECTS[among..]);
        let said = say(&repo, &["check", "--all"], worst);
        let results = said["results"].as_array().unwrap();
        let of_targets =
            results.iter().map(|result| (&result["target"], &result["error"]["code"], &result["in_order"]));
        let expected: Vec<_> =
            PROJECTS[among..].iter().map(|(name, code, _, _)| (format!("{name}.main"), *code)).collect();
        for ((target, code, in_order), (expected_target, expected_code)) in of_targets.zip(&expected) {
            assert_eq!(target, expected_target);
            match expected_code {
                0 | 1 => assert_eq!((code, in_order.as_bool()), (&Value::Null, Some(*expected_code == 0)), "{said}"),
                _ => assert_eq!(code, expected_code, "{said}"),
            }
        }
        assert_eq!(results.len(), expected.len());
    }
}

/// A name, the exit code of `check`, keys of the project and its database's connection; the worst first.
const PROJECTS: [(&str, i32, &str, &str); 6] = [
    ("ends", 5, "module: ends.py", "{ db_path: a.db }"),
    ("unreachable", 4, "module: fine.py", "{ url: 'postgresql://me@/x?host=/nowhere' }"),
    ("homeless", 3, "module: fine.py, python: nowhere", "{ db_path: c.db }"),
    ("shapeless", 2, "module: fine.py, versions: fine.py", "{ db_path: d.db }"),
    ("drifting", 1, "module: drifting.py", "{ db_path: e.db }"),
    ("fine", 0, "module: fine.py", "{ db_path: f.db }"),
];

/// A repository of projects that fail, each in its own way.
fn failing(projects: &[(&str, i32, &str, &str)]) -> Repo {
    let lines = projects.iter().map(|(name, _, keys, connection)| {
        let versions = if keys.contains("versions") { String::new() } else { format!(", versions: versions/{name}") };
        format!("  {name}: {{ {keys}{versions}, db: {{ main: {{ connection: {connection} }} }} }}\n")
    });
    let settings = format!("projects:\n{}", lines.collect::<String>());
    let models = "import sqlalchemy as sa\nmetadata = sa.MetaData()\n";
    Repo::new()
        .settings(&settings)
        .file("fine.py", models)
        .file("ends.py", "import os\nos._exit(9)\n")
        .file("drifting.py", &format!("{models}t = sa.Table('t', metadata, sa.Column('id', sa.Integer))\n"))
}

/// The one document on stdout.
#[track_caller]
fn say(repo: &Repo, args: &[&str], code: i32) -> Value {
    let call: Call = repo.shed(args).args(["--format", "json"]).any_stdout().any_stderr();
    let said = call.fails(code);
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {said:?}"))
}

/// A revision of `App` as shed describes it, a head on the way to nothing.
fn facts(id: &str, after: &[&str], labels: &[&str]) -> Value {
    json!({"revision": id, "down_revision": after, "branch_labels": labels, "depends_on": [], "message": id, "doc": id,
        "path": format!("$REPO/app/versions/{id}_.py"), "create_date": null, "is_head": true, "is_base": false,
        "is_branch_point": false, "is_merge_point": false})
}

fn with(mut value: Value, field: &str, to: bool) -> Value {
    value[field] = to.into();
    value
}

fn without(value: &Value, field: &str) -> Value {
    let mut value = value.clone();
    value.as_object_mut().unwrap().remove(field);
    value
}

fn fields(value: &Value, names: &[&str]) -> Value {
    names.iter().map(|name| value[*name].clone()).collect()
}

/// One field of each of a list.
fn each(list: &Value, field: &str) -> Value {
    list.as_array().unwrap().iter().map(|item| item[field].clone()).collect()
}
