//! What becomes of a peer that does not read.

use std::{net::TcpListener, time::Duration};

use actix_web::{App, HttpServer};
use meet_signal_actix::{Hub, Limits};
use serde_json::json;

use crate::{
    peer::Peer,
    server::{rooms, serve_at, small_buffers},
};

fn hub() -> Hub {
    let limits = Limits::builder().write_timeout(Duration::from_millis(200)).build();
    Hub::new(limits.expect("in range"))
}

/// More than a connection with small buffers takes, and less than an outbox.
async fn broadcast_much(peer: &mut Peer) {
    for _ in 0..8 {
        peer.send(&json!({"type": "broadcast", "data": "x".repeat(48 * 1024)})).await;
    }
}

#[tokio::test]
async fn a_write_that_takes_too_long_ends_the_connection() {
    let server = serve_at(small_buffers().into(), rooms(&hub()));
    let (mut talker, _) = Peer::join(server.address, ROOM, "Ada").await;
    let mut stuck = Peer::join_without_reading(server.address, ROOM).await;
    talker.expect("joined").await;
    broadcast_much(&mut talker).await;
    assert_eq!(talker.expect("status").await["status"], "away");

    // It reads again, and finds the reason after what was on its way.
    stuck.expect("welcome").await;
    stuck.expect("broadcast").await;
    assert_eq!(stuck.expect_close().await, (4002, "too slow".to_owned()));
}

/// actix itself has no timeout for writing; without the system's, a peer that neither reads nor goes
/// away keeps its connection, though not its session.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn with_a_timeout_of_the_system_the_connection_ends_too() {
    use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

    /// Says when actix gives the connection up.
    struct Connection(UnboundedSender<()>);

    impl Drop for Connection {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    let socket = small_buffers();
    socket.set_tcp_user_timeout(Some(Duration::from_millis(500))).unwrap();
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    let (ended, mut ends) = unbounded_channel();
    let rooms = rooms(&hub());
    let server = HttpServer::new(move || App::new().configure(rooms.clone()))
        .on_connect(move |_, connection| drop(connection.insert(Connection(ended.clone()))))
        .workers(1)
        .disable_signals()
        .listen(listener)
        .unwrap()
        .run();
    let handle = server.handle();
    tokio::spawn(server);

    let (mut talker, _) = Peer::join(address, ROOM, "Ada").await;
    let _stuck = Peer::join_without_reading(address, ROOM).await;
    talker.expect("joined").await;
    broadcast_much(&mut talker).await;
    assert_eq!(talker.expect("status").await["status"], "away");
    ends.recv().await.expect("the end of the connection that is stuck");
    assert!(ends.try_recv().is_err(), "the other one goes on");
    handle.stop(false).await;
}

const ROOM: &str = "/signal/standup";
