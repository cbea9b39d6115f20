//! The end.

use std::time::Duration;

use meet_signal_core::Hub;
use tokio::{
    select,
    signal::{
        ctrl_c,
        unix::{SignalKind, signal},
    },
    time::timeout,
};

/// Waits for Ctrl-C or SIGTERM, tells every participant to come back later, and waits until they have
/// heard it. Then the server may stop.
pub async fn stopping(hub: Hub) {
    let mut terminated = signal(SignalKind::terminate()).expect("a process can listen to signals");
    select! {
        _ = ctrl_c() => {}
        _ = terminated.recv() => {}
    }
    // A participant whose connection is dead never answers; the server stops all the same.
    let _ = timeout(PATIENCE, hub.drain()).await;
}

/// How long anything waits for participants that do not answer.
pub const PATIENCE: Duration = Duration::from_secs(3);
