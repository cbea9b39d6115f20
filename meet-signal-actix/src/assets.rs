//! Serves the browser side.

use actix_web::{
    HttpRequest, HttpResponse, Resource,
    http::{StatusCode, header},
    web,
};
use meet_signal_js::respond;

use crate::upgrade::parameter;

/// A resource that serves the JS modules by name: put it into the scope from which the page imports
/// them.
///
/// ```
/// use actix_web::{App, web};
///
/// // import { MeetRoom } from '/js/meet/index.js';
/// let app = App::new().service(web::scope("/js/meet").service(meet_signal_actix::client()));
/// ```
///
/// Each has an `ETag`, and browsers revalidate it at every use (`Cache-Control: no-cache`), so that no
/// page mixes old and new modules after a deployment.
pub fn client() -> Resource {
    web::resource("/{module}").route(web::get().to(serve)).route(web::head().to(serve))
}

async fn serve(request: HttpRequest) -> HttpResponse {
    let name = parameter(&request, "module");
    let tags =
        request.headers().get_all(header::IF_NONE_MATCH).filter_map(|tags| tags.to_str().ok());
    let module = respond(name, tags);
    let status = StatusCode::from_u16(module.status).expect("a status of HTTP");
    let mut response = HttpResponse::build(status);
    for header in module.headers {
        response.insert_header(header);
    }
    response.body(module.body)
}
