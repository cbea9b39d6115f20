//! The shutdown of the server.

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

/// Waits for Ctrl-C or SIGTERM, asks all clients to return later, and waits until their sessions have
/// ended. Then the server may stop.
pub async fn stopping(hub: Hub) {
    let mut terminated = signal(SignalKind::terminate()).expect("a process can listen to signals");
    select! {
        _ = ctrl_c() => {}
        _ = terminated.recv() => {}
    }
    // A client whose connection is dead never replies; the server stops anyway.
    let _ = timeout(DRAIN_TIMEOUT, hub.drain()).await;
}

/// How long the shutdown waits for clients that do not reply.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);
