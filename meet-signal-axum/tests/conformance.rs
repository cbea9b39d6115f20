//! The conformance suite on both forms of this adapter.

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::any,
};
use meet_signal_axum::{Hub, OriginPolicy, SignalRouter, SignalUpgrade};
use meet_signal_conformance::{Outcome, Suite, Target, authorize, limits};
use tokio::net::TcpListener;

#[tokio::test(flavor = "multi_thread")]
async fn the_router_meets_all_requirements() {
    let hub = Hub::new(limits());
    let router = SignalRouter::new(hub.clone()).authorize(authorize).into_router();
    meets_all_requirements(router, hub, "/signal/{room}", "axum: `SignalRouter`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_handler_meets_all_requirements() {
    async fn join(
        State(hub): State<Hub>,
        Path(room): Path<String>,
        upgrade: SignalUpgrade,
    ) -> Response {
        upgrade.join(&hub, &room, authorize)
    }

    let hub = Hub::new(limits());
    let router = Router::new().route("/rooms/{room}/signal", any(join)).with_state(hub.clone());
    meets_all_requirements(router, hub, "/rooms/{room}/signal", "axum: `SignalUpgrade`").await;
}

async fn meets_all_requirements(router: Router, hub: Hub, path: &str, name: &str) {
    let target = Target::new(serve(router).await).path(path).hub(hub);
    let report = Suite::new(target).run().await;
    println!("{report}");
    report.assert_recorded(TABLE, name);
    report.assert_passed();
}

/// The suite itself must report violations.
#[tokio::test]
async fn the_suite_names_violated_requirements() {
    // The server has other limits, decisions and origins, and the suite has no hub.
    let router = SignalRouter::new(Hub::default()).origins(OriginPolicy::any());
    let target = Target::new(serve(router.into_router()).await);
    let failing = [
        ("a page of another origin gets status 403", "the status is 101"),
        ("the welcome has all fields that a client needs", "`heartbeatMs` is 10000, not 1500"),
        ("each denial of the application has its error code and close code", "welcome"),
        (
            "a message without its permission gets `not-allowed`",
            r#"`permissions` is ["signal","broadcast"]"#,
        ),
    ];
    let passing = ["a binary frame closes with 1003", "`data` is relayed byte for byte"];
    let skipped = ["a room that the application closes closes its connections with 4507"];
    let violation = |name| failing.iter().find_map(|(other, it)| (*other == name).then_some(*it));
    let selected =
        |name| violation(name).is_some() || passing.contains(&name) || skipped.contains(&name);

    let report = Suite::new(target).only(|requirement| selected(requirement.name)).run().await;
    assert_eq!(report.iter().len(), failing.len() + passing.len() + skipped.len());
    for (requirement, outcome) in report.iter() {
        let name = requirement.name;
        match outcome {
            Outcome::Passed => assert!(passing.contains(&name), "{name}"),
            Outcome::Failed(got) => {
                let expected = violation(name).unwrap_or_else(|| panic!("{name}: {got}"));
                assert!(got.contains(expected), "{name}: {got}");
            }
            _ => assert!(skipped.contains(&name), "{name}"),
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
