//! The parameters of this crate's own routes.

use axum::{extract::RawPathParams, http::Uri};

/// The last parameter of this name: those of the paths in which a route is nested come first. An
/// extractor by position, such as `Path<String>`, would extract those, too.
pub(crate) fn parameter<'a>(parameters: &'a RawPathParams, name: &str) -> &'a str {
    let found = parameters.iter().filter(|(other, _)| *other == name).last();
    found.map_or("", |(_, value)| value)
}

/// The room's, as it is in the request: axum matches a path before it decodes it, so an encoded slash
/// is in a segment.
pub(crate) fn last_segment(uri: &Uri) -> &str {
    uri.path().rsplit('/').next().unwrap_or_default()
}
