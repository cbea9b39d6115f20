//! Sessions over real connections.

use std::{
    collections::HashSet,
    future::{Ready, ready},
    net::TcpListener,
    rc::Rc,
    sync::{Arc, Mutex},
    thread,
};

use actix_web::{
    App, FromRequest, HttpRequest, HttpResponse, HttpServer, dev::Payload,
    error::ErrorUnauthorized, web,
};
use meet_signal_actix::{
    AuthRequest, Denied, Grant, Hub, Limits, Meta, SignalService, SignalUpgrade,
};
use serde_json::json;
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::{
    Error, Message, client::IntoClientRequest, protocol::CloseFrame,
};

use crate::{
    peer::{CLOSE, FIN, PING, Peer, frame},
    server::{serve, serve_hub},
};

#[tokio::test]
async fn peers_on_different_workers_meet() {
    let hub = Hub::default();
    let threads = Arc::new(Mutex::new(HashSet::new()));
    let server = serve({
        let threads = Arc::clone(&threads);
        move |app| {
            let threads = Arc::clone(&threads);
            let authorize = move |_: AuthRequest| {
                threads.lock().unwrap().insert(thread::current().id());
                // Held across an await: the future need not be `Send`.
                let grant = Rc::new(Grant::new());
                async move { Ok::<_, Denied>(Grant::clone(&grant)) }
            };
            app.service(SignalService::new(hub.clone()).authorize(authorize));
        }
    });
    let (mut ada, welcome) = Peer::join(server.address, ROOM, "Ada").await;
    let (mut bob, bobs_welcome) = Peer::join(server.address, ROOM, "Bob").await;
    assert_eq!(threads.lock().unwrap().len(), 2, "each is on a worker of its own");

    let [ada_id, bob_id] = [&welcome, &bobs_welcome].map(|welcome| &welcome["self"]["id"]);
    assert_eq!(bobs_welcome["peers"][0]["id"], *ada_id);
    let joined = ada.expect("joined").await;
    assert_eq!((&joined["peer"]["id"], &joined["peer"]["meta"]["name"]), (bob_id, &json!("Bob")));
    ada.send(&json!({"type": "signal", "to": bob_id, "data": "offer"})).await;
    let signal = json!({"type": "signal", "from": ada_id, "data": "offer"});
    assert_eq!(bob.expect("signal").await, signal);
    bob.send(&json!({"type": "leave"})).await;
    assert_eq!(bob.expect_close().await, (1000, "left".to_owned()));
    assert_eq!(ada.expect("left").await["reason"], "left");
}

#[tokio::test]
async fn several_hubs_in_one_process_do_not_meet() {
    let hubs = [Hub::default(), Hub::default()];
    let server = serve({
        let [one, other] = hubs.clone();
        move |app| {
            app.service(web::scope("/one").service(SignalService::new(one.clone())))
                .service(web::scope("/{other}").service(SignalService::new(other.clone())));
        }
    });
    let (_ada, _) = Peer::join(server.address, "/one/signal/standup", "Ada").await;
    let (_bob, welcome) = Peer::join(server.address, "/other/signal/standup", "Bob").await;
    assert_eq!(welcome["peers"], json!([]));
    assert_eq!(hubs.map(|hub| hub.sessions()), [1, 1]);
}

/// The extractor of the application in the next test.
struct User(String);

impl FromRequest for User {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let name = request.headers().get("x-user").and_then(|name| name.to_str().ok());
        ready(name.map(|name| Self(name.to_owned())).ok_or(ErrorUnauthorized("who are you?")))
    }
}

async fn signal(
    user: User,
    hub: web::Data<Hub>,
    room: web::Path<String>,
    upgrade: SignalUpgrade,
) -> HttpResponse {
    let meta = Meta::new(&json!({"name": user.0})).expect("JSON");
    upgrade.join(&hub, &room, Grant::new().meta(meta))
}

#[tokio::test]
async fn a_handler_of_the_application_decides_with_its_own_extractors() {
    let hub = web::Data::new(Hub::default());
    let server = serve({
        let hub = hub.clone();
        move |app| {
            app.app_data(hub.clone()).route("/rooms/{room}/signal", web::get().to(signal));
        }
    });
    let url = format!("ws://{}/rooms/standup/signal", server.address);
    let Err(Error::Http(refused)) = tokio_tungstenite::connect_async(&url).await else {
        panic!("refused before the upgrade")
    };
    assert_eq!(refused.status(), 401);
    assert_eq!(hub.sessions(), 0);

    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("x-user", "Ada".parse().unwrap());
    request.headers_mut().insert("sec-websocket-protocol", "chat, meet-signal.v1".parse().unwrap());
    let tcp = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let (socket, response) = tokio_tungstenite::client_async(request, tcp).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "meet-signal.v1");
    let mut ada = Peer(socket);
    ada.send(&json!({"type": "join", "meta": {"name": "Bob"}})).await;
    assert_eq!(ada.expect("welcome").await["self"]["meta"], json!({"name": "Ada"}));
}

#[tokio::test]
async fn pings_are_answered_and_are_signs_of_life() {
    let limits = Limits::builder().heartbeat(BEAT).build().unwrap();
    let server = serve_hub(&Hub::new(limits));
    let (mut peer, _) = Peer::join(server.address, ROOM, "Ada").await;
    // Without pings, it would time out after three heartbeats.
    for beat in 0..10 {
        peer.expect("ping").await;
        peer.send_raw(&frame(FIN | PING, &[beat])).await;
        let pong = peer.frame().await.unwrap();
        assert_eq!(pong, Message::Pong(vec![beat].into()));
    }
}

#[tokio::test]
async fn a_silent_client_is_closed_with_4001() {
    let limits = Limits::builder().heartbeat(BEAT).build().unwrap();
    let server = serve_hub(&Hub::new(limits));
    let (mut peer, _) = Peer::join(server.address, ROOM, "Ada").await;
    assert_eq!(peer.expect_close().await, (4001, "heartbeat missed".to_owned()));
}

#[tokio::test]
async fn a_close_frame_is_answered_with_its_code() {
    let server = serve_hub(&Hub::default());
    let (mut other, _) = Peer::join(server.address, ROOM, "Bob").await;
    let going_away = CloseFrame { code: 1001.into(), reason: "bye".into() };
    for (payload, reply) in
        [(&b"\x03\xe9bye"[..], Message::Close(Some(going_away))), (b"", Message::Close(None))]
    {
        let (mut peer, _) = Peer::join(server.address, ROOM, "Ada").await;
        peer.send_raw(&frame(FIN | CLOSE, payload)).await;
        let got = peer.frame().await.unwrap();
        assert_eq!(got, reply);
        assert_eq!(other.expect("status").await["status"], "away");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_its_session_away() {
    let server = serve_hub(&Hub::default());
    let (mut other, _) = Peer::join(server.address, ROOM, "Bob").await;
    let (peer, welcome) = Peer::join(server.address, ROOM, "Ada").await;
    drop(peer);
    let status = other.expect("status").await;
    assert_eq!((&status["peer"], &status["status"]), (&welcome["self"]["id"], &json!("away")));
}

#[tokio::test]
async fn a_stopping_server_sends_its_peers_a_retry_delay() {
    let hub = Hub::default();
    let stop = Arc::new(Notify::new());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let stopped = {
        let (hub, stop) = (hub.clone(), Arc::clone(&stop));
        async move {
            stop.notified().await;
            hub.drain().await;
        }
    };
    let server = HttpServer::new(move || App::new().service(SignalService::new(hub.clone())))
        .workers(2)
        // A server that waited for WebSockets would wait for this time.
        .shutdown_timeout(3600)
        .shutdown_signal(stopped)
        .listen(listener)
        .unwrap()
        .run();
    let server = tokio::spawn(server);
    let (mut peer, _) = Peer::join(address, ROOM, "Ada").await;
    stop.notify_one();
    let (code, reason) = peer.expect_close().await;
    assert_eq!(code, 4000);
    assert!(reason.starts_with("retry-after-ms="), "{reason}");
    // Further reads send the reply to the close frame.
    assert_eq!(peer.frame().await, None);
    server.await.unwrap().unwrap();
}

const ROOM: &str = "/signal/standup";
const BEAT: std::time::Duration = std::time::Duration::from_millis(100);
