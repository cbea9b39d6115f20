//! The smallest adapter as a server that has only rooms.

use std::io;

use meet_signal_core::{Grant, Hub};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    minimal_adapter::serve(listener, Hub::default(), Grant::new()).await
}
