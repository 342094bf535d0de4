//! The JSON Schema of the settings file, made from the types that read it.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use serde_json::{Value, json};

use crate::settings::written::File;

/// The JSON Schema that `shed settings schema` prints.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(Variables).with_transform(EmptyMaps);
    settings.into_generator().into_root_schema_for::<File>().to_value()
}

/// Where a number or a truth value is asked for, `${VARIABLE}` may stand.
#[derive(Clone)]
struct Variables;

impl Transform for Variables {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        let kinds = match object.get("type") {
            Some(Value::String(kind)) => vec![kind.clone()],
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => return,
        };
        let typed = |kind: &String| kind == "integer" || kind == "boolean";
        if !kinds.iter().any(typed) || kinds.iter().any(|kind| kind == "string") {
            return;
        }
        object.insert("type".to_owned(), json!([kinds, vec!["string".to_owned()]].concat()));
        object.insert("pattern".to_owned(), json!(r"\$\{"));
    }
}

/// A key with nothing after it is an empty map.
#[derive(Clone)]
struct EmptyMaps;

impl Transform for EmptyMaps {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        if schema.get("type").is_some_and(|kind| kind == "object") {
            schema.insert("type".to_owned(), json!(["object", "null"]));
        }
    }
}
