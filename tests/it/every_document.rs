//! Every command, run once with `--format json`: what it prints when it succeeds is as its schema says.

use std::collections::BTreeSet;
use std::ffi::OsString;

use serde_json::Value;

use crate::document::complaint;
use crate::own::Own;
use crate::repo::{Repo, revision_text};

/// Their output is another program's.
const NO_DOCUMENT: [&str; 2] = ["alembic", "shell"];

/// A command line, and its exit code; one after the other on one repository.
const RUNS: &[(&str, i32)] = &[
    ("init more --module more/models.py --db main --type sqlite", 0),
    ("settings path", 0),
    ("settings check", 0),
    ("settings schema", 0),
    ("settings show", 0),
    ("settings set projects.more.recursive false", 0),
    ("settings add project third --versions third", 0),
    ("settings add database third.main --type sqlite", 0),
    ("settings remove projects.third", 0),
    ("settings remove projects.more", 0),
    ("doctor", 0),
    ("targets", 0),
    ("list-templates app", 0),
    ("completions bash", 0),
    ("man", 0),
    ("man --dir pages", 0),
    ("schema status", 0),
    ("cache show", 0),
    ("cache clear", 0),
    ("guard --against main", 0),
    ("create app.main", 0),
    ("wait app.main", 0),
    ("ensure-version app.main", 0),
    ("upgrade app.main --dry-run", 0),
    ("upgrade app.main a1", 0),
    ("upgrade app.main --check", 0),
    ("redo app.main --yes", 0),
    ("rollback app.main --yes", 0),
    ("upgrade --all", 0),
    ("downgrade app.main a1 --yes", 0),
    ("stamp app.main a2", 0),
    ("up app.main --wait", 0),
    ("status", 0),
    ("status --all", 0),
    ("current --all", 0),
    ("current app.main -v", 0),
    ("heads", 0),
    ("heads --all", 0),
    ("history -i", 0),
    ("branches", 0),
    ("show head", 0),
    ("check", 0),
    ("check --all", 0),
    ("check --offline", 0),
    ("models app", 0),
    ("diff app.main", 0),
    ("diff app.main --sql", 0),
    ("revision app.main --auto -m none --dry-run", 0),
    ("revision app -m empty --rev-id a3", 0),
    ("edit app head", 0),
    ("auto app.main --dry-run", 0),
    ("upgrade app.main", 0),
    ("merge app -m both --rev-id m1", 0),
    ("auto app.main", 0),
    ("diff app.main", 0),
    ("diff --all", 0),
    ("log app.main", 0),
    ("models", 0),
    ("models app --list", 0),
    ("backup app.main", 0),
    ("backups app.main --verify", 0),
    ("restore app.main --yes", 0),
    ("recover app.main --list", 0),
    ("recover app.main", 0),
    ("unlock app.main --list", 0),
    ("dump app.main", 0),
    ("dump app.main -o schema.sql", 0),
    ("clone app.main development.scratch/copy --dry-run", 0),
    ("clone app.main development.scratch/copy", 0),
    ("drop development.scratch/copy --yes", 0),
    ("load development.scratch/copy schema.sql --yes", 0),
    ("eject app.main ejected --dry-run", 0),
    ("eject app.main ejected", 0),
    ("adopt legacy --dry-run", 0),
    ("adopt legacy", 0),
    ("server start", 0),
    ("server status", 0),
    ("server stop", 0),
];

#[test]
fn every_command_prints_what_its_schema_says() {
    let own = Own::new();
    prepare(&own);
    let mut seen = BTreeSet::new();
    let leaves = leaves(&own);
    for &(line, code) in RUNS {
        // What the command needs of the repository.
        if line.starts_with("merge ") {
            own.write("app/versions/b2_.py", &revision_text("b2", "a2", "", ""));
        }
        let words: Vec<&str> = line.split(' ').chain(["--format", "json"]).collect();
        let call = own.shed(&words).dir(own.path("")).env("EDITOR", "true").env("SHED_CACHE_DIR", own.beside("cache"));
        let said = call.any_stdout().any_stderr().fails(code);
        let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
        let document: Value =
            serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{line}: {error}: {said:?}"));
        assert!(document["error"].is_null() && !document.is_null(), "{line}: {document}");
        assert_eq!(complaint(&words, &said.stdout), None, "{line}");
        // A document that the schema does not know is one that nobody has checked.
        let mut odd = document.clone();
        if let (Some(object), false) = (odd.as_object_mut(), is_free(line)) {
            object.insert("nobody_s".into(), 1.into());
            assert!(complaint(&words, &odd.to_string()).is_some(), "{line}: any field would do");
        }
        let leaf = leaves
            .iter()
            .filter(|leaf| format!("{line} ").starts_with(&format!("{leaf} ")))
            .max_by_key(|leaf| leaf.len());
        seen.extend(leaf.cloned());
    }
    let without: Vec<&String> = leaves.difference(&seen).filter(|leaf| !NO_DOCUMENT.contains(&leaf.as_str())).collect();
    assert!(without.is_empty(), "no run of {without:?}: add one to RUNS");
}

/// What prints a schema, or the settings as they are, has whatever fields these have.
fn is_free(line: &str) -> bool {
    ["schema", "settings"].iter().any(|free| line.starts_with(free))
}

fn prepare(own: &Own) {
    let settings = "development:\n  db:\n    own: { type: postgres, embedded: true }\n    scratch: { type: sqlite, connection: { db_path: copies } }\n\
        projects:\n  app:\n    module: app/models.py\n    metadata: metadata\n    ledger: true\n    db:\n      main: { connection: { db_path: app.db } }\n";
    own.write("shed.yaml", settings);
    own.write("more/models.py", "import sqlalchemy as sa\nmetadata = sa.MetaData()\n");
    own.write(
        "app/models.py",
        "import sqlalchemy as sa\nmetadata = sa.MetaData()\nsa.Table('bill', metadata, sa.Column('id', sa.Integer))\n",
    );
    own.write("app/versions/a2_.py", &revision_text("a2", "a1", "", ""));
    own.write("legacy/alembic.ini", "[alembic]\nscript_location = migrations\nsqlalchemy.url = sqlite:///legacy.db\n");
    own.write("legacy/migrations/env.py", "target_metadata = None\n");
    own.write("legacy/migrations/versions/l1_.py", &revision_text("l1", "", "", ""));
    let line = "git init -q -b main && git add -A && git -c user.name=x -c user.email=x commit -q -m first && git checkout -q -b topic";
    own.sh(line).dir(own.path("")).any_stdout().any_stderr().ok();
}

/// The commands of the tree that have none below them: `status`, `settings add project`.
fn leaves(repo: &Repo) -> BTreeSet<String> {
    let pages = crate::help::pages(repo);
    let has_more = |name: &str| pages.keys().any(|other| other.starts_with(&format!("{name}_")));
    let leaves = pages.keys().filter(|name| !has_more(name)).filter_map(|name| name.strip_prefix("shed_"));
    leaves.map(|name| name.replace('_', " ")).collect()
}
