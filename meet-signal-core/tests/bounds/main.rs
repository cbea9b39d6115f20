//! The limits on what one member can do to others, to a room and to the hub.

mod hub;
mod member;

use std::{
    task::{Context, Poll, Waker},
    time::Instant,
};

use meet_signal_core::{
    CloseReason, Frame, Grant, Hub, JoinError, JoinRequest, Limits, LimitsBuilder, Meta, RoomId,
    Session,
};
use serde_json::{Value, json};

/// A member, and the ticket of its session.
struct Member {
    session: Session,
    ticket: String,
}

fn room() -> RoomId {
    "standup".parse().expect("a name")
}

fn hub(limits: impl FnOnce(LimitsBuilder) -> LimitsBuilder) -> Hub {
    Hub::new(limits(Limits::builder()).build().expect("the limits are valid"))
}

fn join(hub: &Hub, now: Instant) -> Member {
    try_join(hub, &room(), JoinRequest::default(), now).expect("there is room")
}

fn try_join(
    hub: &Hub,
    room: &RoomId,
    request: JoinRequest<'_>,
    now: Instant,
) -> Result<Member, JoinError> {
    Ok(Member::new(hub.join(room.clone(), request, &Grant::new(), now)?).0)
}

fn value(frame: &Frame) -> Value {
    serde_json::from_str(frame.as_str()).expect("JSON")
}

/// A `meta` of this many bytes.
fn meta(bytes: usize) -> Meta {
    Meta::new(&"x".repeat(bytes - 2)).expect("JSON")
}

impl Member {
    /// Reads the welcome.
    fn new(session: Session) -> (Self, Value) {
        let mut member = Self { session, ticket: String::new() };
        let welcome = member.take(1).expect("it has just joined").remove(0);
        member.ticket = welcome["ticket"].as_str().expect("a ticket").to_owned();
        (member, welcome)
    }

    fn signal(&mut self, to: &Self, data: &str, now: Instant) {
        let signal = json!({"type": "signal", "to": to.session.id(), "data": data});
        assert!(self.session.receive(&signal.to_string(), now).is_continue());
    }

    /// Drains up to this many bytes, but at least one frame.
    fn take(&self, max_bytes: usize) -> Result<Vec<Value>, CloseReason> {
        let mut batch = Vec::new();
        match self.session.poll_drain(&Context::from_waker(Waker::noop()), max_bytes, &mut batch) {
            Poll::Ready(Err(reason)) => Err(reason),
            _ => Ok(batch.iter().map(value).collect()),
        }
    }

    fn take_all(&self) -> Result<Vec<Value>, CloseReason> {
        self.take(usize::MAX)
    }

    /// The codes of the waiting errors.
    fn errors(&self) -> Vec<String> {
        let frames = self.take_all().expect("its connection goes on");
        let codes = frames.iter().filter_map(|frame| frame["code"].as_str());
        codes.map(str::to_owned).collect()
    }
}
