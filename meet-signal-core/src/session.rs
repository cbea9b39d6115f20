//! One participant's membership of one room.

use std::{
    mem,
    ops::ControlFlow,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use crate::{
    CloseReason, Frame, LeaveReason, PeerId, RoomId,
    connection::Connection,
    hub::Hub,
    inbound::{ParsedFrame, Request},
    outbox::Outbox,
    room::Input,
};

/// A member of a room, from the server's side, for one connection at a time. Made by
/// [`Hub::join`](crate::Hub::join).
///
/// It outlives its socket, and it is what leaves: dropping it leaves the room, so there is exactly
/// one leave for each join, however the task that holds it ends.
///
/// When the client comes back on a newer connection, [`Hub::resume`](crate::Hub::resume) makes
/// another `Session` for the same member. From then on this one says [`CloseReason::TakenOver`] and
/// does nothing any more, neither when it is used nor when it is dropped.
#[derive(Debug)]
pub struct Session {
    hub: Hub,
    room: RoomId,
    connection: Connection,
    outbox: Arc<Outbox>,
    /// Whether a `probe` of the client is to be answered.
    is_probed: bool,
}

impl Session {
    pub(crate) fn new(hub: Hub, room: RoomId, connection: Connection, outbox: Arc<Outbox>) -> Self {
        Self { hub, room, connection, outbox, is_probed: false }
    }

    /// Handles one text frame from the client.
    ///
    /// Whatever is wrong with it is answered through the outbox, and hurts nobody else. A break says
    /// that the connection ends; on [`CloseReason::Left`] the room has been left.
    /// A `probe` is answered by what drives the session: see [`takes_probe`](Self::takes_probe).
    pub fn receive(&mut self, text: &str, now: Instant) -> ControlFlow<CloseReason> {
        let limits = self.hub.limits();
        let frame = match ParsedFrame::parse(text, limits) {
            Ok(frame) => frame.map(|message| Request::new(message, self.connection.peer, limits)),
            Err(reason) => return ControlFlow::Break(reason),
        };
        self.is_probed |= frame.is_probe();
        let (peer, limits) = (self.id(), self.hub.limits());
        self.hub
            .with_session(&self.room, self.connection, |room, wakers| {
                room.handle(limits, peer, frame, now, wakers)
            })
            .unwrap_or_else(|| self.outbox.end(self.connection.generation))
    }

    /// Handles a WebSocket ping or pong from the client, which counts against its rate. The adapter
    /// or its framework answers a ping.
    ///
    /// A break says that the connection ends.
    pub fn receive_control(&mut self, now: Instant) -> ControlFlow<CloseReason> {
        self.receive_partial(1, 0, now)
    }

    /// Handles so many fragments, of so many bytes together, of a message that is not complete. They
    /// count against the client's rate; [`receive`](Self::receive), which the whole message goes to in
    /// the end, does not count their bytes again.
    ///
    /// A break says that the connection ends.
    pub fn receive_partial(
        &mut self,
        fragments: usize,
        bytes: usize,
        now: Instant,
    ) -> ControlFlow<CloseReason> {
        let peer = self.id();
        self.hub
            .with_session(&self.room, self.connection, |room, _| {
                room.handle_control(peer, fragments, bytes, now)
            })
            .unwrap_or_else(|| self.outbox.end(self.connection.generation))
    }

    /// Whether the client has sent a `probe` since this was asked last: then a `ping` is to be sent at
    /// once, one for all of them. It does not wait with what [`poll_drain`](Self::poll_drain) gives.
    pub fn takes_probe(&mut self) -> bool {
        mem::take(&mut self.is_probed)
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
        self.outbox.poll_drain(self.connection.generation, cx, most, batch)
    }

    /// Ready when the session is ended by somebody else or taken over. For the time without a socket.
    /// Only the waker of the last call is woken.
    pub fn poll_closed(&self, cx: &Context<'_>) -> Poll<CloseReason> {
        self.outbox.poll_closed(self.connection.generation, cx)
    }

    /// The socket was lost: the others are told, and what is sent to this session is kept, within the
    /// bounds of [`Limits`](crate::Limits). [`Hub::resume`](crate::Hub::resume) ends it.
    ///
    /// Where [`Limits::address_away`](crate::Limits::address_away) sessions of its address are kept
    /// already, the session leaves instead.
    pub fn away(&self, now: Instant) {
        self.lose_socket(false, now);
    }

    /// The socket was closed since the client's page goes away: like [`away`](Self::away), and the
    /// session is kept for [`Limits::going_away_grace`](crate::Limits::going_away_grace) at most.
    pub fn going_away(&self, now: Instant) {
        self.lose_socket(true, now);
    }

    /// How long the session is to be kept without a socket: see
    /// [`Limits::grace`](crate::Limits::grace),
    /// [`Limits::unheard_grace`](crate::Limits::unheard_grace) and
    /// [`Limits::going_away_grace`](crate::Limits::going_away_grace).
    pub fn grace(&self) -> Duration {
        let limits = self.hub.limits();
        self.hub
            .with_session(&self.room, self.connection, |room, _| {
                room.session(self.connection).map(|session| session.grace(limits))
            })
            .flatten()
            .unwrap_or_default()
    }

    /// Why the hub has ended the session, or the connection, if it has.
    #[cfg(feature = "driver")]
    pub(crate) fn end(&self) -> Option<CloseReason> {
        self.outbox.end(self.connection.generation).break_value()
    }

    /// Leaves the room, and says why. Dropping leaves with [`LeaveReason::Closed`].
    pub fn leave(self, reason: LeaveReason) {
        self.leave_once(reason);
    }

    /// How many of the client's sequenced frames have been handled; 0 once the session has ended or
    /// was taken over.
    pub fn received(&self) -> u64 {
        self.hub
            .with_session(&self.room, self.connection, |room, _| {
                room.session(self.connection).map(|session| session.received)
            })
            .flatten()
            .unwrap_or_default()
    }

    /// The participant's id.
    pub fn id(&self) -> PeerId {
        self.connection.peer
    }

    /// The room.
    pub fn room(&self) -> &RoomId {
        &self.room
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Has the connection send this before anything else, numbered by nobody.
    pub(crate) fn greet(&self, frame: Frame) {
        self.outbox.greet(self.connection.generation, frame);
    }

    fn lose_socket(&self, is_going_away: bool, now: Instant) {
        let peer = self.id();
        self.hub.with_session(&self.room, self.connection, |room, wakers| {
            room.away(&self.hub, peer, is_going_away, now, wakers);
        });
    }

    /// Idempotent: nobody leaves twice.
    fn leave_once(&self, reason: LeaveReason) {
        let leave = Input::Leave { peer: self.id(), reason };
        self.hub.with_session(&self.room, self.connection, |room, wakers| {
            room.apply_surely(leave, wakers);
        });
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.leave_once(LeaveReason::Closed);
        // Once it has left, nobody takes it over any more. If somebody did, it is theirs to count.
        if self.outbox.serves(self.connection.generation) {
            self.hub.session_ended();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::{Grant, JoinRequest, Limits};

    #[test]
    fn an_updates_meta_is_bounded() {
        let hub = Hub::new(Limits::builder().meta_bytes(4).build().unwrap());
        let (room, now): (RoomId, _) = ("standup".parse().unwrap(), Instant::now());
        let mut session = hub.join(room, JoinRequest::default(), &Grant::new(), now).unwrap();
        let _ = session.poll_drain(&Context::from_waker(Waker::noop()), 1, &mut Vec::new());
        for (meta, refused) in [("1234", false), ("12345", true), ("123456", true)] {
            let update = format!(r#"{{"type":"update","meta":{meta}}}"#);
            assert_eq!(session.receive(&update, now), ControlFlow::Continue(()));
            let mut batch = Vec::new();
            let _ = session.poll_drain(&Context::from_waker(Waker::noop()), 1_000, &mut batch);
            let answer = batch.first().map_or("", Frame::as_str);
            assert_eq!(answer.contains(r#""code":"too-large""#), refused, "{meta}");
        }
        assert_eq!(hub.roster(session.room())[0].meta.as_json(), "1234");
    }
}
