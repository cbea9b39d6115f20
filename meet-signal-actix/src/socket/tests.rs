use std::{pin::pin, task::Poll};

use actix_http::BoxedPayloadStream;
use actix_web::web::Bytes;
use futures_util::{StreamExt, poll, stream};

use super::*;
use crate::outgoing::{Body, outgoing};

/// A socket that has received these bytes at once, and waits for more. The test must keep its body.
fn received(bytes: Vec<u8>) -> (SignalSocket, Body) {
    let chunks = stream::iter([Ok(Bytes::from(bytes))]).chain(stream::pending());
    let (outgoing, body) = outgoing();
    let chunks: BoxedPayloadStream = Box::pin(chunks);
    (SignalSocket::new(chunks.into(), outgoing, None, 1024, None, None), body)
}

fn frame(last: bool, opcode: OpCode, payload: &str) -> BytesMut {
    let mut frame = BytesMut::new();
    ws::Parser::write_message(&mut frame, payload, opcode, last, true);
    frame
}

fn partial(incoming: &Incoming<SignalText>) -> Option<(usize, usize)> {
    match incoming {
        Incoming::Partial { fragments, bytes } => Some((*fragments, *bytes)),
        _ => None,
    }
}

#[actix_web::test]
async fn fragments_are_reported_together_as_they_have_arrived() {
    let fragments = [
        vec![frame(false, OpCode::Text, "a")],
        vec![frame(false, OpCode::Continue, "bc"); 20],
        vec![frame(true, OpCode::Pong, ""), frame(false, OpCode::Continue, "")],
        vec![frame(true, OpCode::Continue, "d"), frame(true, OpCode::Text, "e")],
    ];
    let (mut socket, _body) = received(fragments.concat().concat());
    assert_eq!(partial(&socket.recv().await), Some((16, 1 + 15 * 2)));
    assert_eq!(partial(&socket.recv().await), Some((5, 10)));
    assert!(matches!(socket.recv().await, Incoming::Control));
    assert_eq!(partial(&socket.recv().await), Some((1, 0)));
    let Incoming::Text(whole) = socket.recv().await else { panic!("the message") };
    assert_eq!(whole.as_ref(), format!("a{}d", "bc".repeat(20)));
    let Incoming::Text(other) = socket.recv().await else { panic!("the other message") };
    assert_eq!(other.as_ref(), "e");
    assert!(poll!(pin!(socket.recv())).is_pending());
}

#[actix_web::test]
async fn a_buffered_flood_lets_other_tasks_run() {
    const FRAGMENTS: usize = 64 * 20;
    let mut bytes = frame(false, OpCode::Text, "").to_vec();
    bytes.extend(frame(false, OpCode::Continue, "").repeat(FRAGMENTS - 1));
    let (mut socket, _body) = received(bytes);
    let (mut counted, mut turns) = (0, 0);
    while counted < FRAGMENTS {
        match poll!(pin!(socket.recv())) {
            Poll::Ready(incoming) => counted += partial(&incoming).expect("a fragment").0,
            // All have arrived: it waits only to yield.
            Poll::Pending => turns += 1,
        }
    }
    assert!(turns >= FRAGMENTS / 128, "{turns} turns for others");
}
