//! Peers that do not read, or read slowly.

use std::time::{Duration, Instant};

use meet_signal_actix::{Hub, Limits};
use serde_json::json;

use crate::{
    peer::{BINARY, CLOSE, FIN, Peer, frame},
    raw,
    server::{Kind, observed, rooms, serve_at, small_buffers},
};

pub(crate) fn hub() -> Hub {
    let limits = Limits::builder().write_timeout(Duration::from_millis(200)).build();
    Hub::new(limits.expect("in range"))
}

/// Broadcasts more than a connection with small buffers holds, and less than an outbox does.
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

    // It reads again, and gets the close reason after the data in transit.
    stuck.expect("welcome").await;
    stuck.expect("broadcast").await;
    assert_eq!(stuck.expect_close().await, (4002, "too slow".to_owned()));
}

/// It neither reads nor closes.
#[tokio::test]
async fn a_peer_that_does_not_read_loses_its_connection() {
    let mut server = observed(&hub(), small_buffers().into(), Kind::Plain);
    let (mut talker, _) = Peer::join(server.address, ROOM, "Ada").await;
    let stuck = Peer::join_without_reading(server.address, ROOM).await;
    talker.expect("joined").await;
    broadcast_much(&mut talker).await;
    assert_eq!(talker.expect("status").await["status"], "away");
    let away = Instant::now();
    server.ends.recv().await.expect("the end of the connection that is stuck");
    assert!(away.elapsed() < Duration::from_secs(10), "{:?}", away.elapsed());
    assert!(server.ends.try_recv().is_err(), "the other one goes on");
    // The system keeps none of its data.
    stuck.expect_reset().await;
}

/// Each begins to close its connection, and still does not read.
#[tokio::test]
async fn a_peer_that_closes_and_does_not_read_loses_its_connection() {
    let close = frame(FIN | CLOSE, &[3, 232]);
    for (offence, end) in [(&close[..], false), (&frame(FIN | BINARY, b""), false), (b"", true)] {
        let mut server = observed(&Hub::default(), small_buffers().into(), Kind::Plain);
        let (mut talker, _) = Peer::join(server.address, ROOM, "Ada").await;
        let mut stuck = Peer::join_without_reading(server.address, ROOM).await;
        talker.expect("joined").await;
        // Less than actix's threshold to poll for more, so that the body ends and the flush does not.
        talker.send(&json!({"type": "broadcast", "data": "x".repeat(24 * 1024)})).await;
        stuck.send(&json!({"type": "update", "meta": "here"})).await;
        talker.expect("updated").await;
        stuck.send_raw(offence).await;
        if end {
            stuck.end_writing().await;
        }
        server.ends.recv().await.expect("the end of the connection that is stuck");
        assert!(server.ends.try_recv().is_err(), "the other one goes on");
    }
}

/// actix itself has no write timeout: without those of the adapter and the system, a peer that neither
/// reads nor closes keeps its connection, but not its session.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn with_a_timeout_of_the_system_the_connection_ends_too() {
    let socket = small_buffers();
    socket.set_tcp_user_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut server = observed(&hub(), socket.into(), Kind::Unhooked);
    let (mut talker, _) = Peer::join(server.address, ROOM, "Ada").await;
    let _stuck = Peer::join_without_reading(server.address, ROOM).await;
    talker.expect("joined").await;
    broadcast_much(&mut talker).await;
    assert_eq!(talker.expect("status").await["status"], "away");
    server.ends.recv().await.expect("the end of the connection that is stuck");
    assert!(server.ends.try_recv().is_err(), "the other one goes on");
}

/// The driver may drop a write, and then close.
#[tokio::test]
async fn the_close_frame_is_not_put_inside_a_frame() {
    let server = serve_at(small_buffers().into(), rooms(&hub()));
    let (mut talker, _) = Peer::join(server.address, ROOM, "Ada").await;
    let mut stuck = Peer::join_without_reading(server.address, ROOM).await;
    talker.expect("joined").await;
    // Longer than what actix buffers for a peer that does not read.
    let long = "x".repeat(64_000);
    talker.send(&json!({"type": "broadcast", "data": long})).await;
    assert_eq!(talker.expect("status").await["status"], "away");
    stuck.expect("welcome").await;
    assert_eq!(stuck.next().await.expect("the whole frame")["data"], long);
    assert_eq!(stuck.next().await, Err((4002, "too slow".to_owned())));
}

/// It has no WebSocket library: it sends no pongs, and supports no fragments.
#[tokio::test]
async fn a_peer_that_reads_slowly_gets_everything_and_keeps_its_connection() {
    let mut server = observed(&raw::roomy_hub(), small_buffers().into(), Kind::Plain);
    let (_, mut reader) =
        raw::upgrade(raw::connect(server.address).await, server.address, &[]).await;
    let (_, mut talker) =
        raw::upgrade(raw::connect(server.address).await, server.address, &[]).await;
    raw::one_reads_slowly(&mut talker, &mut reader).await;
    assert!(server.ends.try_recv().is_err());
}

const ROOM: &str = "/signal/standup";
