//! The application's view of a connection that it has let in.

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::any,
};
use futures_util::{SinkExt, StreamExt};
use meet_signal_axum::{
    AuthRequest, CloseReason, Denied, Grant, Hub, PeerId, SignalUpgrade,
    driver::{EndReason, Outcome},
};
use serde_json::json;
use tokio::{
    net::TcpStream,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};
use tokio_tungstenite::{client_async, tungstenite::Message};

use crate::support::{get, join, next_message, serve, upgrade};

#[derive(Debug, PartialEq)]
enum Report {
    Joined(Option<PeerId>),
    Ended(Outcome),
}

type Reports = UnboundedReceiver<Report>;

async fn signal(
    State((hub, reports)): State<(Hub, UnboundedSender<Report>)>,
    Path(room): Path<String>,
    mut upgrade: SignalUpgrade,
) -> Response {
    let session = upgrade.watch();
    if room == "unwatched" {
        drop(session);
        return upgrade.join(&hub, &room, Grant::new());
    }
    tokio::spawn(async move {
        let _ = reports.send(Report::Joined(session.joined().await));
        let _ = reports.send(Report::Ended(session.ended().await));
    });
    match room.as_str() {
        "logged-out" => upgrade.refuse(&hub, Denied::unauthorized("log in again")),
        "secret" => upgrade.join(&hub, &room, async |_: AuthRequest| Err(Denied::refused("no"))),
        _ => upgrade.join(&hub, &room, Grant::new()),
    }
}

async fn serve_watched() -> (Hub, SocketAddr, Reports) {
    let (hub, (sender, reports)) = (Hub::default(), unbounded_channel());
    let app = Router::new().route("/{room}", any(signal)).with_state((hub.clone(), sender));
    (hub, serve(app).await, reports)
}

async fn expect_joined(reports: &mut Reports) -> Option<PeerId> {
    match reports.recv().await {
        Some(Report::Joined(peer)) => peer,
        other => panic!("{other:?}"),
    }
}

async fn expect_end(reports: &mut Reports) -> Outcome {
    match reports.recv().await {
        Some(Report::Ended(outcome)) => outcome,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_handler_hears_who_its_connection_became_and_how_it_ended() {
    let (hub, server, mut reports) = serve_watched().await;
    let (mut first, welcome) = join(server, "/standup").await;
    let peer = expect_joined(&mut reports).await.expect("it has joined");
    assert_eq!(welcome["self"]["id"], peer.to_string());

    // The newer connection of the same session.
    let stream = TcpStream::connect(server).await.unwrap();
    let (mut second, _) = client_async(format!("ws://{server}/standup"), stream).await.unwrap();
    let resume = json!({"type": "join", "resume": {"ticket": welcome["ticket"], "received": 0}});
    second.send(Message::text(resume.to_string())).await.unwrap();
    assert_eq!(next_message(&mut second).await["resumed"], "full");
    assert_eq!(expect_joined(&mut reports).await, Some(peer));
    while first.next().await.is_some() {}
    let taken_over = expect_end(&mut reports).await;
    let reason = EndReason::Closed(CloseReason::TakenOver);
    assert_eq!((taken_over.peer, taken_over.reason), (Some(peer), reason));

    second.send(Message::text(r#"{"type":"leave"}"#)).await.unwrap();
    while second.next().await.is_some() {}
    let left = expect_end(&mut reports).await;
    assert_eq!((left.peer, left.reason), (Some(peer), EndReason::Closed(CloseReason::Left)));
    assert_eq!(hub.sessions(), 0);
}

#[tokio::test]
async fn a_handler_hears_why_its_connection_did_not_join() {
    let (_, server, mut reports) = serve_watched().await;
    for (path, reason) in
        [("/logged-out", CloseReason::Unauthorized), ("/secret", CloseReason::Denied)]
    {
        let stream = TcpStream::connect(server).await.unwrap();
        let (mut client, _) = client_async(format!("ws://{server}{path}"), stream).await.unwrap();
        // The connection may be closed already.
        let _ = client.send(Message::text(r#"{"type":"join"}"#)).await;
        while client.next().await.is_some_and(|message| message.is_ok()) {}
        assert_eq!(expect_joined(&mut reports).await, None);
        let outcome = expect_end(&mut reports).await;
        assert_eq!((outcome.peer, outcome.reason), (None, EndReason::Closed(reason)));
    }
    // Neither is upgraded.
    assert_eq!(get(server, "/standup", &[]).await.status, 426);
    assert_eq!(upgrade(server, "/standup", &[("Origin", "null")]).await.status, 403);
    for _ in 0..2 {
        assert_eq!(expect_joined(&mut reports).await, None);
        assert_eq!(expect_end(&mut reports).await.reason, EndReason::Aborted);
    }
}

#[tokio::test]
async fn a_session_goes_on_without_its_watch() {
    let (hub, server, _reports) = serve_watched().await;
    let (mut client, _) = join(server, "/unwatched").await;
    client.send(Message::text(r#"{"type":"probe"}"#)).await.unwrap();
    assert_eq!(next_message(&mut client).await["type"], "ping");
    assert_eq!(hub.sessions(), 1);
}
