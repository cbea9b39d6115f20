//! Signals that stop the server.

use tokio::{
    select,
    signal::{
        ctrl_c,
        unix::{SignalKind, signal},
    },
};

/// Waits for Ctrl-C or SIGTERM.
pub async fn stop_requested() {
    let mut terminated = signal(SignalKind::terminate()).expect("a process can listen to signals");
    select! {
        _ = ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}
