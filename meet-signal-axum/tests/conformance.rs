//! The promises of the protocol, kept by this adapter in both of its forms.

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::any,
};
use meet_signal_axum::{Hub, OriginPolicy, SignalRouter, SignalUpgrade};
use meet_signal_conformance::{self as conformance, Outcome, Suite, Target};
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
    let router = Router::new().route("/rooms/{room}/signal", any(join)).with_state(hub.clone());
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
#[tokio::test]
async fn a_server_that_breaks_promises_is_told_which() {
    // Other limits, other decisions, other pages, and no hub for the suite.
    let router = SignalRouter::new(Hub::default()).origins(OriginPolicy::any());
    let target = Target::new(serve(router.into_router()).await);
    let broken = [
        ("a page of any other origin is refused with 403", "the answer is 101"),
        ("the welcome has all that a client needs to begin", "`heartbeatMs` is 10000, not 1500"),
        ("each refusal of the application has its error and its close code", "welcome"),
        ("who lacks the permission gets `not-allowed`", r#"it may ["signal","broadcast"]"#),
    ];
    let kept = ["a binary frame closes with 1003", "`data` is relayed byte for byte"];
    let not_driven = ["a room that the application closes closes with 4507"];
    let seen = |name| broken.iter().find_map(|(other, seen)| (*other == name).then_some(*seen));
    let chosen = |name| seen(name).is_some() || kept.contains(&name) || not_driven.contains(&name);

    let report = Suite::new(target).only(|promise| chosen(promise.name)).run().await;
    assert_eq!(report.iter().len(), broken.len() + kept.len() + not_driven.len());
    for (promise, outcome) in report.iter() {
        match outcome {
            Outcome::Kept => assert!(kept.contains(&promise.name), "{}", promise.name),
            Outcome::Broken(got) => {
                let seen = seen(promise.name).unwrap_or_else(|| panic!("{}: {got}", promise.name));
                assert!(got.contains(seen), "{}: {got}", promise.name);
            }
            _ => assert!(not_driven.contains(&promise.name), "{}", promise.name),
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
