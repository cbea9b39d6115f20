//! Text that must not be logged.

use std::{borrow::Cow, fmt};

use serde::Serialize;
use subtle::ConstantTimeEq;

#[cfg(test)]
mod tests;

/// A ticket, a token or a credential: text that must not be in a log or an error message.
///
/// `Debug` hides the text, and there is no `Display`: use [`expose`](Self::expose) to read it. In
/// JSON it is a string.
///
/// Comparison takes constant time for texts of the same length.
///
/// ```
/// use meet_signal_core::Secret;
///
/// let token = Secret::from("open sesame");
/// assert_eq!(format!("{token:?}"), "Secret(..)");
/// assert_eq!(token.expose(), "open sesame");
/// ```
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct Secret<'a>(Cow<'a, str>);

impl Secret<'_> {
    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The secret without the borrow. It copies a borrowed text.
    pub fn into_owned(self) -> Secret<'static> {
        Secret(Cow::Owned(self.0.into_owned()))
    }
}

impl<'a> From<Cow<'a, str>> for Secret<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self(text)
    }
}

impl<'a> From<&'a str> for Secret<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Secret<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl PartialEq for Secret<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret<'_> {}

// Without the length, which is information about a password.
impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
