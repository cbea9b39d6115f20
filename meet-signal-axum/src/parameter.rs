//! The parameters of this crate's own routes.

use axum::extract::RawPathParams;

/// The last parameter of this name: those of the paths in which a route is nested come first. An
/// extractor by position, such as `Path<String>`, would extract those, too.
pub(crate) fn parameter<'a>(parameters: &'a RawPathParams, name: &str) -> &'a str {
    let found = parameters.iter().filter(|(other, _)| *other == name).last();
    found.map_or("", |(_, value)| value)
}
