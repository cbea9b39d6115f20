//! Rooms on socketioxide, with the handlers of its examples: the same as `node/socket-io.js`.

use std::{convert::Infallible, env, io};

use axum::{Router, serve::ListenerExt};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use socketioxide::{
    SocketIo,
    extract::{AckSender, Data, SocketRef},
    handler::ConnectHandler,
    socket::Sid,
};
use tokio::net::TcpListener;

#[derive(Deserialize)]
struct Signal {
    to: Sid,
    data: Value,
}

#[derive(Serialize)]
struct Relayed {
    from: Sid,
    data: Value,
}

#[derive(Clone)]
struct Room(String);

#[tokio::main]
async fn main() -> io::Result<()> {
    let port = env::args().nth(1).expect("a port");
    let (layer, io) = SocketIo::new_layer();
    io.ns("/", (async || ()).with(handlers));
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, Router::new().layer(layer)).await
}

/// In a middleware, because the connect handler runs beside the first events, which would be lost
/// before it has registered their handlers.
async fn handlers(socket: SocketRef) -> Result<(), Infallible> {
    socket.on("join", async |socket: SocketRef, Data::<String>(room), ack: AckSender| {
        socket.join(room.clone());
        socket.extensions.insert(Room(room.clone()));
        let _ = socket.to(room).emit("joined", &socket.id).await;
        let _ = ack.send("ok");
    });
    socket.on(
        "signal",
        async |socket: SocketRef, io: SocketIo, Data::<Signal>(Signal { to, data })| {
            // Unlike on Node, a socket's id is not also a room.
            let Some(to) = io.get_socket(to) else { return };
            let _ = to.emit("signal", &Relayed { from: socket.id, data });
        },
    );
    socket.on("broadcast", async |socket: SocketRef, Data::<Value>(data)| {
        let Some(Room(room)) = socket.extensions.get() else { return };
        let _ = socket.to(room).emit("broadcast", &Relayed { from: socket.id, data }).await;
    });
    Ok(())
}
