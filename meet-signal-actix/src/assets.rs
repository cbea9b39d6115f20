//! Serving the browser side.

use actix_web::{
    HttpRequest, HttpResponse, Resource,
    http::{StatusCode, header},
    web,
};
use meet_signal_js::answer;

use crate::upgrade::parameter;

/// A resource that serves the JS modules by name: put it into the scope where the page imports them
/// from.
///
/// ```
/// use actix_web::{App, web};
///
/// // import { MeetRoom } from '/js/meet/index.js';
/// let app = App::new().service(web::scope("/js/meet").service(meet_signal_actix::client()));
/// ```
///
/// Each is served with an `ETag` and revalidated at every use (`Cache-Control: no-cache`), so that
/// after a deployment no page mixes old modules with new ones.
pub fn client() -> Resource {
    web::resource("/{module}").route(web::get().to(serve)).route(web::head().to(serve))
}

async fn serve(request: HttpRequest) -> HttpResponse {
    let name = parameter(&request, "module");
    let tags =
        request.headers().get_all(header::IF_NONE_MATCH).filter_map(|tags| tags.to_str().ok());
    let answer = answer(name, tags);
    let status = StatusCode::from_u16(answer.status).expect("a status of HTTP");
    let mut response = HttpResponse::build(status);
    for header in answer.headers {
        response.insert_header(header);
    }
    response.body(answer.body)
}
