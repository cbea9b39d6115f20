//! Where an application may mount the routes: below prefixes with parameters, in services, behind
//! rewritten paths.

use axum::{
    Router,
    extract::{Path, Request, State},
    http::Uri,
    middleware::map_request,
    response::Response,
    routing,
};
use meet_signal_axum::{Grant, Hub, SignalRouter, SignalUpgrade, client};
use serde_json::json;

use crate::support::{get, join, request, serve, upgrade};

fn signal() -> Router {
    SignalRouter::new(Hub::default()).into_router()
}

/// Joins the room `standup` below the prefix, and loads the client.
async fn works(app: Router, prefix: &str) {
    let server = serve(app).await;
    let (_client, welcome) = join(server, &format!("{prefix}/signal/standup")).await;
    assert_eq!(welcome["room"], "standup", "{prefix}");
    let (_client, welcome) = join(server, &format!("{prefix}/signal/%73tandup?page=1")).await;
    assert_eq!(welcome["peers"].as_array().map(Vec::len), Some(1), "{prefix}");
    let refused = upgrade(server, &format!("{prefix}/signal/%2E%2E"), &[]).await;
    assert_eq!(refused.status, 400, "{prefix}");
    let path = format!("{prefix}/signal/standup");
    assert_eq!(request(server, "POST", &path, &[]).await.status, 405, "{prefix}");

    let index = format!("{prefix}/meet-signal/index.js");
    let response = get(server, &index, &[]).await;
    assert_eq!(response.status, 200, "{prefix}");
    assert_eq!(response.header("content-type"), Some("text/javascript; charset=utf-8"));
    let etag = response.header("etag").expect("an ETag");
    assert_eq!(get(server, &index, &[("If-None-Match", etag)]).await.status, 304, "{prefix}");
    let unknown = format!("{prefix}/meet-signal/standup");
    assert_eq!(get(server, &unknown, &[]).await.status, 404, "{prefix}");
}

#[tokio::test]
async fn below_a_prefix_with_parameters() {
    works(Router::new().nest("/teams/{team}", signal()), "/teams/red").await;
    works(Router::new().nest("/a/{b}/c/{d}", signal()), "/a/index.js/c/%C3%A9").await;
    let twice = Router::new().nest("/{a}", Router::new().nest("/{b}", signal()));
    works(twice, "/x%2Fy/z").await;
}

#[tokio::test]
async fn below_a_parameter_of_any_name() {
    for name in ["room", "module", "meet_signal_module"] {
        works(Router::new().nest(&format!("/{{{name}}}"), signal()), "/daily").await;
    }
}

#[tokio::test]
async fn in_a_service_that_is_nested() {
    works(Router::new().nest_service("/teams/{team}", signal()), "/teams/red").await;
    // It has parameters in addition to the router's own, also of the same name.
    let app = Router::new().nest_service("/{meet_signal_room}/{meet_signal_module}", signal());
    works(app, "/daily/app.js").await;
}

#[tokio::test]
async fn in_a_fallback() {
    works(Router::new().fallback_service(signal()), "").await;
    let teams = Router::new().nest("/teams/{team}", signal());
    works(Router::new().fallback_service(teams), "/teams/red").await;
}

#[tokio::test]
async fn behind_paths_that_are_rewritten() {
    /// `/red/signal/x/` is `/teams/red/signal/x`.
    async fn rewrite(mut request: Request) -> Request {
        let path = request.uri().path().trim_end_matches('/');
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let rewritten = format!("/teams{path}{query}").parse::<Uri>();
        *request.uri_mut() = rewritten.expect("a path");
        request
    }

    let app = || {
        let teams = Router::new().nest("/teams/{team}", signal());
        Router::new().fallback_service(teams).layer(map_request(rewrite))
    };
    works(app(), "/red").await;
    let server = serve(app()).await;
    let (_client, welcome) = join(server, "/red/signal/standup/").await;
    assert_eq!(welcome["room"], "standup");
    // The page's host is that of the header, which is not rewritten.
    let origin = format!("http://{server}");
    let response = upgrade(server, "/red/signal/standup", &[("Origin", &origin)]).await;
    assert_eq!(response.status, 101);
}

#[tokio::test]
async fn beside_routes_of_the_application() {
    let app = Router::new()
        .route("/", routing::get(async || "home"))
        .route("/{page}", routing::get(async || "page"))
        .route("/signal", routing::get(async || "about"))
        .fallback(async || "nothing")
        .merge(signal());
    works(app, "").await;
}

#[tokio::test]
async fn the_client_alone_below_a_parameter() {
    let app = Router::new()
        .nest("/{version}/js", client())
        .nest_service("/service/{meet_signal_module}", client());
    let server = serve(app).await;
    for path in ["/1.2/js/index.js", "/service/app.js/index.js"] {
        assert_eq!(get(server, path, &[]).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn an_application_handler_with_its_own_parameters() {
    async fn signal(
        State(hub): State<Hub>,
        Path((team, room)): Path<(String, String)>,
        upgrade: SignalUpgrade,
    ) -> Response {
        upgrade.join(&hub, &format!("{team}~{room}"), Grant::new())
    }

    let rooms = Router::new().route("/rooms/{room}", routing::any(signal));
    let app = Router::new().nest("/teams/{team}", rooms).with_state(Hub::default());
    let (_client, welcome) = join(serve(app).await, "/teams/red/rooms/daily").await;
    assert_eq!(welcome["room"], json!("red~daily"));
}
