//! The close codes for invalid frames, and that valid frames are accepted.

use meet_signal_actix::{Hub, Limits};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    peer::{BINARY, CLOSE, CONTINUE, FIN, PING, Peer, TEXT, frame, header},
    server::{Server, serve_hub},
};

fn server() -> Server {
    let limits = Limits::builder().frame_bytes(LIMIT).build().expect("in range");
    serve_hub(&Hub::new(limits))
}

/// Sends these bytes within a session, and returns the close code and reason.
async fn close_after(bytes: &[u8]) -> (u16, String) {
    let server = server();
    let (mut peer, _) = Peer::join(server.address, ROOM, "Ada").await;
    peer.send_raw(bytes).await;
    peer.expect_close().await
}

/// A broadcast of exactly so many bytes.
fn broadcast(length: usize) -> String {
    let text = |data: &str| json!({"type": "broadcast", "data": data}).to_string();
    text(&"x".repeat(length - text("").len()))
}

/// Sends these bytes, and returns the message that another member receives.
async fn relayed(bytes: &[u8]) -> Value {
    let server = server();
    let (mut ada, _) = Peer::join(server.address, ROOM, "Ada").await;
    let (mut bob, _) = Peer::join(server.address, ROOM, "Bob").await;
    ada.send_raw(bytes).await;
    bob.expect("broadcast").await
}

#[tokio::test]
async fn a_message_may_be_as_long_as_the_limit() {
    let text = broadcast(LIMIT);
    let data = relayed(&frame(FIN | TEXT, text.as_bytes())).await["data"].clone();
    assert!(text.contains(data.as_str().unwrap()));

    let (first, rest) = text.as_bytes().split_at(100);
    let (second, third) = rest.split_at(0);
    let fragments = [
        frame(TEXT, first),
        frame(FIN | PING, b"between"),
        frame(CONTINUE, second),
        frame(FIN | CONTINUE, third),
    ];
    assert_eq!(relayed(&fragments.concat()).await["data"], data);
}

#[tokio::test]
async fn a_message_in_many_fragments_with_pings_between_arrives_whole() {
    let text = broadcast(400);
    let (first, rest) = text.as_bytes().split_at(1);
    let mut bytes = frame(TEXT, first);
    for piece in rest.chunks(50) {
        bytes.extend(frame(FIN | PING, b"between"));
        bytes.extend(frame(CONTINUE, piece));
    }
    bytes.extend(frame(FIN | CONTINUE, b""));
    let data = relayed(&bytes).await["data"].clone();
    assert!(text.contains(data.as_str().unwrap()));
}

/// They never complete a message, so they could continue without end.
#[tokio::test]
async fn continuation_frames_without_end_are_too_many_messages() {
    for payload in [&b""[..], b"x"] {
        let server = serve_hub(&Hub::default());
        let (mut observer, _) = Peer::join(server.address, ROOM, "Bob").await;
        let (mut peer, _) = Peer::join(server.address, ROOM, "Ada").await;
        peer.send_raw(&frame(TEXT, b"")).await;
        peer.send_raw(&frame(CONTINUE, payload).repeat(20_000)).await;
        assert_eq!(peer.expect_close().await.0, 4004);
        assert_eq!(observer.expect("status").await["status"], "away");
    }
}

#[tokio::test]
async fn a_character_may_be_split_between_fragments() {
    let text = r#"{"type":"broadcast","data":"é"}"#;
    let (head, tail) = text.as_bytes().split_at(text.find('é').unwrap() + 1);
    let fragments = [frame(TEXT, head), frame(FIN | CONTINUE, tail)];
    assert_eq!(relayed(&fragments.concat()).await["data"], "é");
}

#[tokio::test]
async fn a_message_over_the_limit_ends_with_1009() {
    let too_large = (1009, "frame too large".to_owned());
    let whole = frame(FIN | TEXT, broadcast(LIMIT + 1).as_bytes());
    assert_eq!(close_after(&whole).await, too_large);
    let fragments = [frame(TEXT, &[b' '; LIMIT]), frame(CONTINUE, b" ")];
    assert_eq!(close_after(&fragments.concat()).await, too_large);
    // The length in the header is sufficient: no payload is read.
    for announced in [LIMIT + 1, 1 << 16, 1 << 40, usize::MAX] {
        assert_eq!(close_after(&header(FIN | TEXT, announced)).await, too_large, "{announced}");
    }
}

#[tokio::test]
async fn binary_ends_with_1003() {
    let binary = (1003, "messages are text frames".to_owned());
    assert_eq!(close_after(&frame(FIN | BINARY, b"{}")).await, binary);
    assert_eq!(close_after(&frame(BINARY, b"{}")).await, binary);
}

#[tokio::test]
async fn text_that_is_not_utf8_ends_with_1007() {
    let not_utf8 = (1007, "text is UTF-8".to_owned());
    assert_eq!(close_after(&frame(FIN | TEXT, b"\"\xff\"")).await, not_utf8);
    let torn = [frame(TEXT, b"\"\xc3"), frame(FIN | CONTINUE, b"\"")];
    assert_eq!(close_after(&torn.concat()).await, not_utf8);
}

#[tokio::test]
async fn invalid_frames_end_with_1002() {
    const RESERVED_BIT: u8 = 0x40;
    let mut unmasked = frame(FIN | TEXT, b"{}");
    unmasked[1] &= 0x7f;
    for (what, bytes) in [
        ("no mask", unmasked),
        ("a reserved bit", frame(FIN | RESERVED_BIT | TEXT, b"{}")),
        ("a reserved opcode", frame(FIN | 0x3, b"{}")),
        ("a continuation of nothing", frame(FIN | CONTINUE, b"{}")),
        ("a message inside another", [frame(TEXT, b"{"), frame(FIN | TEXT, b"}")].concat()),
        ("binary inside a message", [frame(TEXT, b"{"), frame(FIN | BINARY, b"}")].concat()),
        ("a fragmented ping", frame(PING, b"")),
        ("a long ping", frame(FIN | PING, &[0; 126])),
        ("a fragmented close", frame(CLOSE, &[3, 232])),
        ("a long close", frame(FIN | CLOSE, &[&[3, 232][..], &[b' '; 124]].concat())),
        ("half a close code", frame(FIN | CLOSE, &[3])),
        ("a close reason that is not UTF-8", frame(FIN | CLOSE, &[3, 232, 0xff])),
    ] {
        let end = close_after(&bytes).await;
        assert_eq!(end, (1002, "not a valid WebSocket frame".to_owned()), "{what}");
    }
}

/// The session is kept, as after any lost connection.
#[tokio::test]
async fn a_close_frame_of_any_code_is_answered_and_keeps_the_session() {
    let server = server();
    for code in [1000, 1001, 1003, 1013, 3000, 4508, 4999] {
        assert_eq!(close_with(&server, code).await, code);
    }
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
        assert_eq!(close_with(&server, code).await, 1002, "{code}");
    }
}

/// Joins, closes with this code, and returns the code of the reply.
async fn close_with(server: &Server, code: u16) -> u16 {
    let room = format!("{ROOM}-{code}");
    let (mut observer, _) = Peer::join(server.address, &room, "Ada").await;
    let (mut peer, _) = Peer::join(server.address, &room, "Bob").await;
    observer.expect("joined").await;
    peer.send_raw(&frame(FIN | CLOSE, &[&code.to_be_bytes()[..], b"bye"].concat())).await;
    let (reply, _) = peer.expect_close().await;
    assert_eq!(observer.expect("status").await["status"], "away", "{code}");
    reply
}

#[tokio::test]
async fn nothing_follows_the_close_frame() {
    let server = server();
    let (mut peer, _) = Peer::join(server.address, ROOM, "Ada").await;
    peer.send_raw(&[frame(FIN | PING, b"?"), frame(FIN | BINARY, b"")].concat()).await;
    assert_eq!(peer.frame().await, Some(Message::Pong("?".into())));
    assert_eq!(peer.expect_close().await.0, 1003);
}

#[tokio::test]
async fn invalid_input_before_the_join_ends_with_the_same_codes() {
    let server = server();
    let mut peer = Peer::connect(server.address, ROOM).await;
    peer.send_raw(&frame(FIN | BINARY, b"{}")).await;
    assert_eq!(peer.expect_close().await.0, 1003);
}

/// A socket that is dropped with unread data is reset, which discards sent data in transit: the close
/// frame, if the other end reads slowly.
#[tokio::test]
async fn the_close_frame_reaches_a_slow_client_that_keeps_sending() {
    let binary = frame(FIN | BINARY, b"");
    for (offence, code) in [(binary, 1003), (header(FIN | TEXT, 1 << 20), 1009)] {
        let server = serve_hub(&Hub::default());
        let (mut talker, _) = Peer::join(server.address, ROOM, "Ada").await;
        let mut behind = Peer::join_without_reading(server.address, ROOM).await;
        talker.expect("joined").await;
        for _ in 0..8 {
            talker.send(&json!({"type": "broadcast", "data": "x".repeat(32 * 1024)})).await;
        }
        behind.send_raw(&offence).await;
        assert_eq!(talker.expect("left").await["reason"], "closed");
        behind.send_raw(&frame(FIN | TEXT, b"{}").repeat(100_000)).await;
        assert_eq!(behind.expect_close().await.0, code);
    }
}

const ROOM: &str = "/signal/standup";

/// Less than actix's own limit, and less than one read from the socket.
const LIMIT: usize = 2 * 1024;
