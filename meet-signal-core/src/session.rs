//! A member's session in a room.

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
    hub::{Hub, RoomState, SessionState},
    ice::Provider,
    inbound::{ParsedFrame, Request},
    outbox::{Outbox, Wakers},
    room::Input,
    trace::Membership,
};

/// A member of a room, for one of its connections at a time. Created by
/// [`Hub::join`](crate::Hub::join).
///
/// It outlives its socket. Dropping it leaves the room, so there is exactly one leave for each
/// join, however the task that holds it ends.
///
/// When the client reconnects, [`Hub::resume`](crate::Hub::resume) creates another `Session` for
/// the same member. From then on this one returns [`CloseReason::TakenOver`] and has no effect,
/// neither when it is used nor when it is dropped.
#[derive(Debug)]
pub struct Session {
    hub: Hub,
    room: RoomId,
    connection: Connection,
    outbox: Arc<Outbox>,
    /// It outlives that of the session's state: see `SessionIce`.
    #[cfg_attr(not(feature = "driver"), expect(dead_code, reason = "the driver asks it"))]
    ice_provider: Option<Provider>,
    /// Whether the client has sent a `probe` that was not answered yet.
    is_probed: bool,
    trace: Membership,
}

impl Session {
    pub(crate) fn new(
        hub: Hub,
        room: RoomId,
        connection: Connection,
        outbox: Arc<Outbox>,
        ice_provider: Option<Provider>,
    ) -> Self {
        Self {
            hub,
            room,
            connection,
            outbox,
            ice_provider,
            is_probed: false,
            trace: Default::default(),
        }
    }

    /// Handles one text frame from the client.
    ///
    /// Errors are answered through the outbox, and affect no other member. A break means that the
    /// connection ends; after [`CloseReason::Left`] the member has left the room. The caller
    /// answers a `probe`: see [`takes_probe`](Self::takes_probe).
    pub fn receive(&mut self, text: &str, now: Instant) -> ControlFlow<CloseReason> {
        let limits = self.hub.limits();
        let frame = match ParsedFrame::parse(text, limits) {
            Ok(frame) => {
                frame.map(|message| Request::new(message, self.connection.peer, limits, now))
            }
            Err(reason) => return ControlFlow::Break(reason),
        };
        self.is_probed |= frame.is_probe();
        let peer = self.id();
        self.in_room(|room, wakers| room.handle(peer, frame, now, wakers))
            .unwrap_or_else(|| self.outbox.end(self.connection.generation))
    }

    /// Handles a WebSocket ping or pong from the client, which counts against its rate. The adapter
    /// or its framework answers a ping.
    ///
    /// A break means that the connection ends.
    pub fn receive_control(&mut self, now: Instant) -> ControlFlow<CloseReason> {
        self.receive_partial(1, 0, now)
    }

    /// Counts fragments of an incomplete message, of `bytes` bytes together, against the client's
    /// rate. [`receive`](Self::receive), which gets the complete message later, does not count
    /// these bytes again.
    ///
    /// A break means that the connection ends.
    pub fn receive_partial(
        &mut self,
        fragments: usize,
        bytes: usize,
        now: Instant,
    ) -> ControlFlow<CloseReason> {
        let peer = self.id();
        self.in_room(|room, _| room.handle_control(peer, fragments, bytes, now))
            .unwrap_or_else(|| self.outbox.end(self.connection.generation))
    }

    /// Whether the client has sent a `probe` since the last call. If so, send a `ping` at once, one
    /// for all probes. It does not queue behind the frames of [`poll_drain`](Self::poll_drain).
    pub fn takes_probe(&mut self) -> bool {
        mem::take(&mut self.is_probed)
    }

    /// Appends the queued frames to `batch`: up to `max_bytes` bytes, but at least one frame. They
    /// count as sent. The welcome comes first, by itself.
    ///
    /// Ready with an error when the connection must close. Only the waker of the last call is
    /// woken.
    pub fn poll_drain(
        &self,
        cx: &Context<'_>,
        max_bytes: usize,
        batch: &mut Vec<Frame>,
    ) -> Poll<Result<(), CloseReason>> {
        self.outbox.poll_drain(self.connection.generation, cx, max_bytes, batch)
    }

    /// Ready when the hub has ended the session or a newer connection has taken it over. For the
    /// time without a socket. Only the waker of the last call is woken.
    pub fn poll_closed(&self, cx: &Context<'_>) -> Poll<CloseReason> {
        self.outbox.poll_closed(self.connection.generation, cx)
    }

    /// Marks the member as away because its socket was lost, and notifies the others. Frames to it
    /// are kept, within its [`Limits`](crate::Limits), until [`Hub::resume`](crate::Hub::resume).
    ///
    /// If its address already has [`Limits::address_away`](crate::Limits::address_away) away
    /// sessions, the member leaves instead.
    pub fn away(&self, now: Instant) {
        self.keep_without_socket(false, now);
    }

    /// Like [`away`](Self::away), when the client closed the socket because its page goes away: the
    /// session is kept for at most [`Limits::going_away_grace`](crate::Limits::going_away_grace).
    pub fn going_away(&self, now: Instant) {
        self.keep_without_socket(true, now);
    }

    /// How long to keep the session without a socket: see [`Limits::grace`](crate::Limits::grace),
    /// [`Limits::unheard_grace`](crate::Limits::unheard_grace) and
    /// [`Limits::going_away_grace`](crate::Limits::going_away_grace).
    pub fn grace(&self) -> Duration {
        self.read(SessionState::grace)
    }

    /// The reason for which the hub has ended the session or the connection, if it has.
    #[cfg(feature = "driver")]
    pub(crate) fn end(&self) -> Option<CloseReason> {
        self.outbox.end(self.connection.generation).break_value()
    }

    /// Leaves the room, with this reason. Dropping leaves with [`LeaveReason::Closed`].
    pub fn leave(self, reason: LeaveReason) {
        self.leave_once(reason);
    }

    /// How many of the client's sequenced frames were handled; 0 after the session has ended or was
    /// taken over.
    pub fn received(&self) -> u64 {
        self.read(|session| session.received)
    }

    /// The participant's id.
    pub fn id(&self) -> PeerId {
        self.connection.peer
    }

    /// The room.
    pub fn room(&self) -> &RoomId {
        &self.room
    }

    #[cfg(feature = "driver")]
    pub(crate) fn connection(&self) -> Connection {
        self.connection
    }

    #[cfg(feature = "driver")]
    pub(crate) fn ice_provider(&self) -> Option<&Provider> {
        self.ice_provider.as_ref()
    }

    #[cfg(feature = "driver")]
    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Whether it was admitted from the lobby, once: see [`Outbox::takes_admission`].
    #[cfg(feature = "driver")]
    pub(crate) fn takes_admission(&self) -> bool {
        self.outbox.takes_admission(self.connection.generation)
    }

    /// When the member joined, unless the session has ended or was taken over.
    #[cfg(feature = "tracing")]
    pub(crate) fn joined(&self) -> Option<Instant> {
        self.read(|session| Some(session.joined()))
    }

    /// Makes the end of the session an event of the log.
    #[cfg(feature = "tracing")]
    pub(crate) fn trace(&mut self, membership: Membership) {
        self.trace = membership;
    }

    /// Queues the greeting, which is sent before all other frames and has no sequence number.
    pub(crate) fn greet(&self, frame: Frame) {
        self.outbox.greet(self.connection.generation, frame);
    }

    /// Whether the session is kept; `None` if it had ended or was taken over before.
    pub(crate) fn keep_without_socket(&self, is_going_away: bool, now: Instant) -> Option<bool> {
        let peer = self.id();
        let kept =
            self.in_room(|room, wakers| room.away(&self.hub, peer, is_going_away, now, wakers));
        if kept == Some(false) {
            self.trace.leaves(LeaveReason::Timeout);
        }
        kept
    }

    /// Idempotent. Whether it is this call that left.
    pub(crate) fn leave_once(&self, reason: LeaveReason) -> bool {
        let leave = Input::Leave { peer: self.id(), reason };
        let left = self.in_room(|room, wakers| room.apply_infallible(leave, wakers)).is_some();
        if left {
            self.trace.leaves(reason);
        }
        left
    }

    /// Runs `f` on the room, under its lock, if this connection still acts for the member.
    pub(crate) fn in_room<T>(&self, f: impl FnOnce(&mut RoomState, &mut Wakers) -> T) -> Option<T> {
        self.hub.with_session(&self.room, self.connection, f)
    }

    /// What `f` reads of the session's state; the default once it has ended or was taken over.
    fn read<T: Default>(&self, f: impl FnOnce(&SessionState) -> T) -> T {
        let read = |room: &mut RoomState, _: &mut _| room.session(self.connection).map(f);
        self.hub.with_room(&self.room, read).flatten().unwrap_or_default()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.leave_once(LeaveReason::Closed);
        let _counted = Counted(self);
        self.trace.dropped(|| self.outbox.session_end(self.connection.generation));
    }
}

/// Ends the session for the hub's count when it is dropped: after the event of its end, so that a
/// drain is over after all of them, and also if a subscriber panics.
struct Counted<'a>(&'a Session);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        // After the leave, no connection can take the session over. If one already has, it counts
        // instead.
        if self.0.outbox.serves(self.0.connection.generation) {
            self.0.hub.session_ended();
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

    #[test]
    fn a_page_that_goes_away_shortens_the_grace_also_of_who_is_away() {
        let (hub, now) = (Hub::default(), Instant::now());
        let room: RoomId = "standup".parse().unwrap();
        let mut session = hub.join(room, JoinRequest::default(), &Grant::new(), now).unwrap();
        assert!(session.receive(r#"{"type":"ack","received":0}"#, now).is_continue());
        session.away(now);
        assert_eq!(session.grace(), hub.limits().grace());
        session.going_away(now);
        assert_eq!(session.grace(), hub.limits().going_away_grace());
        assert_eq!(hub.roster(session.room())[0].status, crate::Status::Away);
    }
}
