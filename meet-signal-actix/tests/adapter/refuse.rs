//! Refusals over the WebSocket, by an application's own login.

use std::{
    future::{Ready, ready},
    net::SocketAddr,
};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    dev::Payload,
    error::{ErrorImATeapot, ErrorUnauthorized, ErrorUpgradeRequired},
    web::{self, Data, Path},
};
use meet_signal_actix::{Denied, Grant, Hub, Limits, OriginPolicy, SignalUpgrade, UpgradeRefused};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    client_async,
    tungstenite::{client::IntoClientRequest, http::HeaderValue},
};

use crate::{
    peer::Peer,
    responses::{HANDSHAKE, Response, request},
    server::{Server, serve},
};

/// Stands for an application's own login.
struct User;

impl FromRequest for User {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let is_known = request.headers().contains_key("x-user");
        ready(if is_known { Ok(Self) } else { Err(ErrorUnauthorized("who are you?")) })
    }
}

async fn by_result(
    user: Result<User, actix_web::Error>,
    hub: Data<Hub>,
    room: Path<String>,
    upgrade: SignalUpgrade,
) -> HttpResponse {
    match user {
        Ok(_) => upgrade.join(&hub, &room, Grant::new()),
        Err(_) => upgrade.refuse(&hub, Denied::unauthorized("log in again")),
    }
}

async fn by_option(
    user: Option<User>,
    hub: Data<Hub>,
    room: Path<String>,
    upgrade: SignalUpgrade,
) -> HttpResponse {
    match user {
        Some(_) => upgrade.join(&hub, &room, Grant::new()),
        None => upgrade.refuse(&hub, Denied::unauthorized("log in again")),
    }
}

async fn by_itself(
    user: Option<User>,
    hub: Data<Hub>,
    room: Path<String>,
    upgrade: SignalUpgrade,
) -> Result<HttpResponse, actix_web::Error> {
    let response = match user {
        Some(_) => upgrade.try_join(&hub, &room, Grant::new()),
        None => upgrade.try_refuse(&hub, Denied::unauthorized("log in again")),
    };
    response.map_err(|refused| match refused {
        UpgradeRefused::NotWebSocket => ErrorUpgradeRequired("a WebSocket"),
        _ => ErrorImATeapot("go away"),
    })
}

async fn by_kind(hub: Data<Hub>, kind: Path<String>, upgrade: SignalUpgrade) -> HttpResponse {
    let denied = match kind.as_str() {
        "unauthorized" => Denied::unauthorized("log in again"),
        "refused" => Denied::refused("log in again"),
        "banned" => Denied::banned("log in again"),
        _ => Denied::unavailable("log in again"),
    };
    // A page of the same origin sends no `Origin` with an ordinary `GET`.
    upgrade.origins(OriginPolicy::same_host().browsers_only()).refuse(&hub, denied)
}

fn serve_app(hub: &Hub) -> Server {
    let hub = Data::new(hub.clone());
    serve(move |app| {
        app.app_data(hub.clone())
            .route("/result/{room}", web::get().to(by_result))
            .route("/option/{room}", web::get().to(by_option))
            .route("/itself/{room}", web::get().to(by_itself))
            .route("/kind/{kind}", web::get().to(by_kind));
    })
}

async fn connect(server: SocketAddr, path: &str, user: bool) -> Peer {
    let mut request = format!("ws://{server}{path}").into_client_request().expect("a URL");
    if user {
        request.headers_mut().insert("x-user", HeaderValue::from_static("ada"));
    }
    let tcp = TcpStream::connect(server).await.expect("a server listens");
    Peer(client_async(request, tcp).await.expect("an upgrade").0)
}

/// The error and the code of the close frame.
async fn refusal(peer: &mut Peer) -> (Value, u16) {
    let error = peer.next().await.expect("an error");
    (error, peer.expect_close().await.0)
}

async fn get(server: SocketAddr, path: &str, headers: &[&str]) -> Response {
    request(server, "GET", path, headers).await
}

async fn upgrade(server: SocketAddr, path: &str, headers: &[&str]) -> Response {
    get(server, path, &[&HANDSHAKE, headers].concat()).await
}

#[tokio::test]
async fn a_page_without_a_login_learns_that_over_its_websocket() {
    let server = serve_app(&Hub::default());
    let error = json!({"type": "error", "code": "unauthorized", "message": "log in again"});
    for path in ["/result/standup", "/option/standup"] {
        let mut refused = connect(server.address, path, false).await;
        assert_eq!(refusal(&mut refused).await, (error.clone(), 4502), "{path}");
        assert_eq!(refused.frame().await, None, "the connection ends");

        let mut member = connect(server.address, path, true).await;
        member.send(&json!({"type": "join"})).await;
        assert_eq!(member.next().await.unwrap()["type"], "welcome", "{path}");
    }
}

#[tokio::test]
async fn a_ticket_does_not_help_a_page_without_a_login() {
    let server = serve_app(&Hub::default());
    let mut member = connect(server.address, "/result/standup", true).await;
    member.send(&json!({"type": "join"})).await;
    let ticket = member.expect("welcome").await["ticket"].clone();
    let mut other = connect(server.address, "/result/standup", false).await;
    other.send(&json!({"type": "join", "resume": {"ticket": ticket, "received": 0}})).await;
    assert_eq!(refusal(&mut other).await.1, 4502);
    member.send(&json!({"type": "probe"})).await;
    assert_eq!(member.next().await.unwrap()["type"], "ping");
}

#[tokio::test]
async fn a_page_of_another_origin_learns_nothing() {
    let server = serve_app(&Hub::default());
    for (header, status) in
        [("Origin: https://evil.example", 403), ("Sec-WebSocket-Protocol: chat", 400)]
    {
        let path = "/result/standup";
        assert_eq!(upgrade(server.address, path, &[header]).await.status, status);
        assert_eq!(get(server.address, path, &[header]).await.status, status);
    }
}

#[tokio::test]
async fn a_get_that_asks_for_no_websocket_gets_the_refusal_as_a_status() {
    let server = serve_app(&Hub::default());
    for (kind, status) in
        [("unauthorized", 401), ("refused", 403), ("banned", 403), ("unavailable", 503)]
    {
        let path = format!("/kind/{kind}");
        let response = get(server.address, &path, &[]).await;
        assert_eq!((response.status, response.body.as_str()), (status, "log in again"), "{kind}");
        assert_eq!(response.headers["content-type"], "text/plain; charset=utf-8");
        assert_eq!(upgrade(server.address, &path, &[]).await.status, 403, "{kind}");
    }
}

#[tokio::test]
async fn an_application_may_respond_to_refused_requests_itself() {
    let server = serve_app(&Hub::default());
    let path = "/itself/standup";
    assert_eq!(upgrade(server.address, path, &["Origin: null"]).await.status, 418);
    assert_eq!(get(server.address, path, &["X-User: ada"]).await.status, 426);
    assert_eq!(get(server.address, path, &[]).await.status, 401);
    assert_eq!(refusal(&mut connect(server.address, path, false).await).await.1, 4502);
}

/// A refused connection counts for its address while it is open.
#[tokio::test]
async fn a_client_that_does_not_reply_to_the_close_holds_its_place_for_a_short_time() {
    let limits = Limits::builder().address_connections(1);
    let server = serve_app(&Hub::new(limits.build().unwrap()));
    let refused =
        async || refusal(&mut connect(server.address, "/result/standup", false).await).await;
    // It does not read the close frame.
    let mut silent = connect(server.address, "/result/standup", false).await;
    silent.expect("error").await;
    let (error, close) = refused().await;
    assert_eq!((&error["code"], close), (&json!("rate-limited"), 4003));
    loop {
        let (error, close) = refused().await;
        if error["code"] == "unauthorized" {
            assert_eq!(close, 4502);
            return;
        }
    }
}
