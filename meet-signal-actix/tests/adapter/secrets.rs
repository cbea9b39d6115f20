//! The `Debug` output of the adapter's types: each public one must be here.

use actix_web::{
    FromRequest, HttpResponse,
    dev::Payload,
    test::TestRequest,
    web::{self, Data, Path},
};
use meet_signal_actix::{Grant, Hub, IceServer, Incoming, SignalService, SignalUpgrade, Socket};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::{peer::Peer, server::serve};

#[actix_web::test]
async fn no_public_type_shows_a_secret() {
    let turn = IceServer::turn("turn:turn.example", SECRET, SECRET);
    let scope = SignalService::new(Hub::default()).authorize(Grant::new().ice_servers([turn]));
    let shown = format!("{scope:?} {scope:#?}");
    assert!(shown.contains("SignalService") && !shown.contains(SECRET), "{shown}");

    let request = TestRequest::get()
        .uri(&format!("/standup?token={SECRET}"))
        .insert_header(("connection", "upgrade"))
        .insert_header(("upgrade", "websocket"))
        .insert_header(("sec-websocket-version", "13"))
        .insert_header(("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="))
        .insert_header(("sec-websocket-protocol", format!("meet-signal.v1, {SECRET}")))
        .insert_header(("cookie", SECRET))
        .insert_header(("authorization", SECRET))
        .insert_header(("x-forwarded-for", SECRET))
        .to_http_request();
    let upgrade = SignalUpgrade::from_request(&request, &mut Payload::None).await;
    let upgrade = upgrade.expect("a handshake");
    let shown = format!("{upgrade:?} {upgrade:#?}");
    assert!(shown.contains("SignalUpgrade") && !shown.contains(SECRET), "{shown}");
}

#[tokio::test]
async fn neither_a_socket_nor_its_text_shows_a_secret() {
    async fn receive(
        sender: Data<UnboundedSender<String>>,
        room: Path<String>,
        upgrade: SignalUpgrade,
    ) -> HttpResponse {
        upgrade.on_socket(&Hub::default(), &room, async move |_, mut socket| {
            let before = format!("{socket:?} {socket:#?}");
            let Incoming::Text(text) = socket.recv().await else { panic!("a text") };
            assert!(text.as_ref().contains(SECRET));
            let _ = sender.send(format!("{before} {socket:?} {text:?} {text:#?}"));
        })
    }

    let (sender, mut shown) = unbounded_channel::<String>();
    let sender = Data::new(sender);
    let server = serve(move |app| {
        app.app_data(sender.clone()).route("/{room}", web::get().to(receive));
    });
    let mut peer = Peer::connect(server.address, &format!("/standup?token={SECRET}")).await;
    peer.send(&json!({"type": "join", "token": SECRET})).await;
    let shown = shown.recv().await.unwrap();
    assert!(shown.contains("SignalSocket") && shown.contains("SignalText"), "{shown}");
    assert!(!shown.contains(SECRET), "{shown}");
}

const SECRET: &str = "correct-horse-battery-staple";
