//! Handling the frames of a member, and of a peer that waits to be one.

use std::{ops::ControlFlow, time::Instant};

use super::RoomState;
use crate::{
    CloseReason, LeaveReason, Meta, PeerId,
    inbound::{ErrorReply, ParsedFrame, Rejection, Request, rate_exceeded},
    message::ServerMessage,
    outbox::{Push, Wakers},
    room::Input,
};

impl RoomState {
    /// Checks a member's frame, counts it, processes it and replies to it, in one step, so that a
    /// connection that takes the session over finds it processed completely or not at all.
    ///
    /// A break means that the connection ends; after [`CloseReason::Left`] the member has left.
    pub(crate) fn handle(
        &mut self,
        peer: PeerId,
        request: ParsedFrame<Request>,
        now: Instant,
        wakers: &mut Wakers,
    ) -> ControlFlow<CloseReason> {
        let Some(session) = self.sessions.get_mut(&peer) else {
            return self.handle_waiting(peer, request, now, wakers);
        };
        session.heard();
        let (reference, sequenced) = (request.reference(), request.is_sequenced());
        let checked = session.limiter.check(request, now);
        if sequenced && !matches!(checked, Err(Rejection::Close(_))) {
            session.received += 1;
        }
        let done = match checked {
            Ok(Request::Apply(Input::Update { peer, meta })) => {
                self.update((peer, meta), reference, now, wakers)
            }
            Ok(Request::Apply(Input::Admit { by, peer })) => {
                let admitted = self.admit(by, peer, now, wakers);
                admitted.map_err(|error| error.reply(reference))
            }
            Ok(Request::Apply(input)) => {
                self.apply(input, wakers).map_err(|error| error.reply(reference))
            }
            Ok(Request::AdmitAll) => {
                let admitted = self.admit_all(Some(peer), now, wakers);
                admitted.map(|_| ()).map_err(|error| error.reply(reference))
            }
            Ok(Request::Leave) => {
                self.apply_infallible(Input::Leave { peer, reason: LeaveReason::Left }, wakers);
                return ControlFlow::Break(CloseReason::Left);
            }
            Ok(Request::Acknowledge(received)) => {
                let acknowledged = session.outbox.acknowledge(received);
                acknowledged.map_err(|_| session.limiter.invalid_ack())
            }
            Ok(Request::Probe) => Ok(()),
            Ok(Request::Refuse(reply)) => Err(reply.to(reference)),
            Err(rejection) => Err(rejection),
        };
        self.answer(peer, done, wakers)
    }

    /// Replies to a frame, if it was refused.
    fn answer(
        &mut self,
        peer: PeerId,
        done: Result<(), Rejection>,
        wakers: &mut Wakers,
    ) -> ControlFlow<CloseReason> {
        match done {
            Ok(()) => ControlFlow::Continue(()),
            Err(Rejection::Close(reason)) => ControlFlow::Break(reason),
            Err(Rejection::Reply(error)) => {
                if let Some(session) = self.session_mut(peer) {
                    // If there is no space for it, the connection ends.
                    let error = Push::event(ServerMessage::Error(error).encode());
                    let _ = session.outbox.push(error, wakers);
                }
                ControlFlow::Continue(())
            }
        }
    }

    /// Of a peer in the lobby, only that it lives or leaves counts. It counts no frame before its
    /// `welcome`, so neither are its frames counted.
    fn handle_waiting(
        &mut self,
        peer: PeerId,
        request: ParsedFrame<Request>,
        now: Instant,
        wakers: &mut Wakers,
    ) -> ControlFlow<CloseReason> {
        let session = self.session_mut(peer).expect("a frame is of a member, or of one who waits");
        session.heard();
        let reference = request.reference();
        let done = match session.limiter.check(request, now) {
            Ok(Request::Leave) => {
                self.apply_infallible(Input::Leave { peer, reason: LeaveReason::Left }, wakers);
                return ControlFlow::Break(CloseReason::Left);
            }
            Ok(Request::Acknowledge(_) | Request::Probe) => Ok(()),
            Ok(Request::Apply(_) | Request::AdmitAll | Request::Refuse(_)) => {
                Err(ErrorReply::WAITING.to(reference))
            }
            Err(rejection) => Err(rejection),
        };
        self.answer(peer, done, wakers)
    }

    /// Counts WebSocket pings, pongs or fragments of a member, and the bytes of the fragments.
    ///
    /// A break means that the connection ends.
    pub(crate) fn handle_control(
        &mut self,
        peer: PeerId,
        frames: usize,
        bytes: usize,
        now: Instant,
    ) -> ControlFlow<CloseReason> {
        let session = self.session_mut(peer).expect("a frame is of a member, or of one who waits");
        match session.limiter.check_control(frames, bytes, now) {
            Ok(()) => ControlFlow::Continue(()),
            Err(reason) => ControlFlow::Break(reason),
        }
    }

    fn update(
        &mut self,
        (peer, meta): (PeerId, Meta),
        reference: Option<u64>,
        now: Instant,
        wakers: &mut Wakers,
    ) -> Result<(), Rejection> {
        let bytes = meta.as_json().len();
        let session = self.sessions.get_mut(&peer).expect("its frame is handled");
        session.limiter.check_update(bytes, reference, now)?;
        if let Some(address) = session.address {
            let updated = self.rate.update(address, bytes, &self.limits, now);
            updated.map_err(|wait| rate_exceeded("too many updates", wait, reference))?;
        }
        let before = session.meta_bytes.bytes();
        if !session.meta_bytes.try_set(bytes) {
            return Err(ErrorReply::NO_ROOM_FOR_META.to(reference));
        }
        self.apply(Input::Update { peer, meta }, wakers).map_err(|error| {
            if let Some(session) = self.sessions.get_mut(&peer) {
                session.meta_bytes.set(before);
            }
            error.reply(reference)
        })
    }
}
