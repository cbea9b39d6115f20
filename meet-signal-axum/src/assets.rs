//! Serving the browser side.

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use meet_signal_js::{CONTENT_TYPE, Module, module};

/// A router that serves the JS modules by name: nest it where the page imports them from.
///
/// ```
/// use axum::Router;
///
/// // import { MeetRoom } from '/js/meet/index.js';
/// let app: Router = Router::new().nest("/js/meet", meet_signal_axum::client());
/// ```
///
/// Each is served with an `ETag` and revalidated at every use (`Cache-Control: no-cache`), so that
/// after a deployment no page mixes old modules with new ones.
pub fn client<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    Router::new().route("/{module}", get(serve))
}

async fn serve(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(module) = module(&name) else {
        return (StatusCode::NOT_FOUND, "no such module").into_response();
    };
    let validators = [
        (header::ETAG, etag(module)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    if is_fresh(&headers, module) {
        return (StatusCode::NOT_MODIFIED, validators).into_response();
    }
    let types = [
        (header::CONTENT_TYPE, CONTENT_TYPE),
        // Without it, a module imported by a page of another origin could be read as another type.
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (validators, types, module.source).into_response()
}

fn etag(module: &Module) -> HeaderValue {
    HeaderValue::from_str(module.etag.as_str()).expect("a tag is printable ASCII")
}

/// `If-None-Match` by RFC 9110, section 13.1.2: a list of tags, compared weakly, or `*`.
fn is_fresh(headers: &HeaderMap, module: &Module) -> bool {
    let tags = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|tags| tags.to_str().ok());
    tags.flat_map(|tags| tags.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == module.etag.as_str())
}
