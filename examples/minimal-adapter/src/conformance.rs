//! What the example is worth: it keeps every promise of the protocol.

use meet_signal_conformance::{self as conformance, Suite, Target};
use meet_signal_core::Hub;
use tokio::net::TcpListener;

#[tokio::test(flavor = "multi_thread")]
async fn keeps_all_promises() {
    let hub = Hub::new(conformance::limits());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::new(listener.local_addr().unwrap()).hub(hub.clone());
    tokio::spawn(super::serve(listener, hub, conformance::authorize));

    let report = Suite::new(target).run().await;
    println!("{report}");
    report.assert_recorded(TABLE, "minimal-adapter");
    report.assert_kept();
}

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/conformance.md");
