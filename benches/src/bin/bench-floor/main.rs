//! The floors: the same bytes and the same frames, without rooms, members, sessions or limits.

mod tcp;
mod websocket;

use std::{io, net::TcpListener};

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(about = "Moves bytes or frames between sockets, and nothing else")]
struct Options {
    /// On 127.0.0.1.
    #[arg(long, default_value_t = 0)]
    port: u16,
    #[command(subcommand)]
    floor: Floor,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Floor {
    /// Copies bytes between two TCP connections: the first and the second, the third and the fourth.
    Tcp,
    /// Moves text frames between the two WebSockets of a path, in one task that has both.
    Pairs(websocket::Buffers),
    /// The same with a task for each WebSocket, and a channel to each.
    Tasks(websocket::Buffers),
    /// Sends each text frame of a path's first WebSocket to all others.
    FanOut(websocket::Buffers),
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let options = Options::parse();
    let listener = TcpListener::bind(("127.0.0.1", options.port))?;
    listener.set_nonblocking(true)?;
    println!("http://{}", listener.local_addr()?);
    let listener = tokio::net::TcpListener::from_std(listener)?;
    match options.floor {
        Floor::Tcp => tcp::serve(listener).await,
        Floor::Pairs(buffers) => websocket::serve(listener, buffers, websocket::pair).await,
        Floor::Tasks(buffers) => websocket::serve(listener, buffers, websocket::tasks).await,
        Floor::FanOut(buffers) => websocket::serve(listener, buffers, websocket::fan_out).await,
    }
}
