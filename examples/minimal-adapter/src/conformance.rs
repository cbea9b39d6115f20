//! The conformance suite on this adapter.

use meet_signal_conformance::{Suite, Target, authorize, limits};
use meet_signal_core::Hub;
use tokio::net::TcpListener;

#[tokio::test(flavor = "multi_thread")]
async fn meets_all_requirements() {
    let hub = Hub::new(limits());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::new(listener.local_addr().unwrap()).hub(hub.clone());
    tokio::spawn(super::serve(listener, hub, authorize));

    let report = Suite::new(target).run().await;
    println!("{report}");
    report.assert_recorded(TABLE, "minimal-adapter");
    report.assert_passed();
}

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/conformance.md");
