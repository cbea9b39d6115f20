//! Serves the browser side.

use axum::{
    Router,
    extract::{RawPathParams, rejection::RawPathParamsRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use meet_signal_core::OriginPolicy;
use meet_signal_js::respond;

use crate::parameter::{last_segment, parameter};

/// A router that serves the browser side as `index.js`: nest it at the path from which the page
/// imports it.
///
/// ```
/// use axum::Router;
///
/// // import { MeetRoom } from '/js/meet/index.js';
/// let app: Router = Router::new().nest("/js/meet", meet_signal_axum::client());
/// ```
///
/// Browsers revalidate it at every use. Pages that the server renders import it from
/// [`client_url`](crate::client_url), which browsers keep.
pub fn client<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    client_for(OriginPolicy::default())
}

/// Like [`client`], also for pages of the other origins that [`OriginPolicy::listed`] lists, or of
/// [`any`](OriginPolicy::any) (CORS).
///
/// ```
/// use axum::Router;
/// use meet_signal_axum::{OriginPolicy, client_for};
///
/// let pages = OriginPolicy::listed(["https://www.example.com"])?;
/// let app: Router = Router::new().nest("/js/meet", client_for(pages));
/// # Ok::<(), meet_signal_axum::InvalidOrigin>(())
/// ```
pub fn client_for<S>(origins: OriginPolicy) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let serve = async move |uri: Uri, parameters: Parameters, headers: HeaderMap| -> Response {
        let name = match &parameters {
            Ok(parameters) => parameter(parameters, FILE),
            // One of them, perhaps of a path around this one, is not UTF-8.
            Err(_) => last_segment(&uri),
        };
        serve(name, &headers, &origins)
    };
    Router::new().route(PATH, get(serve))
}

type Parameters = Result<RawPathParams, RawPathParamsRejection>;

fn serve(name: &str, headers: &HeaderMap, origins: &OriginPolicy) -> Response {
    let values =
        |name| headers.get_all(name).iter().filter_map(|value: &HeaderValue| value.to_str().ok());
    let file = respond(name, values);
    let status = StatusCode::from_u16(file.status).expect("a status of HTTP");
    let mut response = (status, file.body).into_response();
    // axum sets a type for a body of bytes, also in a 304.
    response.headers_mut().remove(header::CONTENT_TYPE);
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    for (name, value) in file.headers.into_iter().chain(origins.response_headers(origin)) {
        let value = HeaderValue::from_str(value).expect("a value of a header");
        response.headers_mut().append(HeaderName::from_static(name), value);
    }
    response
}

const PATH: &str = "/{meet_signal_module}";
const FILE: &str = "meet_signal_module";
