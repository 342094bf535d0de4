//! Changes of the file: only the lines that must change do.

use std::os::unix::fs::PermissionsExt;

use serde_yaml::Mapping;

use super::{EXAMPLE, Repo};

const SMALL: &str = "\
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

fn set(text: &str, path: &str, value: &str) -> String {
    changed(text, |settings| settings.set(path, value))
}

fn remove(text: &str, path: &str) -> String {
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
}
