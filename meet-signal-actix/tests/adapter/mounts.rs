//! Unusual places to mount the routes.

use actix_web::{
    App, HttpResponse,
    dev::{Service, ServiceRequest},
    http::uri::PathAndQuery,
    middleware::NormalizePath,
    web::{self, ServiceConfig},
};
use meet_signal_actix::{Hub, SignalService};

use crate::{
    peer::Peer,
    responses::request,
    server::{Server, run, serve},
};

/// Checks the routes at this prefix: rooms of these names, and the browser side.
async fn is_mounted(server: &Server, prefix: &str) {
    let path = format!("{prefix}/signal/standup");
    let (mut ada, welcome) = Peer::join(server.address, &path, "Ada").await;
    assert_eq!(welcome["room"], "standup", "{path}");
    let (_bob, _) = Peer::join(server.address, &path, "Bob").await;
    ada.expect("joined").await;

    let path = format!("{prefix}/meet-signal/index.js");
    let module = request(server.address, "GET", &path, &[]).await;
    assert_eq!(module.status, 200, "{path}");
    assert_eq!(module.headers["content-type"], "text/javascript; charset=utf-8");
    let path = format!("{prefix}/meet-signal/nothing.js");
    assert_eq!(request(server.address, "GET", &path, &[]).await.status, 404);
}

#[tokio::test]
async fn scopes_with_parameters_may_be_around() {
    let hub = Hub::default();
    let server = serve(move |app: &mut ServiceConfig| {
        let rooms = || SignalService::new(hub.clone());
        app.service(web::scope("/teams/{team}").service(rooms()))
            .service(web::scope("/rooms/{room}/{module}").service(rooms()))
            .service(web::scope("/a/{a}").service(web::scope("/b/{b}/{a}").service(rooms())))
            .service(web::scope("/tail/{rest:.+}/end").service(rooms()));
    });
    for prefix in ["/teams/a%20team", "/rooms/another/x.js", "/a/1/b/2/3", "/tail/x/y/end"] {
        is_mounted(&server, prefix).await;
    }
}

#[tokio::test]
async fn a_default_service_hides_no_route() {
    let fallback = || web::to(async || HttpResponse::ImATeapot().finish());
    let hub = Hub::default();
    let server = run(move || {
        let rooms = || SignalService::new(hub.clone());
        App::new()
            .service(web::scope("/in").service(rooms()).default_service(fallback()))
            .service(rooms())
            .default_service(fallback())
    });
    for prefix in ["", "/in"] {
        is_mounted(&server, prefix).await;
        for (method, path, status) in [
            ("POST", "/signal/standup", 405),
            ("GET", "/signal/standup", 426),
            ("GET", "/signal/a/b", 418),
            ("POST", "/meet-signal/index.js", 405),
        ] {
            let response = request(server.address, method, &format!("{prefix}{path}"), &[]).await;
            assert_eq!(response.status, status, "{method} {prefix}{path}");
        }
    }
}

#[tokio::test]
async fn paths_may_be_normalized() {
    let hub = Hub::default();
    let server = run(move || {
        App::new().wrap(NormalizePath::trim()).service(SignalService::new(hub.clone()))
    });
    is_mounted(&server, "").await;
    is_mounted(&server, "//").await;
    for path in ["/meet-signal/index.js/", "//meet-signal//index.js"] {
        assert_eq!(request(server.address, "GET", path, &[]).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn paths_may_be_rewritten() {
    let hub = Hub::default();
    let server = run(move || {
        App::new()
            .wrap_fn(|mut request, service| {
                rewrite(&mut request);
                service.call(request)
            })
            .service(web::scope("/teams/{team}").service(SignalService::new(hub.clone())))
    });
    is_mounted(&server, "/elsewhere").await;
    is_mounted(&server, "/teams/x").await;
}

/// Rewrites `/elsewhere` to the path of a team.
fn rewrite(request: &mut ServiceRequest) {
    let path = request.path().to_owned();
    let Some(rest) = path.strip_prefix("/elsewhere") else { return };
    let mut parts = request.uri().clone().into_parts();
    let path = format!("/teams/hidden{rest}");
    parts.path_and_query = Some(PathAndQuery::try_from(path).expect("a path"));
    let uri = parts.try_into().expect("a URI");
    request.match_info_mut().get_mut().update(&uri);
    request.head_mut().uri = uri;
}
