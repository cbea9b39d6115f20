//! The JSON Schemas of types with a custom serialization.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::{PeerId, Permissions, RoomId, Secret};

impl JsonSchema for PeerId {
    fn schema_name() -> Cow<'static, str> {
        "PeerId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Opaque; 128 random bits in base64url (RFC 4648, section 5).",
            "type": "string",
            "pattern": "^[A-Za-z0-9_-]{22}$",
        })
    }
}

impl JsonSchema for RoomId {
    fn schema_name() -> Cow<'static, str> {
        "RoomId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The name of a room: at most 128 bytes of UTF-8, without unassigned characters.",
            "type": "string",
            "minLength": 1,
            "maxLength": RoomId::MAX_LEN,
            "pattern": "^[^\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\uFFFD]*$",
            "not": { "enum": [".", ".."] },
        })
    }
}

impl JsonSchema for Secret<'_> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        str::json_schema(generator)
    }
}

impl JsonSchema for Permissions {
    fn schema_name() -> Cow<'static, str> {
        "Permissions".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The names of the granted permissions.",
            "type": "array",
            "items": { "enum": ["signal", "broadcast", "moderate"] },
            "uniqueItems": true,
        })
    }
}
