//! The `Debug` output of the adapter's types: each public one must be here.

use axum::{Router, extract::Path, routing};
use futures_util::SinkExt;
use meet_signal_axum::{Grant, Hub, IceServer, Incoming, SignalRouter, SignalUpgrade, Socket};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_tungstenite::{client_async, tungstenite::Message};

use crate::support::{serve, upgrade};

#[tokio::test]
async fn no_public_type_shows_a_secret() {
    let turn = IceServer::turn("turn:turn.example", SECRET, SECRET);
    let router = SignalRouter::new(Hub::default()).authorize(Grant::new().ice_servers([turn]));
    let shown = format!("{router:?} {router:#?}");
    assert!(shown.contains("SignalRouter") && !shown.contains(SECRET), "{shown}");

    let show = async |_: Path<String>, upgrade: SignalUpgrade| format!("{upgrade:?} {upgrade:#?}");
    let server = serve(Router::new().route("/{room}", routing::get(show))).await;
    let headers = [
        ("Sec-WebSocket-Protocol", "meet-signal.v1, correct-horse-battery-staple"),
        ("Cookie", "session=correct-horse-battery-staple"),
        ("Authorization", "Bearer correct-horse-battery-staple"),
        ("X-Forwarded-For", "correct-horse-battery-staple"),
    ];
    let response = upgrade(server, &format!("/standup?token={SECRET}"), &headers).await;
    let shown = response.body;
    assert!(shown.contains("SignalUpgrade") && !shown.contains(SECRET), "{shown}");
}

#[tokio::test]
async fn neither_a_socket_nor_its_text_shows_a_secret() {
    let (sender, mut shown) = mpsc::unbounded_channel::<String>();
    let receive = async move |room: Path<String>, upgrade: SignalUpgrade| {
        upgrade.on_socket(&Hub::default(), &room, async move |_, mut socket| {
            let before = format!("{socket:?} {socket:#?}");
            let Incoming::Text(text) = socket.recv().await else { panic!("a text") };
            assert!(text.as_ref().contains(SECRET));
            let _ = sender.send(format!("{before} {socket:?} {text:?} {text:#?}"));
        })
    };
    let server = serve(Router::new().route("/{room}", routing::any(receive))).await;
    let stream = TcpStream::connect(server).await.unwrap();
    let url = format!("ws://{server}/standup?token={SECRET}");
    let (mut client, _) = client_async(url, stream).await.unwrap();
    client.send(Message::text(format!(r#"{{"type":"join","token":"{SECRET}"}}"#))).await.unwrap();
    let shown = shown.recv().await.unwrap();
    assert!(shown.contains("SignalSocket") && shown.contains("SignalText"), "{shown}");
    assert!(!shown.contains(SECRET), "{shown}");
}

const SECRET: &str = "correct-horse-battery-staple";
