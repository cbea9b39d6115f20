//! The `Debug` output of the adapter's types: each public one must be here.

use axum::{Router, extract::Path, routing};
use meet_signal_axum::{Grant, Hub, IceServer, SignalRouter, SignalUpgrade};

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

const SECRET: &str = "correct-horse-battery-staple";
