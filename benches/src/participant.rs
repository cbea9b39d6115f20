//! Participants without sockets.

use std::{
    iter,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use meet_signal_core::{Frame, Grant, Hub, JoinRequest, Limits, Meta, PeerId, RoomId, Session};
use serde_json::{Value, json};

/// A hub whose limits are not what is measured.
pub fn hub() -> Hub {
    let limits = Limits::builder()
        .room_peers(10_000)
        .room_joins_per_minute(1_000_000)
        .sessions(10_000_000)
        .rate_bytes_per_second(1 << 30)
        .rate_burst_bytes(1 << 30)
        .build();
    Hub::new(limits.expect("within their ranges"))
}

/// The room of this number.
pub fn room(number: usize) -> RoomId {
    format!("room-{number}").parse().expect("a valid name")
}

/// One more participant of a room.
pub fn join(hub: &Hub, room: RoomId) -> Participant {
    let now = Instant::now();
    let session =
        hub.join(room, JoinRequest::new(meta()), &Grant::new(), now).expect("no limit is near");
    let mut participant = Participant { session, now, batch: Vec::new() };
    assert_eq!(participant.drain(), 1, "its welcome");
    participant
}

/// The `meta` of a participant.
pub fn meta() -> Meta {
    Meta::new(&json!({"name": "A participant"})).expect("JSON")
}

/// A `signal` with a session description of `bytes` bytes.
pub fn signal(to: PeerId, bytes: usize) -> String {
    json!({"type": "signal", "to": to, "data": description(bytes)}).to_string()
}

/// A session description of `bytes` bytes of JSON, or a few if `bytes` is too small: lines as browsers
/// write them, each with two escapes at its end.
pub fn description(bytes: usize) -> Value {
    let empty = r#"{"sdp":"v=0\r\n","type":"offer"}"#.len();
    let mut sdp = String::from("v=0\r\n");
    let mut left = bytes.saturating_sub(empty);
    while left > 2 * LINE.len() {
        sdp.push_str(LINE);
        left -= LINE.len() + 2;
    }
    sdp.extend(iter::repeat_n('x', left));
    // Sorted, because some servers parse it and serialize it with sorted keys.
    json!({"sdp": sdp, "type": "offer"})
}

/// A `broadcast` of a chat message's size.
pub fn broadcast(bytes: usize) -> String {
    json!({"type": "broadcast", "data": {"text": "x".repeat(bytes)}}).to_string()
}

/// A session without a socket.
#[derive(Debug)]
#[non_exhaustive]
pub struct Participant {
    session: Session,
    now: Instant,
    batch: Vec<Frame>,
}

impl Participant {
    /// Its id.
    pub fn id(&self) -> PeerId {
        self.session.id()
    }

    /// Sends one frame. Advances its clock with each, because of the rate limit.
    pub fn send(&mut self, text: &str) {
        self.now += Duration::from_millis(100);
        assert!(self.session.receive(text, self.now).is_continue(), "the session continues");
    }

    /// Takes all frames from the outbox, and returns their number.
    pub fn drain(&mut self) -> usize {
        let cx = Context::from_waker(Waker::noop());
        let mut frames = 0;
        while let Poll::Ready(drained) = self.session.poll_drain(&cx, usize::MAX, &mut self.batch) {
            assert_eq!(drained, Ok(()), "the session continues");
            frames += self.batch.len();
            self.batch.clear();
        }
        frames
    }
}

const LINE: &str = "a=rtpmap:111 opus/48000/2 a=fmtp:111 minptime=10;useinbandfec=1\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_has_the_size_that_was_asked_for() {
        for bytes in [64, 512, 2048, 3072] {
            assert_eq!(description(bytes).to_string().len(), bytes);
        }
    }
}
