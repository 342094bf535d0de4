//! Random saves: what is read back is what was meant, and no other line changes.

use serde_yaml::{Mapping, Value};

use super::random::{Random, wanted};
use super::saving::difference;
use super::{EXAMPLE, Repo};
use crate::settings::{Edit, Settings};

const FOUR: &str = "# four\nprojects:\n\n    one: # a project\n        module: a/m.py\n\n        db:\n            # the db\n            x: { connection: { db_path: 'x y.db' } } # flow\n            y:\n                connection:\n                    db_path: \"y.db\"   # quoted\n                on_connect:\n                - PRAGMA a\n                - PRAGMA b # b\n    two: {module: b/m.py,\n          versions: [v, w]}\n# the end\n";

const VALUES: [&str; 14] = [
    "plain", "true", "12", "1.10", "a: b", "it's # x", "[a, b]", "\"q\"", "ü ñ", "*star", "", "- x", "{a, b}x",
    "${V:-w}",
];

enum Change {
    Set(Vec<String>, Value),
    Remove(Vec<String>),
}

/// Changes the model as the file should have changed; serde_yaml, not our own reader.
fn apply(model: &mut Value, change: &Change) {
    let (path, value) = match change {
        Change::Set(path, value) => (path, Some(value)),
        Change::Remove(path) => (path, None),
    };
    let (last, before) = path.split_last().unwrap();
    let mut place = model;
    for key in before {
        let Value::Mapping(map) = place else { panic!("{key} is in no map") };
        place = map.entry(key.as_str().into()).or_insert(Value::Mapping(Mapping::new()));
        if place.is_null() {
            *place = Value::Mapping(Mapping::new());
        }
    }
    let Value::Mapping(map) = place else { panic!("{last} is in no map") };
    match value {
        Some(value) => drop(map.insert(last.as_str().into(), value.clone())),
        None => drop(map.shift_remove(last.as_str())),
    }
}

fn change(random: &mut Random, settings: &Settings, step: usize) -> Option<(Change, Edit)> {
    let projects: Vec<&String> = settings.projects().unwrap().keys().collect();
    let project = projects.get(random.below(projects.len())).map_or("one", |name| name.as_str());
    let databases: Vec<&String> =
        settings.projects().unwrap().get(project).into_iter().flat_map(|found| found.db.keys()).collect();
    let database = databases.get(random.below(databases.len())).map_or("x", |name| name.as_str());
    let of_db = format!("projects.{project}.db.{database}");
    let new = format!("projects.n{step}.module");
    let (path, value) = match random.below(12) {
        0 => (format!("projects.{project}.env.K{}", random.below(5)), Some(*random.one_of(&VALUES))),
        1 => (format!("projects.{project}.setup"), Some(*random.one_of(&["a:b", "\"q: r\""]))),
        2 => (format!("{of_db}.protected"), Some(*random.one_of(&["true", "false"]))),
        3 => (format!("{of_db}.connection.options.o"), Some(*random.one_of(&["s", "it's", "a,b", "{x"]))),
        4 => (format!("{of_db}.lock.timeout"), Some("5s")),
        5 => (of_db, None),
        6 => (format!("projects.{project}"), None),
        7 => (format!("projects.{project}.env.K{}", random.below(5)), None),
        8 => (new, Some(if step.is_multiple_of(2) { "x/m.py" } else { "y.py" })),
        9 => (format!("projects.{project}.db.d{step}.connection.db_path"), Some("n.db")),
        10 => (format!("{of_db}.lock"), None),
        _ => (format!("projects.{project}.versions"), Some(*random.one_of(&["v1", "[v2, 'v 3']"]))),
    };
    let keys = path.split('.').map(str::to_owned).collect();
    match value {
        Some(value) => {
            let edit = settings.set(&path, value).ok()?;
            Some((Change::Set(keys, crate::settings::value::typed(value).unwrap()), edit))
        }
        None => Some((Change::Remove(keys), settings.remove(&path).ok()?)),
    }
}

/// Lines taken away or put in, beyond what one change may touch.
fn touches_too_much(change: &Change, difference: &str) -> bool {
    let lines: Vec<&str> =
        difference.lines().map(|line| line.trim_start_matches(|c: char| c.is_ascii_digit())).collect();
    let gone = lines.iter().filter(|line| line.starts_with('-')).count();
    let come = lines.iter().filter(|line| line.starts_with('+')).count();
    match change {
        // One line replaced, or one per new key; a list in a block gives way to one line.
        Change::Set(path, _) => (gone > 1 && come > 1) || come > path.len() + 1,
        // Lines taken away; a map that becomes empty keeps its comments.
        Change::Remove(_) => come > 1 + lines.iter().filter(|line| line.contains('#')).count() * 2 + blank(&lines),
    }
}

fn blank(lines: &[&str]) -> usize {
    lines.iter().filter(|line| line[1..].trim().is_empty()).count()
}

fn comments(text: &str) -> usize {
    text.lines().filter(|line| line.trim_start().starts_with('#')).count()
}

#[test]
fn a_thousand_random_saves_say_what_was_meant_and_touch_no_other_line() {
    let mut random = Random(0x5eed_cafe_f00d_0002);
    let mut saves = 0;
    let mut tries = 0;
    while saves < wanted("SHED_TEST_SAVES", 1_000) {
        let start = random.one_of(&[EXAMPLE, FOUR]).to_string();
        let crlf = random.below(3) == 0;
        let repo = Repo::new(&if crlf { start.replace('\n', "\r\n") } else { start });
        let mut settings = repo.read().unwrap();
        for step in 0..20 {
            tries += 1;
            let before = repo.text();
            let Some((change, edit)) = change(&mut random, &settings, step) else {
                continue;
            };
            settings.save(edit).unwrap();
            let after = repo.text();
            let mut model: Value = serde_yaml::from_str(&before).unwrap();
            apply(&mut model, &change);
            assert_eq!(serde_yaml::from_str::<Value>(&after).unwrap(), model, "{before}\n=>\n{after}");
            let difference = difference(&before, &after);
            assert!(!touches_too_much(&change, &difference), "{difference}\n{before}\n=>\n{after}");
            assert!(matches!(change, Change::Remove(_)) || comments(&before) == comments(&after));
            assert_eq!(after.contains("\r\n"), crlf);
            assert!(!crlf || after.matches('\n').count() == after.matches("\r\n").count());
            saves += 1;
        }
    }
    assert!(tries < 3 * saves, "{saves} of {tries} were saved");
}
