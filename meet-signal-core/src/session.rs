//! One participant's membership of one room.

use std::{
    ops::ControlFlow,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Instant,
};

use serde_json::value::RawValue;

use crate::{
    CloseReason, ErrorCode, Frame, PeerId, RoomId,
    hub::{Hub, Undone},
    intake::{Intake, Rejected},
    message::{ClientMessage, ErrorFrame, LeaveReason, Meta, ServerMessage, Status},
    outbox::{NeverSent, Outbox, Wakes},
    room::{Input, Refusal},
};

/// A member of a room, from the server's side. Made by [`Hub::join`](crate::Hub::join).
///
/// It outlives its socket, and it is what leaves: dropping it leaves the room, so there is exactly
/// one leave for each join, however the task that holds it ends.
#[derive(Debug)]
pub struct Session {
    hub: Hub,
    room: RoomId,
    id: PeerId,
    outbox: Arc<Outbox>,
    intake: Intake,
}

impl Session {
    pub(crate) fn new(
        hub: Hub,
        room: RoomId,
        id: PeerId,
        outbox: Arc<Outbox>,
        intake: Intake,
    ) -> Self {
        Self { hub, room, id, outbox, intake }
    }

    /// Handles one text frame from the client.
    ///
    /// Whatever is wrong with it is answered through the outbox, and hurts nobody else. A break says
    /// that the connection ends; on [`CloseReason::Left`] the room has been left.
    pub fn receive(&mut self, text: &str, now: Instant) -> ControlFlow<CloseReason> {
        match self.intake.read(text, now) {
            Ok(message) => return self.handle(message),
            Err(Rejected::Ended(reason)) => return ControlFlow::Break(reason),
            Err(Rejected::Answered { error, sequenced }) => {
                if sequenced {
                    self.count();
                }
                self.answer(error);
            }
        }
        ControlFlow::Continue(())
    }

    /// Appends what waits for the client's socket to `batch`: up to `most` bytes, but at least one
    /// frame. All of it counts as sent.
    ///
    /// Ready with an error when the connection is to be closed. Only the waker of the last call is
    /// woken.
    pub fn poll_drain(
        &self,
        cx: &Context<'_>,
        most: usize,
        batch: &mut Vec<Frame>,
    ) -> Poll<Result<(), CloseReason>> {
        self.outbox.poll_drain(cx, most, batch)
    }

    /// Ready when the session is ended by somebody else. For the time without a socket.
    pub fn poll_closed(&self, cx: &Context<'_>) -> Poll<CloseReason> {
        self.outbox.poll_closed(cx)
    }

    /// The socket was lost: the others are told, and what is sent to this session is kept.
    pub fn away(&self) {
        // A session that was dismissed in the meantime has nobody to tell.
        let _ = self.apply(Input::Status { peer: self.id, status: Status::Away });
    }

    /// Leaves the room, and says why. Dropping leaves with [`LeaveReason::Closed`].
    pub fn leave(self, reason: LeaveReason) {
        self.depart(reason);
    }

    /// How many of the client's sequenced frames have been handled.
    pub fn received(&self) -> u64 {
        self.hub.received(&self.room, self.id)
    }

    /// The participant's id.
    pub fn id(&self) -> PeerId {
        self.id
    }

    /// The room.
    pub fn room(&self) -> &RoomId {
        &self.room
    }

    #[cfg(feature = "driver")]
    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    fn handle(&mut self, message: ClientMessage<'_>) -> ControlFlow<CloseReason> {
        let reference = message.reference();
        let undone = match message {
            ClientMessage::Signal { to, data, .. } => self.signal(&to, data),
            ClientMessage::Broadcast { data, .. } => {
                let frame = relayed("broadcast", self.id, data);
                self.act(Input::Broadcast { from: self.id, frame })
            }
            ClientMessage::Update { meta, .. } => self.update(meta),
            ClientMessage::Pong { received } | ClientMessage::Ack { received } => {
                return self.acknowledge(received);
            }
            ClientMessage::Leave => {
                self.count();
                self.depart(LeaveReason::Left);
                return ControlFlow::Break(CloseReason::Left);
            }
            ClientMessage::Join(_) => Err((ErrorCode::AlreadyJoined, "this connection has joined")),
            ClientMessage::Moderate { .. } => {
                self.count();
                Err((ErrorCode::NotAllowed, "this session may not moderate"))
            }
        };
        if let Err((code, message)) = undone {
            let mut error = ErrorFrame::new(code, message);
            error.reference = reference;
            self.answer(error);
        }
        ControlFlow::Continue(())
    }

    fn signal(&self, to: &str, data: &RawValue) -> Result<(), Answer> {
        let Ok(to) = to.parse() else {
            self.count();
            return Err(NO_SUCH_PEER);
        };
        let frame = relayed("signal", self.id, data);
        self.act(Input::Signal { from: self.id, to, frame })
    }

    fn update(&self, meta: &RawValue) -> Result<(), Answer> {
        if meta.get().len() > self.hub.limits().meta_bytes() {
            self.count();
            return Err((ErrorCode::TooLarge, "`meta` is too large"));
        }
        self.act(Input::Update { peer: self.id, meta: Meta::from(meta.to_owned()) })
    }

    fn acknowledge(&mut self, received: u64) -> ControlFlow<CloseReason> {
        match self.outbox.acknowledge(received) {
            Ok(()) => ControlFlow::Continue(()),
            Err(NeverSent) => match self.intake.bad_acknowledgement() {
                Rejected::Ended(reason) => ControlFlow::Break(reason),
                Rejected::Answered { error, .. } => {
                    self.answer(error);
                    ControlFlow::Continue(())
                }
            },
        }
    }

    /// Does what a sequenced frame asks for, and counts it, in one step.
    fn act(&self, input: Input) -> Result<(), Answer> {
        self.hub.act(&self.room, self.id, Some(input)).map_err(answer_to)
    }

    /// Counts a sequenced frame that changes nothing.
    fn count(&self) {
        let _ = self.hub.act(&self.room, self.id, None);
    }

    fn apply(&self, input: Input) -> Result<(), Undone> {
        self.hub.apply(&self.room, input)
    }

    fn answer(&self, error: ErrorFrame<'static>) {
        let mut wakes = Wakes::new();
        // A full outbox ends the connection; there is nobody left to be told more.
        let _ = self.outbox.push(ServerMessage::Error(error).encode(), &mut wakes);
        wakes.into_iter().for_each(Waker::wake);
    }

    /// Idempotent: the room refuses to let somebody leave twice.
    fn depart(&self, reason: LeaveReason) {
        let _ = self.apply(Input::Leave { peer: self.id, reason });
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.depart(LeaveReason::Closed);
        self.hub.session_ended();
    }
}

type Answer = (ErrorCode, &'static str);

const NO_SUCH_PEER: Answer = (ErrorCode::NoSuchPeer, "no such peer is in the room");

fn answer_to(undone: Undone) -> Answer {
    match undone {
        Undone::Refused(Refusal::NoSuchPeer) => NO_SUCH_PEER,
        Undone::Refused(Refusal::NotAllowed) => {
            (ErrorCode::NotAllowed, "the session lacks the permission")
        }
        Undone::Refused(refusal) => (refusal.code(), "the session has ended"),
        Undone::Unreachable => (ErrorCode::PeerUnreachable, "the peer's queue is full"),
    }
}

/// The hot path's frames, composed with one allocation; the same text that
/// [`ServerMessage::Signal`] and [`ServerMessage::Broadcast`] encode to.
fn relayed(kind: &str, from: PeerId, data: &RawValue) -> Frame {
    let mut id = [0; 22];
    let head = [r#"{"type":""#, kind, r#"","from":""#, from.encode(&mut id), r#"","data":"#];
    let mut frame =
        String::with_capacity(head.map(str::len).iter().sum::<usize>() + data.get().len() + 1);
    frame.extend(head);
    frame.push_str(data.get());
    frame.push('}');
    Frame::new(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relayed_frames_are_what_the_schema_says() {
        let from = PeerId::random();
        let data = serde_json::value::to_raw_value(&serde_json::json!({"sdp": "v=0\r\n", "n": 1}))
            .unwrap();
        assert_eq!(
            relayed("signal", from, &data),
            ServerMessage::Signal { from, data: &data }.encode()
        );
        assert_eq!(
            relayed("broadcast", from, &data),
            ServerMessage::Broadcast { from, data: &data }.encode()
        );
    }

    #[test]
    fn payloads_are_relayed_byte_for_byte() {
        let raw = r#"{ "b" : 1.0e0,"a":[ ] ,"a":"\u00e4/" }"#;
        let data: &RawValue = serde_json::from_str(raw).unwrap();
        assert!(relayed("signal", PeerId::random(), data).as_str().ends_with(&format!("{raw}}}")));
    }
}
