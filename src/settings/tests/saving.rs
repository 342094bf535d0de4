//! Changes of the file: only the lines that must change do.

use serde_yaml::Mapping;

use super::{EXAMPLE, Repo};

pub(super) const SMALL: &str = "\
# top
projects:

    billing: # one
        module: a.py   # models
        # between
        db:
            prod: { type: sqlite, connection: { db_path: 'x y.db' } } # flow
            test:
                connection:
                    db_path: \"t.db\"
                    # end

# tail
";

/// The lines that a change takes away and puts in, `-` and `+` in front, and nothing else.
#[track_caller]
fn changed(
    text: &str,
    change: impl FnOnce(&crate::settings::Settings) -> crate::error::Result<crate::settings::Edit>,
) -> String {
    let repo = Repo::new(text);
    let mut settings = repo.read().unwrap();
    let edit = match change(&settings) {
        Ok(edit) => edit,
        Err(error) => return error.to_string(),
    };
    settings.save(edit).unwrap();
    difference(text, &repo.text())
}

pub(super) fn difference(before: &str, after: &str) -> String {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (before.split_inclusive('\n').collect(), after.split_inclusive('\n').collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = before.iter().zip(&after).take_while(same).count();
    let (before, after) = (&before[head..], &after[head..]);
    let tail = before.iter().rev().zip(after.iter().rev()).take_while(same).count();
    let gone = before[..before.len() - tail].iter().map(|line| format!("{}-{line}", head + 1));
    let come = after[..after.len() - tail].iter().map(|line| format!("{}+{line}", head + 1));
    gone.chain(come).collect()
}

pub(super) fn set(text: &str, path: &str, value: &str) -> String {
    changed(text, |settings| settings.set(path, value))
}

pub(super) fn remove(text: &str, path: &str) -> String {
    changed(text, |settings| settings.remove(path))
}

fn keys(text: &str) -> Mapping {
    serde_yaml::from_str(text).unwrap()
}

#[test]
fn a_value_is_replaced_in_its_place() {
    assert_eq!(
        set(EXAMPLE, "projects.billing.db.prod.protected", "false"),
        "25-        protected: true\n25+        protected: false\n"
    );
    assert_eq!(
        set(SMALL, "projects.billing.module", "b: c # d"),
        "5-        module: a.py   # models\n5+        module: 'b: c # d'   # models\n"
    );
    assert_eq!(
        set(SMALL, "projects.billing.module", "[a.py, 'b c.py', \"d,e\"]"),
        "5-        module: a.py   # models\n5+        module: [a.py, b c.py, \"d,e\"]   # models\n"
    );
    let block = "projects:\n  a:\n    on_connect: |\n      x\n      y\n\n    versions: v\n";
    assert_eq!(
        set(block, "projects.a.on_connect", "z"),
        "3-    on_connect: |\n3-      x\n3-      y\n3+    on_connect: z\n"
    );
    let list = "projects:\n  a:\n    module: # models\n    - a.py\n    - b.py # c\n    versions: v\n";
    assert_eq!(
        set(list, "projects.a.module", "b.py"),
        "3-    module: # models\n3-    - a.py\n3-    - b.py # c\n3+    module: b.py # models\n"
    );
}

#[test]
fn values_are_quoted_where_yaml_needs_it() {
    for (typed, written) in [
        ("plain", "plain"),
        ("1.10", "'1.10'"),
        ("\"12\"", "'12'"),
        ("p@ss #1", "'p@ss #1'"),
        ("a\nb", "\"a\\nb\""),
        ("${X:-y}", "${X:-y}"),
        ("it's", "it's"),
        ("- x", "'- x'"),
        ("", "''"),
        ("ü\u{7f}", "\"ü\\x7F\""),
    ] {
        let expected = format!("11-                    db_path: \"t.db\"\n11+                    db_path: {written}\n");
        assert_eq!(set(SMALL, "projects.billing.db.test.connection.db_path", typed), expected, "{typed}");
    }
    assert_eq!(
        set(SMALL, "projects.billing.db.prod.connection.db_path", "a, {b}"),
        "8-            prod: { type: sqlite, connection: { db_path: 'x y.db' } } # flow\n\
         8+            prod: { type: sqlite, connection: { db_path: \"a, {b}\" } } # flow\n"
    );
}

#[test]
fn a_new_key_stands_after_the_last_of_its_map() {
    assert_eq!(set(SMALL, "projects.billing.setup", "a:b"), "12+        setup: a:b\n");
    assert_eq!(
        set(SMALL, "projects.billing.db.test.lock.timeout", "5s"),
        "12+                lock:\n12+                    timeout: 5s\n"
    );
    assert_eq!(
        set(SMALL, "projects.billing.alembic.log_levels.\"sqlalchemy.engine\"", "DEBUG"),
        "12+        alembic:\n12+            log_levels:\n12+                sqlalchemy.engine: DEBUG\n"
    );
    assert_eq!(
        set(SMALL, "projects.billing.db.prod.lock.timeout", "5s"),
        "8-            prod: { type: sqlite, connection: { db_path: 'x y.db' } } # flow\n\
         8+            prod: { type: sqlite, connection: { db_path: 'x y.db' }, lock: { timeout: 5s } } # flow\n"
    );
    let several = "projects:\n  a: {versions: v, # c\n   setup: b,\n  }\n";
    assert_eq!(set(several, "projects.a.module", "m.py"), "3-   setup: b,\n3+   setup: b, module: m.py,\n");
    let last_line = "projects:\r\n  a:\r\n    module: a.py";
    assert_eq!(set(last_line, "projects.a.setup", "x"), "3-    module: a.py3+    module: a.py\r\n3+    setup: x");
}

#[test]
fn an_empty_map_gets_its_first_key() {
    for text in ["projects: # none\n  # x\n", "projects: {} # none\n  # x\n", "projects: ~ # none\n  # x\n"] {
        let first = text.lines().next().unwrap();
        let told = set(text, "projects.a.module", "a.py").replace(&format!("1-{first}\n1+projects: # none\n"), "2");
        assert_eq!(told.replace("21+", "2+").replace("\n1+", "\n2+"), "2+  a:\n2+    module: a.py\n", "{text}");
    }
    assert_eq!(set("{}", "projects.a.module", "a.py"), "1-{}1+projects:\n1+  a:\n1+    module: a.py");
    assert_eq!(
        set("{projects: {}}", "projects.a.module", "a.py"),
        "1-{projects: {}}1+{projects: { a: { module: a.py } }}"
    );
}

#[test]
fn what_is_removed_takes_its_lines_and_no_others() {
    assert_eq!(
        remove(SMALL, "projects.billing.db.test"),
        "9-            test:\n9-                connection:\n9-                    db_path: \"t.db\"\n"
    );
    assert_eq!(
        remove(SMALL, "projects.billing.db.prod.type"),
        "8-            prod: { type: sqlite, connection: { db_path: 'x y.db' } } # flow\n\
         8+            prod: { connection: { db_path: 'x y.db' } } # flow\n"
    );
    assert_eq!(
        remove("projects: # c\n  a: {versions: v}\n", "projects.a"),
        "1-projects: # c\n1-  a: {versions: v}\n1+projects: {} # c\n"
    );
    assert_eq!(
        remove("projects:\n  a: {versions: v, env: {B: c}}\n", "projects.a.env.B"),
        "2-  a: {versions: v, env: {B: c}}\n2+  a: {versions: v, env: {}}\n"
    );
    assert_eq!(remove(SMALL, "projects.billing.modul"), "there is no `modul`\nhelp: did you mean `module`?");
}

#[test]
fn projects_and_databases_are_added_as_blocks() {
    let database = keys("{type: postgres, db_name: x, connection: {host: h, options: {a: b}}}");
    assert_eq!(
        changed(EXAMPLE, |settings| settings.add_database("billing", "new", &database)),
        "36+      new:\n36+        type: postgres\n36+        db_name: x\n36+        connection:\n36+          host: h\n\
         36+          options:\n36+            a: b\n"
    );
    let server = keys("{type: postgres, connection: {host: h}}");
    assert_eq!(
        changed(EXAMPLE, |settings| settings.add_database("development", "new", &server)),
        "10+    new:\n10+      type: postgres\n10+      connection:\n10+        host: h\n"
    );
    let project = keys("{module: [x/a.py, b], db: {}}");
    assert_eq!(
        changed(EXAMPLE, |settings| settings.add_project("two", &project)),
        "36+  two:\n36+    module: [x/a.py, b]\n36+    db: {}\n"
    );
    assert_eq!(
        changed(EXAMPLE, |settings| settings.add_project("billing", &project)),
        "there is a project `billing` already\nhelp: `shed settings set` changes it"
    );
    assert_eq!(
        changed(EXAMPLE, |settings| settings.add_database("biling", "new", &database)),
        "there is no project `biling`\nhelp: did you mean `billing`?"
    );
    assert_eq!(
        changed(EXAMPLE, |settings| settings.add_project("my app", &project)),
        "`my app` is no name for a project\nhelp: letters, digits, `_` and `-`, no spaces: `my_app`"
    );
}
