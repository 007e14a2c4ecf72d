//! JSON Schemas of an operation, from its own types.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    admit,
    door::{self, Op},
};

/// Keywords that say nothing to a model, or that clients warn about (`format: uint32` is not a JSON Schema format).
const DROPPED: [&str; 3] = ["$schema", "title", "format"];

/// The schema of the operator's arguments.
pub(super) fn arguments<O: Op>() -> Value {
    let mut schema = of::<O::Arguments>(SchemaSettings::draft2020_12());
    if let Some(object) = schema.as_object_mut() {
        object.insert("additionalProperties".to_owned(), Value::Bool(false));
        object.entry("properties").or_insert_with(|| Value::Object(Map::new()));
    }
    schema
}

/// The schema of an agent's arguments, with the credentials where the operation takes them.
pub(super) fn input<O: Op>() -> Value {
    let mut schema = arguments::<O>();
    if O::IDENTIFIED
        && let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut)
    {
        for (name, schema) in admit::credentials_schema() {
            properties.insert(name.to_owned(), schema);
        }
    }
    schema
}

/// The schema of what a caller may pass.
pub(crate) fn of_caller<O: Op>(is_agent: bool) -> fn() -> Value {
    if is_agent { input::<O> } else { arguments::<O> }
}

/// The schema of an operation's answer.
pub(super) fn output<O: Op>() -> Value {
    of::<O::Answer>(SchemaSettings::draft2020_12().for_serialize())
}

/// As [`output`], of an operation that changes something: the answer then says where that was recorded.
pub(super) fn recorded<O: Op>() -> Value {
    let mut schema = output::<O>();
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        let recorded = json!({
            "type": "string", "description": "Newest entry of the audit chain and its hash: you are its witness",
        });
        properties.insert(door::RECORDED.to_owned(), recorded);
    }
    schema
}

/// The names of the properties that are always there: what is described by the schema fits that all the same.
pub(super) fn bare(mut schema: Value) -> Value {
    if let Some(object) = schema.as_object_mut() {
        let required = object.remove("required").unwrap_or_default();
        let is_always_there =
            |name: &str| required.as_array().is_some_and(|names| names.iter().any(|one| one == name));
        if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
            properties.retain(|name, _| is_always_there(name));
            properties.values_mut().for_each(|property| *property = json!({}));
        }
    }
    schema
}

fn of<T: JsonSchema>(settings: SchemaSettings) -> Value {
    let settings = settings.with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    every_object(&mut schema, &mut |object| {
        drop_keywords(object, &DROPPED);
        list_names(object);
        leave_out_null(object);
    });
    if let Some(object) = schema.as_object_mut() {
        object.remove("description");
    }
    schema
}

fn every_object(value: &mut Value, change: &mut dyn FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            object.values_mut().for_each(|value| every_object(value, change));
            change(object);
        }
        Value::Array(items) => items.iter_mut().for_each(|value| every_object(value, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn drop_keywords(object: &mut Map<String, Value>, keywords: &[&str]) {
    // A property may have the name of a keyword; its value is then a schema, not a string.
    object.retain(|key, value| !keywords.contains(&key.as_str()) || value.is_object());
}

/// An enum whose variants are documented one by one becomes a plain list of names.
fn list_names(object: &mut Map<String, Value>) {
    if let Some(names) = object.get("oneOf").and_then(names_of) {
        object.remove("oneOf");
        object.remove("description");
        object.insert("type".to_owned(), Value::from("string"));
        object.insert("enum".to_owned(), names);
    }
}

fn names_of(variants: &Value) -> Option<Value> {
    let names = variants.as_array()?.iter().map(|variant| variant.get("const").cloned());
    names.collect::<Option<Vec<_>>>().map(Value::Array)
}

/// What is optional is left out: `null` is understood, but not worth a model's attention.
fn leave_out_null(object: &mut Map<String, Value>) {
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            object.extend(only);
        }
    }
}
