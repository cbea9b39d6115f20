//! The application's view of a connection that it has let in.

use actix_web::{
    HttpResponse, rt,
    web::{self, Data, Path},
};
use meet_signal_actix::{
    AuthRequest, CloseReason, Denied, Grant, Hub, PeerId, SignalUpgrade,
    driver::{EndReason, Outcome},
};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{
    peer::Peer,
    responses::{HANDSHAKE, request},
    server::{Server, serve},
};

#[derive(Debug, PartialEq)]
enum Report {
    Joined(Option<PeerId>),
    Ended(Outcome),
}

type Reports = UnboundedReceiver<Report>;

async fn signal(
    hub: Data<Hub>,
    reports: Data<UnboundedSender<Report>>,
    room: Path<String>,
    mut upgrade: SignalUpgrade,
) -> HttpResponse {
    let session = upgrade.watch();
    if *room == "unwatched" {
        drop(session);
        return upgrade.join(&hub, &room, Grant::new());
    }
    rt::spawn(async move {
        let _ = reports.send(Report::Joined(session.joined().await));
        let _ = reports.send(Report::Ended(session.ended().await));
    });
    match room.as_str() {
        "logged-out" => upgrade.refuse(&hub, Denied::unauthorized("log in again")),
        "secret" => upgrade.join(&hub, &room, async |_: AuthRequest| Err(Denied::refused("no"))),
        _ => upgrade.join(&hub, &room, Grant::new()),
    }
}

fn serve_watched() -> (Hub, Server, Reports) {
    let (hub, (sender, reports)) = (Hub::default(), unbounded_channel());
    let (rooms, sender) = (Data::new(hub.clone()), Data::new(sender));
    let server = serve(move |app| {
        app.app_data(rooms.clone())
            .app_data(sender.clone())
            .route("/{room}", web::get().to(signal));
    });
    (hub, server, reports)
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
    let (hub, server, mut reports) = serve_watched();
    let (mut first, welcome) = Peer::join(server.address, "/standup", "Ada").await;
    let peer = expect_joined(&mut reports).await.expect("it has joined");
    assert_eq!(welcome["self"]["id"], peer.to_string());

    // The newer connection of the same session.
    let mut second = Peer::connect(server.address, "/standup").await;
    let resume = json!({"ticket": welcome["ticket"], "received": 0});
    second.send(&json!({"type": "join", "resume": resume})).await;
    assert_eq!(second.expect("welcome").await["resumed"], "full");
    assert_eq!(expect_joined(&mut reports).await, Some(peer));
    assert_eq!(first.expect_close().await.0, 4508);
    while first.frame().await.is_some() {}
    let taken_over = expect_end(&mut reports).await;
    let reason = EndReason::Closed(CloseReason::TakenOver);
    assert_eq!((taken_over.peer, taken_over.reason), (Some(peer), reason));

    second.send(&json!({"type": "leave"})).await;
    while second.frame().await.is_some() {}
    let left = expect_end(&mut reports).await;
    assert_eq!((left.peer, left.reason), (Some(peer), EndReason::Closed(CloseReason::Left)));
    assert_eq!(hub.sessions(), 0);
}

#[tokio::test]
async fn a_handler_hears_why_its_connection_did_not_join() {
    let (_, server, mut reports) = serve_watched();
    for (path, code, reason) in
        [("/logged-out", 4502, CloseReason::Unauthorized), ("/secret", 4504, CloseReason::Denied)]
    {
        let mut peer = Peer::connect(server.address, path).await;
        peer.send(&json!({"type": "join"})).await;
        peer.expect("error").await;
        assert_eq!(peer.expect_close().await.0, code);
        while peer.frame().await.is_some() {}
        assert_eq!(expect_joined(&mut reports).await, None);
        let outcome = expect_end(&mut reports).await;
        assert_eq!((outcome.peer, outcome.reason), (None, EndReason::Closed(reason)));
    }
    // Neither is upgraded.
    let other_origin = [&HANDSHAKE[..], &["Origin: null"]].concat();
    for (headers, status) in [(&[][..], 426), (&other_origin, 403)] {
        assert_eq!(request(server.address, "GET", "/standup", headers).await.status, status);
        assert_eq!(expect_joined(&mut reports).await, None);
        assert_eq!(expect_end(&mut reports).await.reason, EndReason::Aborted);
    }
}

#[tokio::test]
async fn a_session_goes_on_without_its_watch() {
    let (hub, server, _reports) = serve_watched();
    let (mut peer, _) = Peer::join(server.address, "/unwatched", "Ada").await;
    peer.send(&json!({"type": "probe"})).await;
    assert_eq!(peer.next().await.unwrap()["type"], "ping");
    assert_eq!(hub.sessions(), 1);
}
