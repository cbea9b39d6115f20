//! The metadata of a peer.

use std::{fmt, sync::Arc};

use serde::Serialize;
use serde_json::value::RawValue;

/// Metadata of a peer, which all members of its room see: opaque JSON, `null` by default.
///
/// Cloning increments a reference count.
#[derive(Clone, Serialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(transparent))]
pub struct Meta(
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))] Arc<RawValue>,
);

impl Meta {
    /// Encodes `value`.
    ///
    /// # Errors
    ///
    /// `value` cannot be represented as JSON (for example, a map whose keys are not strings).
    pub fn new(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(Self::from)
    }

    /// The JSON text.
    pub fn as_json(&self) -> &str {
        self.0.get()
    }
}

/// JSON `null`.
impl Default for Meta {
    fn default() -> Self {
        RawValue::NULL.to_owned().into()
    }
}

impl From<Box<RawValue>> for Meta {
    fn from(json: Box<RawValue>) -> Self {
        Self(json.into())
    }
}

// Equality of the text: `meta` is opaque, so two encodings of one value differ.
impl PartialEq for Meta {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl Eq for Meta {}

// Only the length: a peer's name is personal data.
impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Meta({} bytes)", self.as_json().len())
    }
}
