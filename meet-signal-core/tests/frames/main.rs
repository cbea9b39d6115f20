//! The golden frames in `docs/frames`. The browser side's tests read the same files, so that neither
//! side can take a frame for something else than the other does.
//!
//! What the server writes is held against its types, byte for byte, in `src/message/golden.rs`.

mod document;
mod fixtures;

use std::{
    collections::BTreeSet,
    ops::ControlFlow,
    task::{Context, Poll, Waker},
    time::Instant,
};

use fixtures::{ClientInvalid, ClientValid, Server, frames, schema};
use meet_signal_core::{
    CloseReason, Grant, Hub, JoinRequest, Session,
    message::{ClientMessage, Problem},
};
use serde_json::{Value, json};

#[test]
fn valid_frames_are_read_as_what_they_mean() {
    for ClientValid { name, frame, is, payload, sequenced } in frames(CLIENT_VALID) {
        let message = ClientMessage::parse(&frame).expect(&name);
        let is = is.unwrap_or_else(|| serde_json::from_str(&frame).expect(&name));
        assert_eq!(serde_json::to_value(&message).expect(&name), is, "{name}");
        assert_eq!(payload_of(&message), payload.as_deref(), "{name}");
        assert_eq!(message.is_sequenced(), sequenced, "{name}");
    }
}

#[test]
fn valid_frames_are_counted_as_stated() {
    for ClientValid { name, frame, sequenced, .. } in frames(CLIENT_VALID) {
        let mut session = session();
        match session.receive(&frame, Instant::now()) {
            ControlFlow::Continue(()) => {
                assert_eq!(session.received(), u64::from(sequenced), "{name}");
            }
            // The count has gone with the session.
            ControlFlow::Break(end) => assert_eq!(end, CloseReason::Left, "{name}"),
        }
    }
}

#[test]
fn invalid_frames_are_answered_and_counted_as_stated() {
    for ClientInvalid { name, frame, error, reference, sequenced, .. } in frames(CLIENT_INVALID) {
        let malformed = ClientMessage::parse(&frame).expect_err(&name);
        let unknown = malformed.problem == Problem::UnknownType;
        assert_eq!(if unknown { "unknown-type" } else { "bad-message" }, error, "{name}");

        let mut session = session();
        assert!(session.receive(&frame, Instant::now()).is_continue(), "{name}");
        let mut expected = json!({
            "type": "error",
            "code": error,
            "message": malformed.to_string(),
        });
        if let Some(reference) = reference {
            expected["ref"] = reference.into();
        }
        assert_eq!(received(&session), expected, "{name}");
        assert_eq!(session.received(), u64::from(sequenced), "{name}");
    }
}

#[test]
fn the_schemas_agree() {
    let client = schema("client-message");
    for ClientValid { name, frame, is, .. } in frames(CLIENT_VALID) {
        assert!(client.is_valid(&value(&frame)), "{name}");
        assert!(is.is_none_or(|is| client.is_valid(&is)), "{name}: what it is");
    }
    for ClientInvalid { name, frame, passes_schema, .. } in frames(CLIENT_INVALID) {
        // What is no JSON is no question for a schema.
        let Ok(frame) = serde_json::from_str::<Value>(&frame) else { continue };
        assert_eq!(client.is_valid(&frame), passes_schema, "{name}");
    }
    let server = schema("server-message");
    let sent = frames(SERVER_SENT).into_iter().chain(frames(SERVER_VARIANTS));
    for Server { name, frame, is, ignored, .. } in sent {
        assert_eq!(server.is_valid(&value(&frame)), !ignored, "{name}");
        assert!(is.is_none_or(|is| server.is_valid(&is)), "{name}: what it is");
    }
}

#[test]
fn every_word_of_the_protocol_is_in_a_frame() {
    let client = frames(CLIENT_VALID).into_iter().map(|ClientValid { frame, .. }| frame);
    assert_eq!(missing("client-message", client), BTreeSet::new());
    let server = frames(SERVER_SENT).into_iter().map(|Server { frame, .. }| frame);
    assert_eq!(missing("server-message", server), BTreeSet::new());
}

#[test]
fn hello_welcomes_pings_and_waiting_are_not_counted_by_a_client() {
    let sent = frames(SERVER_SENT).into_iter().chain(frames(SERVER_VARIANTS));
    for Server { name, frame, sequenced, .. } in sent {
        let uncounted = matches!(&*type_of(&frame), "hello" | "welcome" | "waiting" | "ping");
        assert_eq!(sequenced, !uncounted, "{name}");
    }
}

/// A session that is alone in its room.
fn session() -> Session {
    let room = "standup".parse().expect("a valid name");
    let join = Hub::default().join(room, JoinRequest::default(), &Grant::new(), Instant::now());
    let session = join.expect("there is room");
    assert_eq!(received(&session)["type"], "welcome");
    session
}

/// The one frame that waits for the session's socket.
fn received(session: &Session) -> Value {
    let mut batch = Vec::new();
    let cx = Context::from_waker(Waker::noop());
    assert_eq!(session.poll_drain(&cx, usize::MAX, &mut batch), Poll::Ready(Ok(())));
    let [frame] = batch.as_slice() else { panic!("one frame, not {}", batch.len()) };
    value(frame.as_str())
}

/// The words of a schema that are in none of the frames.
fn missing(schema: &str, frames: impl Iterator<Item = String>) -> BTreeSet<String> {
    let mut words = fixtures::words(schema);
    for frame in frames {
        fixtures::each_string(&value(&frame), &mut |_, text| {
            words.remove(text);
        });
    }
    words
}

fn payload_of<'a>(message: &ClientMessage<'a>) -> Option<&'a str> {
    match message {
        ClientMessage::Signal { data, .. } | ClientMessage::Broadcast { data, .. } => Some(data),
        ClientMessage::Update { meta, .. } => Some(meta),
        ClientMessage::Join(join) => join.meta.as_ref(),
        _ => None,
    }
    .map(|payload| payload.get())
}

fn type_of(frame: &str) -> String {
    value(frame)["type"].as_str().expect("a message has a type").to_owned()
}

fn value(json: &str) -> Value {
    serde_json::from_str(json).expect(json)
}

const CLIENT_VALID: &str = "client-valid.json";
const CLIENT_INVALID: &str = "client-invalid.json";
const SERVER_SENT: &str = "server-sent.json";
const SERVER_VARIANTS: &str = "server-variants.json";
