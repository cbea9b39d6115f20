//! What only the application knows of a member.

use std::{fmt, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::Meta;

/// The application's own key of a user: the same for all of the user's sessions, at any time. Peers
/// never see it.
///
/// A session without one is nobody's: a ticket alone resumes it. An empty key is no key: see
/// [`Grant::identity`](crate::Grant::identity). `Debug` does not show the key, because it is
/// personal data. Cloning increments a reference count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(Arc<str>);

impl Identity {
    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Into<Arc<str>>> From<T> for Identity {
    fn from(key: T) -> Self {
        Self(key.into())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

/// The application's own data about a member, as JSON. Peers never see it; the application finds it
/// in rosters and events.
///
/// `Debug` shows only its length. Cloning increments a reference count.
#[derive(Clone, PartialEq, Eq)]
pub struct AppData(Meta);

impl AppData {
    /// Encodes `value`.
    ///
    /// # Errors
    ///
    /// `value` cannot be represented as JSON (for example, a map whose keys are not strings).
    pub fn new(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        Meta::new(value).map(Self)
    }

    /// Decodes it.
    ///
    /// # Errors
    ///
    /// It is not the JSON of a `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.as_json())
    }

    /// The JSON text.
    pub fn as_json(&self) -> &str {
        self.0.as_json()
    }
}

impl From<Box<RawValue>> for AppData {
    fn from(json: Box<RawValue>) -> Self {
        Self(json.into())
    }
}

impl fmt::Debug for AppData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AppData({} bytes)", self.as_json().len())
    }
}
