//! Text that must not reach a log.

use std::{borrow::Cow, fmt};

use serde::Serialize;
use subtle::ConstantTimeEq;

#[cfg(test)]
mod tests;

/// A ticket, a token or a credential: text that must not reach a log or an error message.
///
/// Its `Debug` output hides the text, and it has no `Display`: reading the text takes
/// [`expose`](Self::expose). On the wire it is a plain JSON string.
///
/// Comparing two of them takes the same time wherever they differ, but not for different lengths.
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

    /// The same secret without the borrow; copies the text where it was borrowed.
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

// Without the length, which says something about a password.
impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
