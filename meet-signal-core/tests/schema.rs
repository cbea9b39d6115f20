//! The JSON Schemas in `docs/schema` are what the Rust types say.
//!
//! A change of a message needs new ones:
//! `UPDATE_SCHEMAS=1 cargo test -p meet-signal-core --features schema --test schema`

use std::{env, fs, path::Path};

use meet_signal_core::message::{ClientMessage, ServerMessage};
use schemars::{JsonSchema, Schema, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::{Value, json};

#[test]
fn the_committed_schema_of_what_clients_send_is_that_of_the_types() {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    assert_committed("client-message", &schema::<ClientMessage<'static>>(settings));
}

#[test]
fn the_committed_schema_of_what_the_server_sends_is_that_of_the_types() {
    let mut settings = SchemaSettings::draft2020_12().for_serialize();
    settings.transforms.push(Box::new(RecursiveTransform(without_null)));
    assert_committed("server-message", &schema::<ServerMessage<'static>>(settings));
}

fn schema<T: JsonSchema>(mut settings: SchemaSettings) -> Schema {
    settings.transforms.push(Box::new(RecursiveTransform(describe_for_the_wire)));
    settings.transforms.push(Box::new(RecursiveTransform(bound_integers)));
    settings.into_generator().into_root_schema_for::<T>()
}

fn assert_committed(name: &str, schema: &Schema) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema");
    let path = folder.join(format!("{name}.schema.json"));
    if env::var_os("UPDATE_SCHEMAS").is_some() {
        let text = serde_json::to_string_pretty(schema).expect("a schema is JSON");
        fs::write(&path, text + "\n").expect("docs/schema can be written to");
    }
    let committed = fs::read_to_string(&path).expect("docs/schema has one for each direction");
    let committed: Value = serde_json::from_str(&committed).expect("a schema is JSON");
    assert!(
        committed == *schema.as_value(),
        "{name}.schema.json is not what the types say; `UPDATE_SCHEMAS=1` writes it anew",
    );
}

/// A type's first paragraph is about the message, what follows is about the type.
fn describe_for_the_wire(schema: &mut Schema) {
    let Some(Value::String(docs)) = schema.get_mut("description") else { return };
    let first = docs.split("\n\n").next().unwrap_or_default();
    *docs = first.replace('\n', " ");
    assert!(!docs.contains("`]"), "a link is for rustdoc alone: {docs}");
}

/// schemars' `format` for an integer's size is no format of JSON Schema; a strict validator refuses
/// it.
fn bound_integers(schema: &mut Schema) {
    let most = match schema.get("format").and_then(Value::as_str) {
        Some("uint32") => json!(u32::MAX),
        Some("uint64") => json!(u64::MAX),
        _ => return,
    };
    schema.remove("format");
    schema.insert("maximum".to_owned(), most);
}

/// A client may write `null` for "none"; the server leaves such a field out.
fn without_null(schema: &mut Schema) {
    if let Some(Value::Array(alternatives)) = schema.get("anyOf")
        && let [only, null] = alternatives.as_slice()
        && *null == json!({"type": "null"})
    {
        let reference = only["$ref"].clone();
        schema.remove("anyOf");
        schema.insert("$ref".to_owned(), reference);
    }
    let Some(Value::Array(types)) = schema.get_mut("type") else { return };
    types.retain(|name| name != "null");
    if let [only] = types.as_slice() {
        let only = only.clone();
        schema.insert("type".to_owned(), only);
    }
}
