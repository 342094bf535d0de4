//! `shed schema`: every command has one, and it is strict.

use std::ffi::OsString;

use serde_json::{Value, json};

use crate::app::App;
use crate::document::{complaint, validator};
use crate::repo::Repo;

#[test]
fn every_command_has_a_schema_but_those_whose_output_is_another_program_s() {
    let repo = Repo::new();
    let help = repo.shed(["--help"]).any_stdout().ok().stdout;
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = commands
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next());
    let without: Vec<&str> = names.filter(|name| *name != "help" && validator(name).is_none()).collect();
    assert_eq!(without, ["shell", "alembic"]);
    let refused = "error: the output of `shed shell` is another program's, and no document\n";
    repo.shed(["schema", "shell"]).stderr(refused).fails(2);
    repo.shed(["schema", "stats"]).stderr("error: `stats` is no command\nhelp: shed --help lists them\n").fails(2);
}

#[test]
fn a_document_with_a_field_too_many_or_too_few_is_refused() {
    let app = App::sqlite();
    let said = app.shed(["status", "--format", "json"]).any_stdout().ok().stdout;
    let args = ["status", "--format", "json"].map(OsString::from);
    assert_eq!(complaint(&args, &said), None);
    let with = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
        let mut value: Value = serde_json::from_str(&said).unwrap();
        change(value.as_object_mut().unwrap());
        complaint(&args, &value.to_string())
    };
    assert!(with(&|document| drop(document.insert("more".into(), json!(1)))).is_some());
    assert!(with(&|document| drop(document.remove("heads"))).is_some());
    assert!(with(&|document| drop(document.insert("applied".into(), json!("three")))).is_some());
    assert!(with(&|document| drop(document.insert("pending".into(), Value::Null))).is_none());
}
