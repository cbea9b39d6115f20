//! The `Debug` output of the adapter's types: each public one must be here.

use actix_web::{FromRequest, dev::Payload, test::TestRequest};
use meet_signal_actix::{Grant, Hub, IceServer, SignalService, SignalUpgrade};

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

const SECRET: &str = "correct-horse-battery-staple";
