//! What is in `docs`, as types. The README beside the frames says what the fields mean.

use std::{collections::BTreeSet, fs, path::Path};

use jsonschema::Validator;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientValid {
    pub(crate) name: String,
    pub(crate) frame: String,
    pub(crate) is: Option<Value>,
    pub(crate) payload: Option<String>,
    pub(crate) sequenced: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ClientInvalid {
    pub(crate) name: String,
    pub(crate) frame: String,
    pub(crate) error: String,
    #[serde(rename = "ref")]
    pub(crate) reference: Option<u64>,
    pub(crate) sequenced: bool,
    #[serde(default)]
    pub(crate) passes_schema: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) frame: String,
    pub(crate) is: Option<Value>,
    pub(crate) sequenced: bool,
    #[serde(default)]
    pub(crate) ignored: bool,
}

pub(crate) fn frames<T: DeserializeOwned>(file: &str) -> Vec<T> {
    serde_json::from_value(json(&format!("frames/{file}"))).expect(file)
}

pub(crate) fn schema(name: &str) -> Validator {
    jsonschema::validator_for(&definition(name)).expect("a schema")
}

/// The words that a schema prescribes: types of messages, codes, reasons.
pub(crate) fn words(name: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    each_string(&definition(name), &mut |key, text| {
        if key == "const" {
            words.insert(text.to_owned());
        }
    });
    words
}

/// Every string in a JSON value, with the name of its field.
pub(crate) fn each_string(value: &Value, see: &mut impl FnMut(&str, &str)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| each_string(item, see)),
        Value::Object(fields) => {
            for (key, value) in fields {
                value.as_str().into_iter().for_each(|text| see(key, text));
                each_string(value, see);
            }
        }
        _ => {}
    }
}

fn definition(name: &str) -> Value {
    json(&format!("schema/{name}.schema.json"))
}

fn json(file: &str) -> Value {
    serde_json::from_str(&text(file)).expect(file)
}

pub(crate) fn text(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(file);
    fs::read_to_string(path).expect(file)
}
