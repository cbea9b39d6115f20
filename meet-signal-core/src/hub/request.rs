//! What a member's frame asks for, and doing it.

use std::{ops::ControlFlow, time::Instant};

use super::{
    Undone,
    shard::{Entry, Shard},
};
use crate::{
    CloseReason, ErrorCode, Limits, PeerId, RoomId,
    connection::Connection,
    intake::{Read, Rejected, over_rate},
    message::{ErrorFrame, LeaveReason, Meta, ServerMessage},
    outbox::{InvalidAck, Push, Wakers},
    room::{ApplyError, Input},
};

/// What a frame asks for. All that takes time, parsing and composing, is done already.
#[derive(Debug)]
pub(crate) enum Request {
    /// That the room does something.
    Apply(Input),
    /// To be heard of no more.
    Leave,
    /// That what was handled need not be kept.
    Acknowledge(u64),
    /// A sign of life.
    Probe,
    /// Nothing that the session may have.
    Refuse(Answer),
}

/// What is wrong with a request.
pub(crate) type Answer = (ErrorCode, &'static str);

/// The answer to whoever addresses somebody who is not there.
pub(crate) const NO_SUCH_PEER: Answer = (ErrorCode::NoSuchPeer, "no such peer is in the room");

impl Shard {
    /// Judges a member's frame, counts it, does what it asks for and answers it: in one step, so
    /// that whoever takes the session over finds it done as a whole or not at all.
    ///
    /// A break says that the connection ends; on [`CloseReason::Left`] the room has been left. Nothing
    /// is said about somebody who is no member (any more).
    pub(super) fn handle(
        &mut self,
        limits: &Limits,
        room: &RoomId,
        connection: Connection,
        request: Read<Request>,
        now: Instant,
        wakers: &mut Wakers,
    ) -> Option<ControlFlow<CloseReason>> {
        let end = self.rooms.get_mut(room)?.handle(limits, connection, request, now, wakers)?;
        if end.is_break() {
            self.remove_if_empty(room);
        }
        Some(end)
    }

    /// Counts what is no message of a member; otherwise like [`handle`](Self::handle).
    pub(super) fn control(
        &mut self,
        room: &RoomId,
        connection: Connection,
        frames: usize,
        bytes: usize,
        now: Instant,
    ) -> Option<ControlFlow<CloseReason>> {
        let seat = self.rooms.get_mut(room)?.seats.get_mut(&connection.peer)?;
        if seat.generation != connection.generation {
            return Some(ControlFlow::Break(CloseReason::TakenOver));
        }
        Some(match seat.intake.control(frames, bytes, now) {
            Ok(()) => ControlFlow::Continue(()),
            Err(reason) => ControlFlow::Break(reason),
        })
    }
}

impl Entry {
    fn handle(
        &mut self,
        limits: &Limits,
        connection: Connection,
        request: Read<Request>,
        now: Instant,
        wakers: &mut Wakers,
    ) -> Option<ControlFlow<CloseReason>> {
        let Connection { peer, generation } = connection;
        let seat = self.seats.get_mut(&peer)?;
        if seat.generation != generation {
            return Some(ControlFlow::Break(CloseReason::TakenOver));
        }
        seat.heard();
        let (reference, sequenced) = (request.reference(), request.is_sequenced());
        let judged = seat.intake.judge(request, now);
        if sequenced && !matches!(judged, Err(Rejected::Ended(_))) {
            seat.received += 1;
        }
        let done = match judged {
            Ok(Request::Apply(Input::Update { peer, meta })) => {
                self.update(limits, (peer, meta), reference, now, wakers)
            }
            Ok(Request::Apply(input)) => match self.apply(input, wakers) {
                Ok(()) => return Some(ControlFlow::Continue(())),
                Err(undone) => Err(rejected(answer_to(undone), reference)),
            },
            Ok(Request::Leave) => {
                // It is a member: whoever is none has no seat.
                let _ = self.apply(Input::Leave { peer, reason: LeaveReason::Left }, wakers);
                return Some(ControlFlow::Break(CloseReason::Left));
            }
            Ok(Request::Acknowledge(received)) => seat
                .outbox
                .acknowledge(received)
                .map_err(|InvalidAck| seat.intake.bad_acknowledgement()),
            Ok(Request::Probe) => Ok(()),
            Ok(Request::Refuse(answer)) => Err(rejected(answer, reference)),
            Err(rejected) => Err(rejected),
        };
        Some(match done {
            Ok(()) => ControlFlow::Continue(()),
            Err(Rejected::Ended(reason)) => ControlFlow::Break(reason),
            Err(Rejected::Answered(error)) => {
                if let Some(seat) = self.seats.get(&peer) {
                    // A full outbox ends the connection; there is nobody left to be told more.
                    let _ =
                        seat.outbox.push(Push::event(ServerMessage::Error(error).encode()), wakers);
                }
                ControlFlow::Continue(())
            }
        })
    }

    fn update(
        &mut self,
        limits: &Limits,
        (peer, meta): (PeerId, Meta),
        reference: Option<u64>,
        now: Instant,
        wakers: &mut Wakers,
    ) -> Result<(), Rejected> {
        let bytes = meta.as_json().len();
        let seat = self.seats.get_mut(&peer).expect("its frame is handled");
        seat.intake.update(bytes, reference, now)?;
        if let Some(address) = seat.address {
            let updated = self.rate.update(address, bytes, limits, now);
            updated.map_err(|wait| over_rate("too many updates", wait, reference))?;
        }
        let before = seat.meta_bytes.bytes();
        if !seat.meta_bytes.try_set(bytes) {
            let full = (ErrorCode::Unavailable, "the server has no room for this `meta`");
            return Err(rejected(full, reference));
        }
        let done = self.apply(Input::Update { peer, meta }, wakers);
        done.map_err(|undone| {
            if let Some(seat) = self.seats.get_mut(&peer) {
                seat.meta_bytes.set(before);
            }
            rejected(answer_to(undone), reference)
        })
    }
}

fn answer_to(undone: Undone) -> Answer {
    match undone {
        Undone::Refused(ApplyError::NoSuchPeer) => NO_SUCH_PEER,
        Undone::Refused(ApplyError::NotAllowed) => {
            (ErrorCode::NotAllowed, "the session lacks the permission")
        }
        Undone::Refused(refusal) => (refusal.code(), "the session has ended"),
        Undone::Unreachable => (ErrorCode::PeerUnreachable, "a peer's queue has no room for it"),
    }
}

fn rejected((code, message): Answer, reference: Option<u64>) -> Rejected {
    let mut error = ErrorFrame::new(code, message);
    error.reference = reference;
    Rejected::Answered(error)
}
