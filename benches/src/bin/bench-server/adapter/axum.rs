//! As `meet-signal-axum` recommends.

use std::io;

use ::axum::{Router, serve::ListenerExt};
use meet_signal_axum::{Hub, SignalRouter};
use tokio::net::TcpListener;

#[tokio::main]
pub(crate) async fn serve(listener: std::net::TcpListener, hub: Hub) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?.tap_io(|stream| {
        // Nagle's algorithm delays small frames. A socket that is gone already shows that later.
        let _ = stream.set_nodelay(true);
    });
    let app: Router = Router::new().merge(SignalRouter::new(hub).into_router());
    ::axum::serve(listener, app).await
}
