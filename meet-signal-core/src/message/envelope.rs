//! The JSON object of a client's message, before its type is known.
//!
//! serde's internally tagged enums buffer their content, so they cannot hold a borrowed `RawValue`.
//! Instead each field is kept as raw JSON here, and parsed as its message requires; so the fields
//! of an unknown type of message can have any value.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::malformed::Problem;

type Raw<'a> = Option<&'a RawValue>;

/// A JSON object with the fields of all known messages. Unknown fields are ignored; a duplicate
/// known field is an error.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) to: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) data: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "present", rename = "ref")]
    pub(super) reference: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) meta: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) token: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) resume: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) replaces: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) offers: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) ticket: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) received: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) peer: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) reason: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "present", rename = "banSeconds")]
    pub(super) ban_seconds: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) locked: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) enabled: Raw<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) permissions: Raw<'a>,
}

impl<'a> Envelope<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, Problem> {
        if is_array(text) {
            return Err(Problem::Envelope);
        }
        serde_json::from_str(text).map_err(|_| Problem::Envelope)
    }

    pub(super) fn reference(&self) -> Result<Option<u64>, Problem> {
        optional("ref", self.reference)
    }
}

/// Parses a required field.
pub(super) fn required<'a, T: Deserialize<'a>>(
    name: &'static str,
    field: Raw<'a>,
) -> Result<T, Problem> {
    read(name, field.ok_or(Problem::Missing(name))?)
}

/// The JSON of a required field. It is not parsed again, because it was checked when the envelope
/// was parsed.
pub(super) fn raw<'a>(name: &'static str, field: Raw<'a>) -> Result<&'a RawValue, Problem> {
    field.ok_or(Problem::Missing(name))
}

/// Parses an optional field, which may also be `null`.
pub(super) fn optional<'a, T: Deserialize<'a>>(
    name: &'static str,
    field: Raw<'a>,
) -> Result<Option<T>, Problem> {
    field.map_or(Ok(None), |raw| read(name, raw))
}

/// Parses an optional field that is an object.
pub(super) fn optional_object<'a, T: Deserialize<'a>>(
    name: &'static str,
    field: Raw<'a>,
) -> Result<Option<T>, Problem> {
    if field.is_some_and(|raw| is_array(raw.get())) {
        return Err(Problem::WrongType(name));
    }
    optional(name, field)
}

/// serde also deserializes structs from arrays, which the protocol does not allow.
fn is_array(json: &str) -> bool {
    json.trim_ascii_start().starts_with('[')
}

fn read<'a, T: Deserialize<'a>>(name: &'static str, raw: &'a RawValue) -> Result<T, Problem> {
    serde_json::from_str(raw.get()).map_err(|_| Problem::WrongType(name))
}

/// Deserializes `null` as a value: by default, an `Option` would take it for a missing field.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Raw<'de>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}
