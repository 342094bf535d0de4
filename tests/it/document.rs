//! Every document that a test makes shed print is held against what `shed schema` says of it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};

use jsonschema::Validator;
use serde_json::Value;

/// Global options that take a value, which is no command.
const TAKE_VALUES: [&str; 6] = ["--settings", "--format", "--color", "--yes-i-mean", "--jobs", "--shard"];

/// What is wrong with a document on stdout, where the arguments ask for one.
pub fn complaint(args: &[OsString], stdout: &str) -> Option<String> {
    let args: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
    let asks =
        args.windows(2).any(|pair| pair == ["--format", "json"]) || args.iter().any(|arg| arg == "--format=json");
    if !asks || stdout.is_empty() || args.iter().any(|arg| arg == "--" || arg == "--help") {
        return None;
    }
    let is_value = |at: usize| at > 0 && TAKE_VALUES.contains(&args[at - 1].as_ref());
    let command = (0..args.len()).find(|&at| !args[at].starts_with('-') && !is_value(at))?;
    let validator = validator(&args[command])?;
    let document: Value = match serde_json::from_str(stdout) {
        Ok(document) => document,
        Err(error) => return Some(format!("stdout is no JSON: {error}")),
    };
    let errors: Vec<_> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
    (!errors.is_empty())
        .then(|| format!("stdout is not as `shed schema {}` says:\n{}", args[command], errors.join("\n")))
}

/// The validator of a command's documents; `None` where it prints none.
pub fn validator(command: &str) -> Option<Arc<Validator>> {
    static KNOWN: OnceLock<Mutex<HashMap<String, Option<Arc<Validator>>>>> = OnceLock::new();
    let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap();
    let make = || {
        let said = Command::new(env!("CARGO_BIN_EXE_shed")).args(["schema", command]).output().unwrap();
        let schema: Value = said.status.success().then(|| serde_json::from_slice(&said.stdout).unwrap())?;
        jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("the schema of {command}: {error}"));
        Some(Arc::new(jsonschema::validator_for(&schema).unwrap()))
    };
    known.entry(command.to_owned()).or_insert_with(make).clone()
}
