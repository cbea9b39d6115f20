//! Serving the browser side.

use axum::{
    Router,
    extract::RawPathParams,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use meet_signal_js::answer;

use crate::parameter::parameter;

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
    Router::new().route(PATH, get(serve))
}

async fn serve(parameters: RawPathParams, headers: HeaderMap) -> Response {
    let tags = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|tags| tags.to_str().ok());
    let answer = answer(parameter(&parameters, MODULE), tags);
    let status = StatusCode::from_u16(answer.status).expect("a status of HTTP");
    let mut response = (status, answer.body).into_response();
    // A body of bytes comes with a type of its own; a 304 has none.
    response.headers_mut().remove(header::CONTENT_TYPE);
    let headers = answer
        .headers
        .into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    response.headers_mut().extend(headers);
    response
}

const PATH: &str = "/{meet_signal_module}";
const MODULE: &str = "meet_signal_module";
