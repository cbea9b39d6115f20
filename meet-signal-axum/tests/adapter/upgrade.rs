//! The upgrade request, with an application's own options and handlers.

use axum::{
    Router,
    extract::{FromRequestParts, Path, State},
    http::{StatusCode, request::Parts},
    response::Response,
    routing,
};
use futures_util::SinkExt;
use meet_signal_axum::{
    Grant, Hub, Meta, OriginPolicy, SignalRouter, SignalUpgrade, UpgradeRefused,
};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{HANDSHAKE, get, join, next_message, request, serve, upgrade};

#[tokio::test]
async fn listed_origins_may_connect_and_no_others() {
    let policy = OriginPolicy::listed(["https://meet.example.com"]).unwrap();
    let server = serve(SignalRouter::new(Hub::default()).origins(policy).into_router()).await;
    let same_host = format!("http://{server}");
    for (origin, status) in [
        ("https://meet.example.com", 101),
        ("http://meet.example.com", 403),
        ("https://meet.example.com:8443", 403),
        ("null", 403),
        (&same_host, 403),
    ] {
        let response = upgrade(server, "/signal/standup", &[("Origin", origin)]).await;
        assert_eq!(response.status, status, "{origin}");
    }
    assert_eq!(upgrade(server, "/signal/standup", &[]).await.status, 101);
}

/// The scheme is in each HTTP/2 request, and in an HTTP/1.1 request with an absolute target.
#[tokio::test]
async fn http_pages_may_not_connect_over_an_encrypted_connection() {
    let server = serve(SignalRouter::new(Hub::default()).into_router()).await;
    for (target, scheme, status) in [
        ("https", "https", 101),
        ("https", "http", 403),
        ("http", "http", 101),
        // Behind a proxy that terminates TLS.
        ("http", "https", 101),
    ] {
        let path = format!("{target}://{server}/signal/standup");
        let origin = format!("{scheme}://{server}");
        let response = upgrade(server, &path, &[("Origin", &origin)]).await;
        assert_eq!(response.status, status, "{origin} at {path}");
    }
}

#[tokio::test]
async fn only_listed_hosts_are_accepted() {
    let policy = |host: &str| OriginPolicy::same_host_among([host]).unwrap();
    for (name, status) in [("meet.example.com", 403), ("127.0.0.1", 101)] {
        // The port is known only when the server listens.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        let policy = policy(&format!("{name}:{}", server.port()));
        let router = SignalRouter::new(Hub::default()).origins(policy).into_router::<()>();
        tokio::spawn(async { axum::serve(listener, router).await });
        let origin = format!("http://{server}");
        let response = upgrade(server, "/signal/standup", &[("Origin", &origin)]).await;
        assert_eq!(response.status, status, "{name}");
    }
}

#[tokio::test]
async fn with_browsers_only_an_origin_is_required() {
    let policy = OriginPolicy::same_host().browsers_only();
    let server = serve(SignalRouter::new(Hub::default()).origins(policy).into_router()).await;
    assert_eq!(upgrade(server, "/signal/standup", &[]).await.status, 403);
    let origin = format!("http://{server}");
    let response = upgrade(server, "/signal/standup", &[("Origin", &origin)]).await;
    assert_eq!(response.status, 101);
}

#[tokio::test]
async fn a_refused_request_gets_the_reason_as_text() {
    let server = serve(SignalRouter::new(Hub::default()).into_router()).await;
    for segment in ["%2E%2E", "%FF", "%00"] {
        let refused = upgrade(server, &format!("/signal/{segment}"), &[]).await;
        assert_eq!((refused.status, refused.body.starts_with("a room name must")), (400, true));
    }
    let refused = upgrade(server, "/signal/a", &[("Origin", "https://evil.example")]).await;
    assert_eq!(refused.body, "pages of this origin may not connect here");
    let refused = upgrade(server, "/signal/a", &[("Sec-WebSocket-Protocol", "chat")]).await;
    assert_eq!(refused.body, "this server speaks the WebSocket subprotocol meet-signal.v1");
}

#[tokio::test]
async fn a_get_without_an_upgrade_is_a_client_error() {
    let server = serve(SignalRouter::new(Hub::default()).into_router()).await;
    let response = get(server, "/signal/standup", &[]).await;
    assert!((400..500).contains(&response.status), "{}", response.status);
}

#[tokio::test]
async fn no_other_method_is_upgraded() {
    async fn signal(
        State(hub): State<Hub>,
        Path(room): Path<String>,
        upgrade: SignalUpgrade,
    ) -> Response {
        upgrade.join(&hub, &room, Grant::new())
    }

    let app = Router::new()
        .route("/rooms/{room}", routing::any(signal))
        .with_state(Hub::default())
        .merge(SignalRouter::new(Hub::default()).into_router());
    let server = serve(app).await;
    for path in ["/rooms/standup", "/signal/standup"] {
        assert_eq!(request(server, "GET", path, &HANDSHAKE).await.status, 101, "{path}");
        for method in ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"] {
            let response = request(server, method, path, &HANDSHAKE).await;
            assert_eq!(response.status, 405, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn another_version_of_websocket_is_a_bad_request() {
    let server = serve(SignalRouter::new(Hub::default()).into_router()).await;
    for version in ["8", "12", "14", ""] {
        let mut headers = HANDSHAKE;
        headers[2].1 = version;
        let response = get(server, "/signal/standup", &headers).await;
        assert_eq!(response.status, 400, "{version}");
    }
}

#[tokio::test]
async fn two_hubs_in_one_process_are_independent() {
    let (one, two) = (Hub::default(), Hub::default());
    let app = Router::new()
        .nest("/one", SignalRouter::new(one.clone()).into_router())
        .nest("/two", SignalRouter::new(two.clone()).into_router());
    let server = serve(app).await;
    let (mut in_one, welcome) = join(server, "/one/signal/standup").await;
    let (_in_two, other) = join(server, "/two/signal/standup").await;
    assert_eq!((&welcome["peers"], &other["peers"]), (&json!([]), &json!([])));
    let room = "standup".parse().unwrap();
    assert_eq!((one.roster(&room).len(), two.roster(&room).len()), (1, 1));

    // No message of the other room came before this one.
    let signal = json!({"type": "signal", "to": other["self"]["id"], "data": 1, "ref": 1});
    in_one.send(Message::text(signal.to_string())).await.unwrap();
    assert_eq!(next_message(&mut in_one).await["code"], "no-such-peer");
}

/// Stands for an application's own login.
struct User {
    name: String,
}

impl<S: Send + Sync> FromRequestParts<S> for User {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let name = parts.headers.get("x-user").and_then(|name| name.to_str().ok());
        name.map(|name| Self { name: name.to_owned() }).ok_or(StatusCode::UNAUTHORIZED)
    }
}

#[tokio::test]
async fn an_extractor_of_the_application_refuses_before_the_upgrade() {
    async fn signal(
        user: User,
        State(hub): State<Hub>,
        Path(room): Path<String>,
        upgrade: SignalUpgrade,
    ) -> Response {
        upgrade.join(&hub, &room, Grant::new().meta(Meta::new(&user.name).unwrap()))
    }

    let hub = Hub::default();
    let app = Router::new().route("/rooms/{room}", routing::any(signal)).with_state(hub.clone());
    let server = serve(app).await;
    assert_eq!(upgrade(server, "/rooms/standup", &[]).await.status, 401);
    let response = upgrade(server, "/rooms/standup", &[("X-User", "Ada")]).await;
    assert_eq!(response.status, 101);
    assert!(hub.rooms().is_empty(), "no client sent `join`");
}

#[tokio::test]
async fn an_application_may_respond_to_refused_requests_itself() {
    async fn signal(
        State(hub): State<Hub>,
        Path(room): Path<String>,
        upgrade: SignalUpgrade,
    ) -> Result<Response, (StatusCode, &'static str)> {
        upgrade.try_join(&hub, &room, Grant::new()).map_err(|refused| match refused {
            UpgradeRefused::Room(_) => (StatusCode::NOT_FOUND, "there is no such room"),
            _ => (StatusCode::IM_A_TEAPOT, "go away"),
        })
    }

    let app = Router::new().route("/rooms/{room}", routing::any(signal)).with_state(Hub::default());
    let server = serve(app).await;
    let response = upgrade(server, "/rooms/a%00b", &[]).await;
    assert_eq!((response.status, response.body.as_str()), (404, "there is no such room"));
    let response = upgrade(server, "/rooms/a", &[("Origin", "null")]).await;
    assert_eq!(response.status, 418);
}
