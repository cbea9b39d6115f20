//! Refusals over the WebSocket, by an application's own login.

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{FromRequestParts, OptionalFromRequestParts, Path, State},
    http::{StatusCode, request::Parts},
    response::Response,
    routing::any,
};
use futures_util::{SinkExt, StreamExt};
use meet_signal_axum::{Denied, Grant, Hub, Limits, OriginPolicy, SignalUpgrade, UpgradeRefused};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    client_async,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue},
};

use crate::support::{Client, get, next_message, serve, serve_with_addresses, upgrade};

/// Stands for an application's own login.
struct User;

impl<S: Send + Sync> FromRequestParts<S> for User {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let is_known = parts.headers.contains_key("x-user");
        if is_known { Ok(Self) } else { Err(StatusCode::UNAUTHORIZED) }
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for User {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, StatusCode> {
        Ok(parts.headers.contains_key("x-user").then_some(Self))
    }
}

async fn by_result(
    user: Result<User, StatusCode>,
    State(hub): State<Hub>,
    Path(room): Path<String>,
    upgrade: SignalUpgrade,
) -> Response {
    match user {
        Ok(_) => upgrade.join(&hub, &room, Grant::new()),
        Err(_) => upgrade.refuse(&hub, Denied::unauthorized("log in again")),
    }
}

async fn by_option(
    user: Option<User>,
    State(hub): State<Hub>,
    Path(room): Path<String>,
    upgrade: SignalUpgrade,
) -> Response {
    match user {
        Some(_) => upgrade.join(&hub, &room, Grant::new()),
        None => upgrade.refuse(&hub, Denied::unauthorized("log in again")),
    }
}

fn app(hub: &Hub) -> Router {
    Router::new()
        .route("/result/{room}", any(by_result))
        .route("/option/{room}", any(by_option))
        .with_state(hub.clone())
}

async fn connect(server: SocketAddr, path: &str, user: bool) -> Client {
    let mut request = format!("ws://{server}{path}").into_client_request().expect("a URL");
    if user {
        request.headers_mut().insert("x-user", HeaderValue::from_static("ada"));
    }
    let tcp = TcpStream::connect(server).await.expect("a server listens");
    client_async(request, tcp).await.expect("an upgrade").0
}

/// The error and the code of the close frame.
async fn refusal(client: &mut Client) -> (Value, u16) {
    let error = next_message(client).await;
    match client.next().await {
        Some(Ok(Message::Close(Some(close)))) => (error, close.code.into()),
        other => panic!("expected a close frame, got {other:?}"),
    }
}

#[tokio::test]
async fn a_page_without_a_login_learns_that_over_its_websocket() {
    let hub = Hub::default();
    let server = serve(app(&hub)).await;
    let error = json!({"type": "error", "code": "unauthorized", "message": "log in again"});
    for path in ["/result/standup", "/option/standup"] {
        let mut refused = connect(server, path, false).await;
        assert_eq!(refusal(&mut refused).await, (error.clone(), 4502), "{path}");
        assert!(refused.next().await.is_none(), "the connection ends");

        let mut member = connect(server, path, true).await;
        member.send(Message::text(r#"{"type":"join"}"#)).await.unwrap();
        assert_eq!(next_message(&mut member).await["type"], "welcome", "{path}");
    }
}

#[tokio::test]
async fn a_ticket_does_not_help_a_page_without_a_login() {
    let hub = Hub::default();
    let server = serve(app(&hub)).await;
    let mut member = connect(server, "/result/standup", true).await;
    member.send(Message::text(r#"{"type":"join"}"#)).await.unwrap();
    let welcome = next_message(&mut member).await;
    let resume = json!({"type": "join", "resume": {"ticket": welcome["ticket"], "received": 0}});
    let mut other = connect(server, "/result/standup", false).await;
    // The connection may be closed already.
    let _ = other.send(Message::text(resume.to_string())).await;
    assert_eq!(refusal(&mut other).await.1, 4502);
    member.send(Message::text(r#"{"type":"probe"}"#)).await.unwrap();
    assert_eq!(next_message(&mut member).await["type"], "ping");
}

#[tokio::test]
async fn a_page_of_another_origin_learns_nothing() {
    let server = serve(app(&Hub::default())).await;
    for headers in [[("Origin", "https://evil.example")], [("Sec-WebSocket-Protocol", "chat")]] {
        let status = if headers[0].0 == "Origin" { 403 } else { 400 };
        assert_eq!(upgrade(server, "/result/standup", &headers).await.status, status);
        assert_eq!(get(server, "/result/standup", &headers).await.status, status);
    }
}

#[tokio::test]
async fn a_get_that_asks_for_no_websocket_gets_the_refusal_as_a_status() {
    async fn refuse(
        State(hub): State<Hub>,
        Path(kind): Path<String>,
        upgrade: SignalUpgrade,
    ) -> Response {
        // A page of the same origin sends no `Origin` with an ordinary `GET`.
        let upgrade = upgrade.origins(OriginPolicy::same_host().browsers_only());
        upgrade.refuse(&hub, denied(&kind))
    }

    let app = Router::new().route("/{kind}", any(refuse)).with_state(Hub::default());
    let server = serve(app).await;
    for (kind, status) in
        [("unauthorized", 401), ("refused", 403), ("banned", 403), ("unavailable", 503)]
    {
        let response = get(server, &format!("/{kind}"), &[]).await;
        assert_eq!((response.status, response.body.as_str()), (status, "log in again"), "{kind}");
        assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(upgrade(server, &format!("/{kind}"), &[]).await.status, 403, "{kind}");
    }
}

fn denied(kind: &str) -> Denied {
    match kind {
        "unauthorized" => Denied::unauthorized("log in again"),
        "refused" => Denied::refused("log in again"),
        "banned" => Denied::banned("log in again"),
        _ => Denied::unavailable("log in again"),
    }
}

#[tokio::test]
async fn an_application_may_respond_to_refused_requests_itself() {
    async fn signal(
        user: Option<User>,
        State(hub): State<Hub>,
        Path(room): Path<String>,
        upgrade: SignalUpgrade,
    ) -> Result<Response, StatusCode> {
        let response = match user {
            Some(_) => upgrade.try_join(&hub, &room, Grant::new()),
            None => upgrade.try_refuse(&hub, Denied::unauthorized("log in again")),
        };
        response.map_err(|refused| match refused {
            UpgradeRefused::NotWebSocket => StatusCode::UPGRADE_REQUIRED,
            _ => StatusCode::IM_A_TEAPOT,
        })
    }

    let app = Router::new().route("/{room}", any(signal)).with_state(Hub::default());
    let server = serve(app).await;
    assert_eq!(upgrade(server, "/standup", &[("Origin", "null")]).await.status, 418);
    assert_eq!(get(server, "/standup", &[("X-User", "ada")]).await.status, 426);
    assert_eq!(get(server, "/standup", &[]).await.status, 401);
    assert_eq!(refusal(&mut connect(server, "/standup", false).await).await.1, 4502);
}

/// A refused connection counts for its address while it is open.
#[tokio::test]
async fn a_client_that_does_not_reply_to_the_close_holds_its_place_for_a_short_time() {
    let limits = Limits::builder().address_connections(1);
    let server = serve_with_addresses(app(&Hub::new(limits.build().unwrap()))).await;
    // It does not read the close frame.
    let mut silent = connect(server, "/result/standup", false).await;
    assert_eq!(next_message(&mut silent).await["type"], "error");
    let (error, close) = refusal(&mut connect(server, "/result/standup", false).await).await;
    assert_eq!((&error["code"], close), (&json!("rate-limited"), 4003));
    loop {
        let (error, close) = refusal(&mut connect(server, "/result/standup", false).await).await;
        if error["code"] == "unauthorized" {
            assert_eq!(close, 4502);
            return;
        }
    }
}
