//! JSON Schemas of an operation, from its own types.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value};

use crate::{admit, door::Op};

/// Keywords that say nothing to a model, or that clients warn about (`format: uint32` is not a JSON Schema format).
const DROPPED: [&str; 3] = ["$schema", "title", "format"];

/// The schema of an operation's arguments, with the credentials where it takes them.
pub(super) fn input<O: Op>() -> Value {
    let mut schema = of::<O::Arguments>();
    if let Some(object) = schema.as_object_mut() {
        object.insert("additionalProperties".to_owned(), Value::Bool(false));
        let properties = object.entry("properties").or_insert_with(|| Value::Object(Map::new()));
        if let Some(properties) = properties.as_object_mut()
            && O::IDENTIFIED
            && O::ACTION.is_of_agents()
        {
            for (name, schema) in admit::credentials_schema() {
                properties.insert(name.to_owned(), schema);
            }
        }
    }
    schema
}

/// The schema of an operation's answer.
pub(super) fn output<O: Op>() -> Value {
    of::<O::Answer>()
}

fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    prune(&mut schema);
    if let Some(object) = schema.as_object_mut() {
        object.remove("description");
    }
    schema
}

fn prune(value: &mut Value) {
    match value {
        Value::Object(object) => {
            // A property may be called `title` or `format`: only keywords are dropped.
            object.retain(|key, value| !DROPPED.contains(&key.as_str()) || value.is_object());
            if let Some(one_of) = object.get("oneOf").and_then(names_of) {
                object.remove("oneOf");
                object.insert("type".to_owned(), Value::from("string"));
                object.insert("enum".to_owned(), one_of);
            }
            object.values_mut().for_each(prune);
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The names of an enum whose variants are documented one by one.
fn names_of(variants: &Value) -> Option<Value> {
    variants
        .as_array()?
        .iter()
        .map(|variant| variant.get("const").cloned())
        .collect::<Option<Vec<_>>>()
        .map(Value::Array)
}
