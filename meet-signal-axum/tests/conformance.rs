//! The promises of the protocol, kept by this adapter in both of its forms.

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::get,
};
use meet_signal_axum::{Grant, Hub, OriginPolicy, SignalRouter, SignalUpgrade};
use meet_signal_core::testing::conformance::{self, Outcome, Suite, Target};
use tokio::net::TcpListener;

#[tokio::test(flavor = "multi_thread")]
async fn the_router_keeps_all_promises() {
    let hub = Hub::new(conformance::limits());
    let router = SignalRouter::new(hub.clone()).authorize(conformance::authorize).into_router();
    keeps_all_promises(router, hub, "/signal/{room}", "axum: `SignalRouter`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_of_ones_own_keeps_all_promises() {
    async fn join(
        State(hub): State<Hub>,
        Path(room): Path<String>,
        upgrade: SignalUpgrade,
    ) -> Response {
        upgrade.join(&hub, &room, conformance::authorize)
    }

    let hub = Hub::new(conformance::limits());
    let router = Router::new().route("/rooms/{room}/signal", get(join)).with_state(hub.clone());
    keeps_all_promises(router, hub, "/rooms/{room}/signal", "axum: `SignalUpgrade`").await;
}

async fn keeps_all_promises(router: Router, hub: Hub, path: &str, name: &str) {
    let target = Target::new(serve(router).await).path(path).hub(hub);
    let report = Suite::new(target).run().await;
    println!("{report}");
    report.assert_recorded(TABLE, name);
    report.assert_kept();
}

/// A suite that finds nothing wrong with anything would be of no use.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_breaks_promises_is_told_which() {
    let hub = Hub::default();
    let router = SignalRouter::new(hub).origins(OriginPolicy::any()).authorize(Grant::new());
    let promises = [
        ("a page of any other origin is refused with 403", Some("the answer is 101")),
        ("each refusal of the application has its error and its close code", Some("welcome")),
        ("who lacks the permission gets `not-allowed`", Some("it may")),
        ("the welcome has all that a client needs to begin", Some("`heartbeatMs` is 10000")),
        ("a binary frame closes with 1003", None),
        ("`data` is relayed byte for byte", None),
    ];
    let target = Target::new(serve(router.into_router()).await);
    let chosen = |name| promises.iter().any(|(other, _)| *other == name);
    let report = Suite::new(target).only(|promise| chosen(promise.name)).run().await;
    assert_eq!(report.iter().len(), promises.len());
    for (promise, outcome) in report.iter() {
        let (_, seen) = promises.iter().find(|(name, _)| *name == promise.name).unwrap();
        match (outcome, seen) {
            (Outcome::Kept, None) => {}
            (Outcome::Broken(got), Some(part)) if got.contains(part) => {}
            _ => panic!("{}: {outcome:?}", promise.name),
        }
    }
}

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async { axum::serve(listener, router).await });
    address
}

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/conformance.md");
