//! Serves the browser side.

use axum::{
    Router,
    extract::RawPathParams,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use meet_signal_js::respond;

use crate::parameter::parameter;

/// A router that serves the JS modules by name: nest it at the path from which the page imports them.
///
/// ```
/// use axum::Router;
///
/// // import { MeetRoom } from '/js/meet/index.js';
/// let app: Router = Router::new().nest("/js/meet", meet_signal_axum::client());
/// ```
///
/// Each has an `ETag`, and browsers revalidate it at every use (`Cache-Control: no-cache`), so that no
/// page mixes old and new modules after a deployment.
pub fn client<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    Router::new().route(PATH, get(serve))
}

async fn serve(parameters: RawPathParams, headers: HeaderMap) -> Response {
    let tags = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|tags| tags.to_str().ok());
    let module = respond(parameter(&parameters, MODULE), tags);
    let status = StatusCode::from_u16(module.status).expect("a status of HTTP");
    let mut response = (status, module.body).into_response();
    // axum sets a type for a body of bytes, also in a 304.
    response.headers_mut().remove(header::CONTENT_TYPE);
    let headers = module
        .headers
        .into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    response.headers_mut().extend(headers);
    response
}

const PATH: &str = "/{meet_signal_module}";
const MODULE: &str = "meet_signal_module";
