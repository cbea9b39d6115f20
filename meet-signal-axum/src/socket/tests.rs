//! On a connection in memory with a bounded buffer.

use std::iter;

use futures_util::FutureExt;
use meet_signal_core::testing;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

use super::*;

const TEXT: u8 = 0x1;
const CONTINUATION: u8 = 0x0;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const FIN: u8 = 0x80;

/// A frame with a mask of zeros, which leaves the payload unchanged.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ ..126 => frame.push(0x80 | short as u8),
        longer => {
            frame.push(0x80 | 126);
            frame.extend((longer as u16).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// The server's end and the client's, with a buffer of so many bytes in each direction.
async fn connection(room: usize) -> (AxumSocket<DuplexStream>, DuplexStream) {
    let (server, client) = duplex(room);
    (AxumSocket::new(server, &Limits::default(), None).await, client)
}

/// Everything that is received without waiting.
fn all_received(socket: &mut AxumSocket<DuplexStream>) -> Vec<String> {
    iter::from_fn(|| socket.recv().now_or_never())
        .map(|incoming| match incoming {
            Incoming::Text(text) => text.as_ref().to_owned(),
            Incoming::Partial { fragments, bytes } => format!("{fragments} with {bytes} bytes"),
            other => format!("{other:?}"),
        })
        .collect()
}

#[tokio::test]
async fn fragments_are_reported_before_their_message_and_pings_are_no_fragments() {
    let (mut socket, mut client) = connection(4096).await;
    let frames = [
        frame(FIN | TEXT, b"whole"),
        frame(TEXT, b"in "),
        frame(FIN | PING, b"ping"),
        frame(CONTINUATION, b"three "),
        frame(FIN | CONTINUATION, b"parts"),
        frame(FIN | TEXT, b"whole again"),
        frame(TEXT, b"and the next"),
    ];
    client.write_all(&frames.concat()).await.unwrap();
    let expected = [
        "2 with 9 bytes",
        "whole",
        "Control",
        "in three parts",
        "whole again",
        // After the messages before it: an incomplete message is recognized.
        "1 with 12 bytes",
    ];
    assert_eq!(all_received(&mut socket), expected);
}

#[tokio::test]
async fn fragments_are_reported_as_they_arrive() {
    let (mut socket, mut client) = connection(4096).await;
    client.write_all(&frame(TEXT, b"a")).await.unwrap();
    assert_eq!(all_received(&mut socket), ["1 with 1 bytes"]);
    client.write_all(&frame(CONTINUATION, b"bc")).await.unwrap();
    assert_eq!(all_received(&mut socket), ["1 with 2 bytes"]);
    client.write_all(&frame(FIN | CONTINUATION, b"d")).await.unwrap();
    assert_eq!(all_received(&mut socket), ["abcd"]);
}

/// Drops each `recv` as soon as it waits, after every single byte.
#[tokio::test]
async fn receiving_is_cancel_safe() {
    let (mut socket, mut client) = connection(4096).await;
    let frames = [
        frame(TEXT, b"frag"),
        frame(FIN | PING, b"?"),
        frame(FIN | CONTINUATION, b"ments"),
        frame(FIN | TEXT, &[b'x'; 200]),
    ];
    let mut received = Vec::new();
    for byte in frames.concat() {
        client.write_all(&[byte]).await.unwrap();
        received.extend(all_received(&mut socket));
    }
    assert_eq!(received, ["1 with 4 bytes", "Control", "fragments", &"x".repeat(200)]);
}

/// The connection always has more data, so tungstenite alone would never return.
#[tokio::test]
async fn a_flood_of_empty_fragments_is_reported_read_by_read() {
    let flood = [frame(TEXT, b""), frame(CONTINUATION, b"").repeat(99_999)].concat();
    let (mut socket, mut client) = connection(flood.len()).await;
    client.write_all(&flood).await.unwrap();
    let mut counted = 0;
    while counted < 100_000 {
        let Incoming::Partial { fragments, bytes: 0 } = socket.recv().await else {
            panic!("nothing else was sent");
        };
        assert!(fragments <= READ_BUFFER / 6 + 1, "{fragments} at once");
        counted += fragments;
    }
    assert_eq!(counted, 100_000);
    assert!(socket.recv().now_or_never().is_none());
}

#[tokio::test]
async fn data_after_a_close_frame_is_ignored() {
    // The reply to it does not fit into the buffer, so that reading continues.
    let (mut socket, mut client) = connection(64).await;
    assert!(socket.send(&mut vec![frame_of(200)]).now_or_never().is_none());
    client.write_all(&frame(FIN | CLOSE, b"\x03\xE8")).await.unwrap();
    assert!(socket.recv().now_or_never().is_none());
    client.write_all(&frame(FIN | TEXT, b"{}")).await.unwrap();
    client.write_all(b"no frame").await.unwrap();
    assert!(matches!(socket.recv().await, Incoming::Closed));
}

#[tokio::test]
async fn a_close_frame_comes_after_the_rest_of_a_frame_that_was_written_in_part() {
    // Part of the longer ones is written before all frames are taken.
    for (room, length) in [(1, 300), (2, 300), (3, 300), (64, 300), (320, 300), (64, 40_000)] {
        let (mut socket, client) = connection(room).await;
        let sent = frame_of(length);
        assert!(socket.send(&mut vec![sent.clone(), sent.clone()]).now_or_never().is_none());
        let closing = tokio::spawn(async move { socket.close(CloseReason::TooSlow).await });

        let mut client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
        let mut texts = 0;
        let close = loop {
            match client.next().await {
                Some(Ok(Message::Text(text))) => assert_eq!(text.as_str(), sent.as_str()),
                Some(Ok(Message::Close(close))) => break close,
                other => panic!("room for {room}: {other:?}"),
            }
            texts += 1;
        };
        assert!(texts >= 1, "room for {room}");
        assert_eq!(close.unwrap().code, CloseReason::TooSlow.code().into());
        assert!(client.next().await.is_none());
        closing.await.unwrap();
    }
}

/// A frame of about this length.
fn frame_of(length: usize) -> Frame {
    testing::frame(format!(
        r#"{{"type":"error","code":"not-allowed","message":"{}"}}"#,
        "x".repeat(length)
    ))
}
