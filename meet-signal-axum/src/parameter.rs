//! The parameters of this crate's own routes.

use axum::extract::RawPathParams;

/// The parameter of this name: the last one, since those of the paths that a route is nested in come
/// first. An extractor by position, such as `Path<String>`, would see theirs as well.
pub(crate) fn parameter<'a>(parameters: &'a RawPathParams, name: &str) -> &'a str {
    let found = parameters.iter().filter(|(other, _)| *other == name).last();
    found.map_or("", |(_, value)| value)
}
