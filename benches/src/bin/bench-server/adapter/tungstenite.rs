//! The smallest adapter.

use std::{io, net::TcpListener};

use meet_signal_core::{Grant, Hub};

#[tokio::main]
pub(crate) async fn serve(listener: TcpListener, hub: Hub) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    minimal_adapter::serve(listener, hub, Grant::new()).await
}
