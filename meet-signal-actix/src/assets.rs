//! Serves the browser side.

use actix_web::{
    HttpRequest, HttpResponse, Resource,
    http::{StatusCode, header},
    web,
};
use meet_signal_core::OriginPolicy;
use meet_signal_js::respond;

use crate::upgrade::parameter;

/// A resource that serves the browser side as `index.js`: put it into the scope from which the page
/// imports it.
///
/// ```
/// use actix_web::{App, web};
///
/// // import { MeetRoom } from '/js/meet/index.js';
/// let app = App::new().service(web::scope("/js/meet").service(meet_signal_actix::client()));
/// ```
///
/// Browsers revalidate it at every use. Pages that the server renders import it from
/// [`client_url`](crate::client_url), which browsers keep.
pub fn client() -> Resource {
    client_for(OriginPolicy::default())
}

/// Like [`client`], also for pages of the other origins that [`OriginPolicy::listed`] lists, or of
/// [`any`](OriginPolicy::any) (CORS).
///
/// ```
/// use actix_web::{App, web};
/// use meet_signal_actix::{OriginPolicy, client_for};
///
/// let pages = OriginPolicy::listed(["https://www.example.com"])?;
/// let app = App::new().service(web::scope("/js/meet").service(client_for(pages)));
/// # Ok::<(), meet_signal_actix::InvalidOrigin>(())
/// ```
pub fn client_for(origins: OriginPolicy) -> Resource {
    let serve = move |request: HttpRequest| {
        let response = serve(&request, &origins);
        async move { response }
    };
    web::resource("/{module}").route(web::get().to(serve.clone())).route(web::head().to(serve))
}

fn serve(request: &HttpRequest, origins: &OriginPolicy) -> HttpResponse {
    let values = |name| request.headers().get_all(name).filter_map(|value| value.to_str().ok());
    let file = respond(parameter(request, "module"), values);
    let status = StatusCode::from_u16(file.status).expect("a status of HTTP");
    let mut response = HttpResponse::build(status);
    let origin = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    for header in file.headers.into_iter().chain(origins.response_headers(origin)) {
        response.append_header(header);
    }
    response.body(file.body)
}
