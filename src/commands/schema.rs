//! `shed schema`: what the JSON documents of a command are, made from the types that are printed.

use std::fmt;

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema, json_schema};
use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::output::{Failure, Report};

use super::Scope;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The command
    #[arg(value_name = "COMMAND")]
    command: String,
}

/// A JSON Schema.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Document(serde_json::Map<String, Value>);

/// The schema of a command's `--format json`: of its result, and of the error that may come instead.
pub fn schema(tree: &clap::Command, args: &Args) -> Result<Document> {
    let Some(command) = tree.find_subcommand(&args.command) else {
        return Err(Error::usage(format!("`{}` is no command", args.command)).help("shed --help lists them"));
    };
    let name = command.get_name();
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let Some(report) = of_command(name, &mut generator) else {
        return Err(Error::usage(format!("the output of `shed {name}` is another program's, and no document")));
    };
    let error = generator.subschema_for::<Failure>();
    let mut document = json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("shed {name} --format json"),
        "anyOf": [report, error],
        "$defs": generator.take_definitions(true),
    })
    .to_value();
    close(&mut document);
    Ok(Document(document.as_object().cloned().unwrap_or_default()))
}

/// What each command returns; the functions are those that the command tree calls.
fn of_command(name: &str, to: &mut SchemaGenerator) -> Option<Schema> {
    use super::*;
    Some(match name {
        "adopt" => to.subschema_for::<adopt::Adopted>(),
        "init" => to.subschema_for::<init::Made>(),
        "eject" => returned(eject::eject, to),
        "upgrade" => returned(upgrade::upgrade, to),
        "downgrade" => returned(downgrade::downgrade, to),
        "rollback" => returned(rollback::rollback, to),
        "redo" => returned(redo::redo, to),
        "stamp" => returned(stamp::stamp, to),
        "ensure-version" => returned(ensure_version::ensure_version, to),
        "create" => returned(create::create, to),
        "recover" => returned(recover::recover, to),
        "unlock" => returned(unlock::unlock, to),
        "clone" => returned(clone::clone, to),
        "drop" => returned(drop::drop, to),
        "wait" => returned(wait::wait, to),
        "up" => returned(up::up, to),
        "dump" => to.subschema_for::<dump::Dumped>(),
        "load" => returned(load::load, to),
        "backup" => returned(backup::backup, to),
        "backups" => returned(backups::backups, to),
        "restore" => returned(restore::restore, to),
        "revision" => returned(revision::revision, to),
        "merge" => returned(merge::merge, to),
        "edit" => returned(edit::edit, to),
        "auto" => returned(auto::auto, to),
        "status" => returned(status::status, to),
        "current" => returned(current::current, to),
        "heads" => returned(heads::heads, to),
        "log" => returned(log::log, to),
        "guard" => returned(guard::guard, to),
        "history" => returned(history::history, to),
        "branches" => returned(branches::branches, to),
        "show" => returned(show::show, to),
        "diff" => returned(diff::diff, to),
        "models" => returned(models::models, to),
        "check" => returned(check::check, to),
        "server" => to.subschema_for::<servers::Servers>(),
        "targets" => returned(targets::targets, to),
        "settings" => to.subschema_for::<settings::Answer>(),
        "doctor" => to.subschema_for::<doctor::Examined>(),
        "list-templates" => returned(list_templates::list_templates, to),
        "cache" => to.subschema_for::<cache::Cache>(),
        "completions" => to.subschema_for::<completions::Completions>(),
        "man" => to.subschema_for::<man::Manual>(),
        "schema" => to.subschema_for::<Document>(),
        _ => return None,
    })
}

fn returned<A, R: JsonSchema>(
    _: for<'a, 'b, 'c> fn(&'a Scope<'b>, &'c A) -> Result<R>,
    to: &mut SchemaGenerator,
) -> Schema {
    to.subschema_for::<R>()
}

/// No field but those that are named: a new one has to be told of here too.
fn close(value: &mut Value) {
    let Some(object) = value.as_object_mut() else {
        return value.as_array_mut().into_iter().flatten().for_each(close);
    };
    if object.contains_key("properties") && !object.contains_key("additionalProperties") {
        let parts = ["allOf", "anyOf", "oneOf", "$ref"];
        let is_joined = parts.iter().any(|part| object.contains_key(*part));
        object
            .insert(if is_joined { "unevaluatedProperties" } else { "additionalProperties" }.to_owned(), false.into());
        if is_joined {
            // The parts are closed together, not each by itself.
            return object.get_mut("properties").into_iter().for_each(close);
        }
    }
    object.values_mut().for_each(close);
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", serde_json::to_string_pretty(&self.0).unwrap_or_default())
    }
}

impl Report for Document {}
