//! A project read alone is the project read among all.

use std::path::Path;

use super::Repo;
use super::fuzz::mutated;
use super::random::{Random, wanted};
use crate::settings::kept::{parsed, told};
use crate::settings::outline::Outline;
use crate::settings::source::Source;
use crate::settings::{Project, Settings};

const HEADS: [&str; 6] = [
    "",
    "# top\n\n",
    "%YAML 1.2\n---\n",
    "root: sub # here\n",
    "defaults:\n  backup: { keep: 3 }\n  version_table: vt_${A:-x}\n  pythonpath: [lib]\n",
    "development:\n  db:\n    scratch: { type: sqlite, connection: { db_path: .shed/dev } }\n\n# many\n",
];
const TAILS: [&str; 6] = [
    "",
    "\n# end\n",
    "root: .\n",
    "\ndevelopment:\n  db:\n    pg: { connection: { host: \"${NOWHERE}\" } }\n",
    "defaults: { version_table_schema: s, transactional: false }\n",
    "...\n# after\n",
];
/// `@` stands for the project's number and a tab for a level of indentation.
const BODIES: [&str; 12] = [
    "module: s@/models.py\n\tdb:\n\t\tmain: { type: sqlite, connection: { db_path: d@.db } }\n",
    "module: s@/models.py # why\n\n# between\n\tdb:\n\t\tprod:\n\t\t\tprotected: true\n\t\t\tconnection:\n\t\t\t\thost: \"${HOST_@}\"\n\t\t\t\tpassword: ${PASSWORD}\n\t\t\tdb_name: b@\n",
    "module: [s@/a.py, b.c]\n\ton_connect: |+\n\t\tSELECT 1;\n\n\n",
    "module: s@/x.py\n\ton_connect: >-\n\t\tSELECT\n\n\t\t\t2;\n # out\n",
    "versions: v@\n\tsetup: 'it''s:\n\n\t\tlong'\n",
    "versions: {sqlite: v@/s,\n\t\tpostgres: v@/p}\n\tdb:\n\t\tx:\n\t\t\tconnection: {url: \"postgresql://me:pw@h:1/db@?sslmode=require\"}\n",
    "module: p@\n\tlock_timeout: ${TIME:-5s}\n",
    "module: p@.models\n\talembic:\n\t\tversion_locations: 'v@ w@'\n\t\tpath_separator: space\n",
    "module: s@/m.py\n\tversions: ${PLACE:-q@}\n",
    "script_imports:\n\t- import a\n\t- from b import (\n\t\tc)\n\tmodule: s@/m.py\n\tenv: {A: \"${NOWHERE}\", B: x, C: \"\" }\n",
    "module: s@/m.py\n\tdb:\n\t\tone: { default: true, connection: { db_path: \":memory:\" } }\n\t\ttwo: { connection: { url: \"${NOWHERE}\" }, type: postgres }\n",
    "module: s@/m.py\n\tdb:\n\t\tone:\n\t\t\ttype: sqlite\n\t\t\tconnection:\n\t\t\t\tdb_path:\n\t\t\t\t\td@.db\n\tformat: sql\n\tschemas: ~\n",
];
const KEYS: [&str; 5] = ["p@:\n\t", "\"p@\":\n\t", "p@: # note: x\n\n\t", "'p@':\n\t", "? p@\n: "];

fn text(random: &mut Random) -> String {
    let indent = *random.one_of(&["  ", "    ", " "]);
    let mut text = (*random.one_of(&HEADS)).to_owned() + "projects:" + *random.one_of(&["\n", " # all\n", "\n\n"]);
    for number in 0..=random.below(5) {
        // The last one has its first key in the right column only with two spaces.
        let keys = if indent == "  " { &KEYS[..] } else { &KEYS[..4] };
        let body = (*random.one_of(keys)).to_owned() + *random.one_of(&BODIES);
        let body = body.replace('\t', indent).replace('@', &number.to_string());
        let lines = body.split_inclusive('\n');
        text.extend(lines.map(|line| if line == "\n" { line.to_owned() } else { format!("{indent}{line}") }));
        text += *random.one_of(&["", "", "\n", "  # note\n", "# note\n"]);
    }
    text += *random.one_of(&TAILS);
    if random.below(8) == 0 { text.replace('\n', "\r\n") } else { text }
}

/// Everything that is known about a project, and the troubles that its parts are in.
fn described(settings: &Settings, project: &Project) -> String {
    let mut said = format!("{project:#?}");
    let mut demand =
        |result: crate::error::Result<()>| said += &format!("{:?}", result.map_err(|error| error.to_string()));
    demand(settings.demand_project(&project.name));
    project.db.keys().for_each(|database| demand(settings.demand_database(&project.name, database)));
    said
}

fn protected(settings: &Settings) -> Vec<(String, String)> {
    let databases = settings.protected_projects().unwrap().flat_map(|project| {
        let protected = project.db.values().filter(|database| database.protected);
        protected.map(|database| (project.name.clone(), database.name.clone()))
    });
    databases.collect()
}

fn compare(whole: &Settings, outline: &Outline, repo: &Repo) {
    let fresh = || Settings::in_parts(Path::new("shed.yaml"), whole.source.clone(), outline.clone(), &repo.environment);
    let projects = whole.projects().unwrap();
    assert_eq!(projects.len(), outline.projects.len());
    for project in projects.values() {
        let alone = fresh().unwrap();
        let read = alone.project(&project.name).unwrap().unwrap();
        assert_eq!(described(&alone, read), described(whole, project));
        let connections = |project: &Project| project.db.values().map(|db| db.connection.clone()).collect::<Vec<_>>();
        assert_eq!(connections(read), connections(project));
    }
    let parts = fresh().unwrap();
    assert!(parts.project("nobody").unwrap().is_none());
    assert_eq!(protected(&parts), protected(whole));
    assert_eq!(
        (parts.root(), format!("{:?}", parts.development())),
        (whole.root(), format!("{:?}", whole.development()))
    );
    assert_eq!(format!("{:?}", parts.demand_development("pg")), format!("{:?}", whole.demand_development("pg")));
    let all = |settings: &Settings| format!("{:?}{:?}", settings.projects().unwrap(), settings.unused_keys().unwrap());
    assert_eq!(all(&parts), all(whole));
}

#[test]
fn each_project_of_random_files_is_read_alone_as_among_all() {
    let repo = Repo::new("");
    let mut random = Random(0x5eed_0000_0000_0017);
    let (mut sound, mut outlined, mut changed) = (0, 0, 0);
    let count = wanted("SHED_TEST_PARTS", 3000);
    for round in 0..count {
        let text = text(&mut random);
        let bytes = if round % 2 == 0 { text.into_bytes() } else { mutated(&mut random, &text) };
        let Ok(source) = Source::decode("shed.yaml", &bytes) else { continue };
        let text = source.text.clone();
        let Ok((whole, trees)) = Settings::of_source(Path::new("shed.yaml"), source, &repo.environment) else {
            continue;
        };
        sound += 1;
        if let Some(outline) = Outline::of(&text, &trees) {
            outlined += 1;
            changed += round % 2;
            assert_eq!(parsed(&told(&outline, text.len()), text.len()).as_ref(), Some(&outline), "{text}");
            compare(&whole, &outline, &repo);
        }
    }
    assert!(
        outlined > count / 4 && changed > count / 60,
        "{outlined} of {sound} sound files of {count}, {changed} changed"
    );
}

#[test]
fn anchors_merge_keys_and_flow_maps_of_projects_are_read_whole() {
    let repo = Repo::new("");
    for text in [
        "projects:\n  a: &a { module: a/m.py }\n",
        "projects: { a: { module: a/m.py } }\n",
        "{ projects: { a: { module: a/m.py } } }\n",
        "projects:\n  <<: { b: { module: b/m.py } }\n  a: { module: a/m.py }\n",
        "root: ${ROOT:-x}\nprojects:\n  a: { module: a/m.py }\n",
        "projects:\n  ? a\n  : module: a/m.py\n",
        "projects:\n",
        "root: x\n",
    ] {
        let source = Source::new("shed.yaml", text, false);
        let (_, trees) = Settings::of_source(Path::new("shed.yaml"), source, &repo.environment).unwrap();
        assert_eq!(Outline::of(text, &trees), None, "{text}");
    }
}
