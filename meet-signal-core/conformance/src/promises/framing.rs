//! WebSocket frames (RFC 6455), and how long they may be.

use serde_json::json;

use crate::{
    check::{Verdict, ensure},
    server::Server,
    target::limits,
    wire::{BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, RESERVED, Received, TEXT, frame, header},
};

pub(super) async fn fragments(server: Server) -> Verdict {
    let (mut others, mut sender) = server.intruder().await?;
    let message = r#"{"type":"broadcast","data":"é"}"#.as_bytes();
    // The second cut is in the middle of a character.
    let (start, rest) = message.split_at(9);
    let (middle, end) = rest.split_at(20);
    // In one go: a pong in between would be a message within a message.
    let frames = [
        frame(TEXT, start),
        frame(FIN | PING, b"still there?"),
        frame(CONTINUATION, middle),
        frame(CONTINUATION, b""),
        frame(FIN | CONTINUATION, end),
    ];
    sender.write(&frames.concat()).await?;
    let pong = sender.next().await?;
    ensure!(pong == Received::Pong(b"still there?".to_vec()), "expected a pong, got {pong:?}");
    others.told(&json!({"type": "broadcast", "from": sender.id, "data": "é"})).await?;
    others.undisturbed().await
}

pub(super) async fn oversized_frame(server: Server) -> Verdict {
    let (mut others, mut intruder) = server.intruder().await?;
    let longest = broadcast(limits().frame_bytes());
    intruder.say(&longest).await?;
    others.told(&json!({"type": "broadcast", "from": intruder.id})).await?;
    intruder.goes_on().await?;

    intruder.say(broadcast(limits().frame_bytes() + 1)).await?;
    intruder.closed(1009).await?;
    others.see_left(&intruder.id, "closed").await?;
    others.undisturbed().await
}

/// Before the last of them has come: until then they would have to be kept.
pub(super) async fn oversized_fragments(server: Server) -> Verdict {
    let (mut others, mut intruder) = server.intruder().await?;
    let message = broadcast(limits().frame_bytes() + 1);
    let (start, rest) = message.as_bytes().split_at(40_000);
    intruder.write(&[frame(TEXT, start), frame(CONTINUATION, rest)].concat()).await?;
    intruder.closed(1009).await?;
    others.see_left(&intruder.id, "closed").await?;
    others.undisturbed().await
}

pub(super) async fn oversized_announcement(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    for length in [limits().frame_bytes() as u64 + 1, 1 << 40] {
        let mut intruder = server.join().await?;
        others.see_joined(&intruder.id).await?;
        intruder.write(&header(FIN | TEXT, length)).await?;
        intruder.closed(1009).await?;
        others.see_left(&intruder.id, "closed").await?;
    }
    others.undisturbed().await
}

pub(super) async fn binary(server: Server) -> Verdict {
    let (mut others, mut intruder) = server.intruder().await?;
    intruder.write(&frame(FIN | BINARY, br#"{"type":"broadcast","data":1}"#)).await?;
    intruder.closed(1003).await?;
    others.see_left(&intruder.id, "closed").await?;
    others.undisturbed().await
}

pub(super) async fn not_utf8(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    for text in [
        b"{\"type\":\"broadcast\",\"data\":\"\xFF\"}".as_slice(),
        // A surrogate, an overlong form, half a character at the end.
        b"{\"type\":\"broadcast\",\"data\":\"\xED\xA0\x80\"}",
        b"{\"type\":\"broadcast\",\"data\":\"\xC0\xAF\"}",
        b"{\"type\":\"broadcast\",\"data\":1}\xC3",
    ] {
        let mut intruder = server.join().await?;
        others.see_joined(&intruder.id).await?;
        intruder.write(&frame(FIN | TEXT, text)).await?;
        intruder.closed(1007).await?;
        others.see_left(&intruder.id, "closed").await?;
    }
    others.undisturbed().await
}

pub(super) async fn not_websocket(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    let within_a_message = |second| [frame(TEXT, b"{"), second].concat();
    for (what, bytes) in [
        ("a frame without a mask", b"\x81\x02{}".to_vec()),
        ("a reserved bit", frame(FIN | RESERVED | TEXT, b"{}")),
        ("a reserved data frame", frame(FIN | 0x3, b"{}")),
        ("a reserved control frame", frame(FIN | 0xB, b"")),
        ("a continuation of nothing", frame(FIN | CONTINUATION, b"{}")),
        ("a message within a message", within_a_message(frame(FIN | TEXT, b"{}"))),
        ("a ping in fragments", frame(PING, b"")),
        ("a ping over 125 bytes", frame(FIN | PING, &[0; 126])),
        ("a pong over 125 bytes", frame(FIN | PONG, &[0; 126])),
        ("a close with half a code", frame(FIN | CLOSE, &[3])),
    ] {
        let mut intruder = server.join().await?;
        others.see_joined(&intruder.id).await?;
        intruder.write(&bytes).await?;
        intruder.closed(1002).await.map_err(|broken| broken.during(what))?;
        others.see_left(&intruder.id, "closed").await?;
    }
    others.undisturbed().await
}

/// A broadcast whose frame has so many bytes.
fn broadcast(bytes: usize) -> String {
    let around = r#"{"type":"broadcast","data":""}"#.len();
    format!(r#"{{"type":"broadcast","data":"{}"}}"#, "x".repeat(bytes - around))
}
