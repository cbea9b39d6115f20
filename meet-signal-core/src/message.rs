//! The messages of the wire protocol, version 1.
//!
//! Clients' messages borrow from the frame they came in and leave their payload as raw JSON; the
//! server's are encoded once, whatever the number of receivers. `docs/protocol.md` says what they
//! mean.

mod client;
mod debug;
mod envelope;
#[cfg(test)]
mod golden;
#[cfg(feature = "schema")]
mod schema;
mod server;

pub use client::{ClientMessage, Join, Malformed, Problem, Resume};
#[cfg(any(test, feature = "unstable-message"))]
pub use server::{ClientLimits, Knocking};
pub use server::{
    ErrorFrame, IceServer, LeaveReason, Peer, Resumed, SelfInfo, ServerMessage, Status, Welcome,
};

use std::{fmt, sync::Arc};

use serde::Serialize;
use serde_json::value::RawValue;

/// The version that a `welcome` states.
pub const VERSION: u32 = 1;

/// What a peer tells the room about itself: opaque JSON; `null` where nothing was told.
///
/// Cloning is a reference count.
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
    /// `value` cannot be represented as JSON (a map with keys that are no strings, say).
    pub fn new(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(Self::from)
    }

    /// The JSON text.
    pub fn as_json(&self) -> &str {
        self.0.get()
    }
}

/// Nothing was told.
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

// Equality of the text: `meta` is opaque, so two spellings of one value are two values.
impl PartialEq for Meta {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl Eq for Meta {}

// The length only: a peer's name is personal data.
impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Meta({} bytes)", self.as_json().len())
    }
}
