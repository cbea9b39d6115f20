//! The conformance suite on both adapters, under a subscriber that keeps everything of all levels:
//! what is logged is what `docs/logging.md` says, and nothing of a user is in it.

#[path = "../../meet-signal-core/tests/logs/audit.rs"]
mod audit;
#[allow(dead_code, reason = "the tests of the core use all of it")]
#[path = "../../meet-signal-core/tests/logs/capture.rs"]
mod capture;

use std::net::{SocketAddr, TcpListener};

use actix_web::{App, HttpServer};
use meet_signal_actix::SignalService;
use meet_signal_axum::SignalRouter;
use meet_signal_conformance::{Suite, Target, authorize, limits};
use meet_signal_core::Hub;
use tracing::{Level, subscriber::set_global_default};

use audit::Documented;
use capture::{Line, Logs};

#[tokio::test(flavor = "multi_thread")]
async fn the_conformance_suite_logs_what_is_documented() {
    // An id of a member, or a key of the handshake that another library logs, contains any short word
    // once in a while.
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte);
    for private in PRIVATE {
        assert!(!private.bytes().all(is_base64), "{private} may be in a random id");
    }
    let logs = Logs::default();
    set_global_default(logs.clone()).expect("this is the only test here");
    let documented = Documented::read();
    let hubs = [Hub::new(limits()), Hub::new(limits())];
    let servers = [axum(hubs[0].clone()).await, actix(hubs[1].clone())];
    for (server, hub) in servers.into_iter().zip(hubs) {
        let before = logs.everything().len();
        let report = Suite::new(Target::new(server).hub(hub)).run().await;
        report.assert_passed();
        let everything = logs.everything().split_off(before);
        let (ours, others): (Vec<_>, Vec<_>) = everything.into_iter().partition(Line::is_ours);
        let seen = documented.check(&ours);
        for event in EVENTS {
            assert!(seen.contains(event), "{event} is not in the log: {seen:?}");
        }
        // A room's name has the number of its test.
        let names = ours.iter().filter_map(|line| line.fields.get("room_name"));
        let names: Vec<_> = names.filter(|name| name.len() > 8).collect();
        assert!(names.len() > 50, "{names:?}");
        let count = |message| ours.iter().filter(|line| line.message == message).count();
        assert_eq!(count("joined"), count("left"), "each session that is joined is left");
        for line in ours.iter().filter(|line| line.level < Level::TRACE) {
            let text = format!("{line:?}");
            for private in PRIVATE.iter().copied().chain(names.iter().map(|name| name.as_str())) {
                assert!(!text.contains(private), "{private} is in {text}");
            }
        }
        // The libraries below have no events with what this one must not log, either.
        for line in others.iter().filter(|line| line.level < Level::TRACE) {
            let text = format!("{line:?}");
            // But for the address that a server listens at.
            let mut private = PRIVATE.iter().filter(|private| **private != "127.0.0.1");
            assert!(!private.any(|private| text.contains(private)), "{text}");
        }
    }
}

async fn axum(hub: Hub) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let router: axum::Router = SignalRouter::new(hub).authorize(authorize).into_router();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async { axum::serve(listener, service).await });
    address
}

fn actix(hub: Hub) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let app = move || App::new().service(SignalService::new(hub.clone()).authorize(authorize));
    let server = HttpServer::new(app).workers(2).disable_signals();
    tokio::spawn(server.listen(listener).expect("it is bound").run());
    address
}

/// Those that the suite causes.
const EVENTS: [&str; 10] = [
    "connected",
    "upgrade refused",
    "authorized",
    "refused",
    "joined",
    "resumed",
    "closed",
    "away",
    "left",
    "drained",
];

/// What the suite sends and what it is granted: tokens, `meta`, identities, credentials, reasons of
/// moderators; and the address of its clients.
const PRIVATE: [&str; 10] = [
    "conformance:",
    "Ada Lovelace",
    "a guest",
    "another name",
    "a secret",
    "turn.example",
    "selected by the token",
    "127.0.0.1",
    "user:",
    "Too loud",
];
