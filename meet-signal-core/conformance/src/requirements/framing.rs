//! WebSocket frames (RFC 6455) and their maximum length.

use serde_json::json;

use crate::{
    check::{Context, Result, ensure},
    observers::Observers,
    server::Server,
    target::limits,
    wire::{BINARY, CLOSE, CONTINUATION, Event, FIN, PING, PONG, RESERVED, TEXT, frame, header},
};

pub(super) async fn fragments(server: Server) -> Result {
    let (mut observers, mut sender) = Observers::join_with_client(&server).await?;
    let message = r#"{"type":"broadcast","data":"é"}"#.as_bytes();
    // The second fragment ends with half a character.
    let (start, rest) = message.split_at(9);
    let (middle, end) = rest.split_at(20);
    // One write: an automatic `pong` between them would be a message within a message.
    let frames = [
        frame(TEXT, start),
        frame(FIN | PING, b"payload"),
        frame(CONTINUATION, middle),
        frame(CONTINUATION, b""),
        frame(FIN | CONTINUATION, end),
    ];
    sender.write(&frames.concat()).await?;
    let pong = sender.next_event().await?;
    ensure!(pong == Event::Pong(b"payload".to_vec()), "expected a pong, got {pong:?}");
    observers.expect(&json!({"type": "broadcast", "from": sender.id, "data": "é"})).await?;
    observers.check_undisturbed().await
}

pub(super) async fn oversized_frame(server: Server) -> Result {
    let (mut observers, mut client) = Observers::join_with_client(&server).await?;
    let longest = broadcast(limits().frame_bytes());
    client.send(&longest).await?;
    observers.expect(&json!({"type": "broadcast", "from": client.id})).await?;
    client.check_alive().await?;

    client.send(broadcast(limits().frame_bytes() + 1)).await?;
    client.expect_close(1009).await?;
    observers.expect_left(&client.id, "closed").await?;
    observers.check_undisturbed().await
}

/// The last fragment never arrives, so a server that waited for it would keep the others.
pub(super) async fn oversized_fragments(server: Server) -> Result {
    let (mut observers, mut client) = Observers::join_with_client(&server).await?;
    let message = broadcast(limits().frame_bytes() + 1);
    let (start, rest) = message.as_bytes().split_at(40_000);
    client.write(&[frame(TEXT, start), frame(CONTINUATION, rest)].concat()).await?;
    client.expect_close(1009).await?;
    observers.expect_left(&client.id, "closed").await?;
    observers.check_undisturbed().await
}

pub(super) async fn oversized_length(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    for length in [limits().frame_bytes() as u64 + 1, 1 << 40] {
        let mut client = observers.join_client().await?;
        client.write(&header(FIN | TEXT, length)).await?;
        client.expect_close(1009).await?;
        observers.expect_left(&client.id, "closed").await?;
    }
    observers.check_undisturbed().await
}

pub(super) async fn binary(server: Server) -> Result {
    let (mut observers, mut client) = Observers::join_with_client(&server).await?;
    client.write(&frame(FIN | BINARY, br#"{"type":"broadcast","data":1}"#)).await?;
    client.expect_close(1003).await?;
    observers.expect_left(&client.id, "closed").await?;
    observers.check_undisturbed().await
}

pub(super) async fn not_utf8(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    for text in [
        b"{\"type\":\"broadcast\",\"data\":\"\xFF\"}".as_slice(),
        // A surrogate, an overlong encoding, half a character at the end.
        b"{\"type\":\"broadcast\",\"data\":\"\xED\xA0\x80\"}",
        b"{\"type\":\"broadcast\",\"data\":\"\xC0\xAF\"}",
        b"{\"type\":\"broadcast\",\"data\":1}\xC3",
    ] {
        let mut client = observers.join_client().await?;
        client.write(&frame(FIN | TEXT, text)).await?;
        client.expect_close(1007).await?;
        observers.expect_left(&client.id, "closed").await?;
    }
    observers.check_undisturbed().await
}

pub(super) async fn not_websocket(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let within_a_message = |second| [frame(TEXT, b"{"), second].concat();
    for (what, bytes) in [
        ("a frame without a mask", b"\x81\x02{}".to_vec()),
        ("a reserved bit", frame(FIN | RESERVED | TEXT, b"{}")),
        ("a reserved data frame", frame(FIN | 0x3, b"{}")),
        ("a reserved control frame", frame(FIN | 0xB, b"")),
        ("a continuation without a start", frame(FIN | CONTINUATION, b"{}")),
        ("a message within a message", within_a_message(frame(FIN | TEXT, b"{}"))),
        ("a fragmented ping", frame(PING, b"")),
        ("a ping over 125 bytes", frame(FIN | PING, &[0; 126])),
        ("a pong over 125 bytes", frame(FIN | PONG, &[0; 126])),
        ("a close frame with a payload of one byte", frame(FIN | CLOSE, &[3])),
    ] {
        let mut client = observers.join_client().await?;
        client.write(&bytes).await?;
        client.expect_close(1002).await.context(what)?;
        observers.expect_left(&client.id, "closed").await?;
    }
    observers.check_undisturbed().await
}

/// A broadcast of this length in bytes.
fn broadcast(bytes: usize) -> String {
    let around = r#"{"type":"broadcast","data":""}"#.len();
    format!(r#"{{"type":"broadcast","data":"{}"}}"#, "x".repeat(bytes - around))
}
