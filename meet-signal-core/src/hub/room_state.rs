//! A room and the sessions of its members: the only place where a room changes.

use std::{ops::ControlFlow, time::Instant};

use super::{
    AddressKey, Hub, JoinError, ResumeError,
    input_error::InputError,
    resume::ResumeRequest,
    room_rate::RoomRate,
    session_state::{SessionSnapshot, SessionState},
};
use crate::{
    CloseReason, Duplicates, Frame, Grant, LeaveReason, Limits, Meta, PeerId, RoomEventKind,
    Status,
    connection::Connection,
    id::PeerMap,
    inbound::{ErrorReply, ParsedFrame, Rejection, Request, rate_exceeded},
    message::ServerMessage,
    outbox::{Push, QueueFull, Sender, Wakers},
    room::{Effect, Event, Input, Recipients, Room},
    room_event::Journal,
    roster::{Granted, Member},
    ticket::TicketHash,
};

/// A room, and the state of the sessions in it. Each method is one step under the room's lock.
pub(crate) struct RoomState {
    pub(super) room: Room,
    pub(super) sessions: PeerMap<SessionState>,
    /// Until when it is remembered, while it has no members.
    pub(super) kept_until: Option<Instant>,
    rate: RoomRate,
    pub(super) journal: Journal,
}

/// A peer that joins.
pub(super) struct Newcomer {
    pub(super) member: Member,
    pub(super) replaces: Option<TicketHash>,
    pub(super) duplicates: Duplicates,
    pub(super) state: SessionState,
}

impl RoomState {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            room: Room::new(limits.room_peers()),
            sessions: PeerMap::default(),
            kept_until: None,
            rate: RoomRate::new(limits, now),
            journal: Journal::default(),
        }
    }

    /// Applies an input, and carries its effects out. Every change of the room, and every frame that
    /// a member or the application sends to members, goes through here.
    pub(super) fn apply(&mut self, input: Input, wakers: &mut Wakers) -> Result<(), InputError> {
        let from = input.sender().and_then(|peer| self.sessions.get(&peer));
        let sender = from.map(|session| session.sender);
        let mut delivered = Ok(());
        let mut record = self.journal.record(&self.room, &input);
        for effect in self.room.apply(input)? {
            match effect {
                Effect::Send(Recipients::One(peer), frame) => {
                    let push = match sender {
                        Some(sender) => Push::relayed(frame, sender),
                        None => Push::direct(frame),
                    };
                    let session = self.sessions.get(&peer).ok_or(QueueFull);
                    delivered = session.and_then(|session| session.outbox.push(push, wakers));
                }
                Effect::Send(Recipients::AllBut(peer), frame) => {
                    delivered = self.send_all(Some(peer), sender, || Some(frame), wakers);
                }
                Effect::Send(Recipients::All, frame) => {
                    delivered = self.send_all(None, sender, || Some(frame), wakers);
                }
                Effect::Event(event) => {
                    if let Some(record) = &mut record {
                        self.journal.pending.extend(record.event(&self.room, &event));
                    }
                    self.notify(event, wakers);
                }
                Effect::Disconnect(peer, reason) => {
                    if let Some(session) = self.sessions.remove(&peer) {
                        if let Some(record) = &mut record {
                            record.gone(peer, session.joined);
                        }
                        session.outbox.close(reason, wakers);
                    }
                }
            }
        }
        delivered.map_err(|QueueFull| InputError::Unreachable)
    }

    /// Sends an event to its recipients. A member whose queue is full loses its connection.
    fn notify(&self, event: Event, wakers: &mut Wakers) {
        let except = match event.recipients() {
            None => return,
            Some(Recipients::AllBut(peer)) => Some(peer),
            Some(_) => None,
        };
        let _ = self.send_all(except, None, || event.into_frame(), wakers);
    }

    /// Sends a frame, which is encoded once and only if there is a recipient.
    ///
    /// # Errors
    ///
    /// A recipient's queue had no space for a member's frame. A frame without a sender is an event:
    /// a recipient that has no space for it loses its connection, which is not an error.
    fn send_all(
        &self,
        except: Option<PeerId>,
        sender: Option<Sender>,
        frame: impl FnOnce() -> Option<Frame>,
        wakers: &mut Wakers,
    ) -> Result<(), QueueFull> {
        let mut recipients =
            self.sessions.iter().filter(|(peer, _)| Some(**peer) != except).peekable();
        if recipients.peek().is_none() {
            return Ok(());
        }
        let Some(frame) = frame() else { return Ok(()) };
        let push = match sender {
            Some(sender) => Push::relayed(frame, sender),
            None => Push::event(frame),
        };
        // Allocate once: nearly all recipients wait for their next frame.
        wakers.reserve_exact(self.sessions.len());
        let mut delivered = Ok(());
        for (_, session) in recipients {
            delivered = delivered.and(session.outbox.push(push.clone(), wakers));
        }
        if sender.is_some() { delivered } else { Ok(()) }
    }

    /// The session of this connection, unless a newer connection has taken it over.
    pub(crate) fn session(&self, connection: Connection) -> Option<&SessionState> {
        let session = self.sessions.get(&connection.peer)?;
        (session.generation == connection.generation).then_some(session)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.room.roster().is_empty()
    }

    /// All members, in the order in which they joined.
    pub(super) fn members(&self) -> Vec<Member> {
        self.room.roster().iter().cloned().collect()
    }

    /// Whether there is something to publish, or the room may have to be forgotten.
    pub(super) fn has_changed(&self) -> bool {
        self.is_empty() || !self.journal.pending.is_empty()
    }

    /// Whether the room can be forgotten: it has no members, and everybody may join.
    pub(super) fn is_forgettable(&self) -> bool {
        self.is_empty() && self.room.access().is_open()
    }

    /// Adds a member if the limits allow it. Returns whether the room is locked, and all members.
    pub(super) fn join(
        &mut self,
        hub: &Hub,
        Newcomer { member, replaces, duplicates, state }: Newcomer,
        now: Instant,
        wakers: &mut Wakers,
    ) -> Result<(bool, Vec<Member>), JoinError> {
        self.apply_infallible(Input::Expire { now }, wakers);
        let (peer, meta_bytes) = (member.id, member.meta.as_json().len());
        let place = self.room.place_for(member.identity.as_ref(), replaces, duplicates)?;
        self.rate
            .join(state.address, meta_bytes, hub.limits(), now)
            .map_err(|retry_after| JoinError::TooOften { retry_after })?;
        match place.replaced.and_then(|replaced| self.sessions.get(&replaced)) {
            // The new session takes its place in the count, so a full hub is no obstacle.
            Some(session) => session.supersede(wakers),
            None if hub.session_begins() => {}
            None => return Err(JoinError::HubFull),
        }
        self.apply_infallible(Input::Join { member, replaces, duplicates }, wakers);
        // Inserted after the effects: its history begins with its welcome, without the `left` of
        // the replaced member.
        self.sessions.insert(peer, state);
        Ok((self.room.access().is_locked(), self.members()))
    }

    /// Lets a newer connection take a session over. The room, the session and its generation change
    /// in one step.
    pub(super) fn resume(
        &mut self,
        hub: &Hub,
        ticket: TicketHash,
        request: &ResumeRequest<'_>,
        now: Instant,
        wakers: &mut Wakers,
    ) -> Result<(Connection, SessionSnapshot), ResumeError> {
        let peer = self.room.roster().find_by_ticket(ticket).ok_or(ResumeError::UnknownTicket)?;
        let identity = self.room.roster().get(peer).and_then(|member| member.identity.as_ref());
        if request.grant.is_some_and(|grant| grant.identity.as_ref() != identity) {
            return Err(ResumeError::OtherIdentity);
        }
        let session = self.sessions.get_mut(&peer).expect("every member has a session");
        let resumed = session.limiter.resume(request.limiter, hub.limits(), now);
        resumed.map_err(|retry_after| ResumeError::TooOften { retry_after })?;
        let address = request.address.map(AddressKey::from).or(session.address);
        let from = (address, hub.sender(peer, address));
        let resumed = session.take_over(request.received, from, wakers);
        let connection = Connection { peer, generation: session.generation };
        if let Some(grant) = request.grant {
            session.ice.regrant(grant);
        }
        let received = session.received;
        let (ice_servers, ice_provider) = (session.ice.servers(), session.ice.provider());
        let outbox = session.outbox.clone();
        self.apply_infallible(Input::Status { peer, status: Status::Here }, wakers);
        if let Some(grant) = request.grant {
            self.regrant(peer, grant, wakers);
            self.repeat_ice_servers(peer, wakers);
        }
        if let (true, Some(member)) = (self.journal.is_read, self.room.roster().get(peer)) {
            self.journal.pending.push(RoomEventKind::Resumed { member: member.into(), resumed });
        }
        let (locked, members) = (self.room.access().is_locked(), self.members());
        let snapshot = SessionSnapshot {
            resumed,
            received,
            locked,
            members,
            ice_servers,
            ice_provider,
            outbox,
        };
        Ok((connection, snapshot))
    }

    /// Applies the application's newer decision about a member.
    fn regrant(&mut self, peer: PeerId, grant: &Grant, wakers: &mut Wakers) {
        let Grant { permissions, meta, data, .. } = grant.clone();
        let granted = Granted::new(permissions, meta);
        self.apply_infallible(Input::Regrant { peer, granted, data }, wakers);
        let meta = self.room.roster().get(peer).map(|member| member.meta.as_json().len());
        if let (Some(bytes), Some(session)) = (meta, self.sessions.get_mut(&peer)) {
            // The application sets it, so no budget of clients refuses it.
            session.meta_bytes.set(bytes);
        }
    }

    /// The application changes a member's `meta`.
    pub(super) fn set_meta(
        &mut self,
        peer: PeerId,
        meta: Meta,
        wakers: &mut Wakers,
    ) -> Result<(), InputError> {
        if let Some(session) = self.sessions.get_mut(&peer) {
            // No budget of clients refuses what the application sets.
            session.meta_bytes.set(meta.as_json().len());
        }
        self.apply(Input::SetMeta { peer, meta }, wakers)
    }

    /// The socket of a member was lost: it becomes away, or leaves if there is no grace period or
    /// its address has too many away sessions. Whether it is away.
    pub(crate) fn away(
        &mut self,
        hub: &Hub,
        peer: PeerId,
        is_going_away: bool,
        now: Instant,
        wakers: &mut Wakers,
    ) -> bool {
        let session = self.sessions.get_mut(&peer).expect("every member has a session");
        session.goes_away |= is_going_away;
        session.outbox.discard_greeting();
        if self.room.roster().get(peer).is_none_or(|member| member.status == Status::Away) {
            return true;
        }
        let (address, grace) = (session.address, session.grace(hub.limits()));
        let lease = address.map(|address| {
            let same =
                |other: &&SessionState| other.address == Some(address) && other.away.is_some();
            let max = (hub.limits().room_peers() / 2).max(1);
            let has_room = self.sessions.values().filter(same).count() < max;
            has_room.then(|| hub.addresses().away(address, now)).flatten()
        });
        // Without a grace period, the others would receive both messages at the same time.
        let stays = !matches!(lease, Some(None)) && !grace.is_zero();
        let input = if stays {
            Input::Status { peer, status: Status::Away }
        } else {
            Input::Leave { peer, reason: LeaveReason::Timeout }
        };
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.away = lease.flatten();
        }
        self.apply_infallible(input, wakers);
        stays
    }

    /// Removes the member with this ticket, if there is one, and ends its connection.
    #[cfg(feature = "driver")]
    pub(super) fn leave_by_ticket(&mut self, ticket: TicketHash, wakers: &mut Wakers) {
        if let Some(peer) = self.room.roster().find_by_ticket(ticket) {
            self.apply_infallible(Input::Leave { peer, reason: LeaveReason::Left }, wakers);
        }
    }

    /// Applies an input that the room cannot refuse, and that does not depend on the space in other
    /// members' queues.
    pub(crate) fn apply_infallible(&mut self, input: Input, wakers: &mut Wakers) {
        let applied = self.apply(input, wakers);
        debug_assert!(!matches!(applied, Err(InputError::Apply(_))), "{applied:?}");
    }

    /// Checks a member's frame, counts it, processes it and replies to it, in one step, so that a
    /// connection that takes the session over finds it processed completely or not at all.
    ///
    /// A break means that the connection ends; after [`CloseReason::Left`] the member has left.
    pub(crate) fn handle(
        &mut self,
        limits: &Limits,
        peer: PeerId,
        request: ParsedFrame<Request>,
        now: Instant,
        wakers: &mut Wakers,
    ) -> ControlFlow<CloseReason> {
        let session = self.sessions.get_mut(&peer).expect("a frame is of a member");
        session.heard();
        let (reference, sequenced) = (request.reference(), request.is_sequenced());
        let checked = session.limiter.check(request, now);
        if sequenced && !matches!(checked, Err(Rejection::Close(_))) {
            session.received += 1;
        }
        let done = match checked {
            Ok(Request::Apply(Input::Update { peer, meta })) => {
                self.update(limits, (peer, meta), reference, now, wakers)
            }
            Ok(Request::Apply(input)) => {
                self.apply(input, wakers).map_err(|error| error.reply().to(reference))
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
        match done {
            Ok(()) => ControlFlow::Continue(()),
            Err(Rejection::Close(reason)) => ControlFlow::Break(reason),
            Err(Rejection::Reply(error)) => {
                if let Some(session) = self.sessions.get(&peer) {
                    // If there is no space for it, the connection ends.
                    let error = Push::event(ServerMessage::Error(error).encode());
                    let _ = session.outbox.push(error, wakers);
                }
                ControlFlow::Continue(())
            }
        }
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
        let session = self.sessions.get_mut(&peer).expect("a frame is of a member");
        match session.limiter.check_control(frames, bytes, now) {
            Ok(()) => ControlFlow::Continue(()),
            Err(reason) => ControlFlow::Break(reason),
        }
    }

    fn update(
        &mut self,
        limits: &Limits,
        (peer, meta): (PeerId, Meta),
        reference: Option<u64>,
        now: Instant,
        wakers: &mut Wakers,
    ) -> Result<(), Rejection> {
        let bytes = meta.as_json().len();
        let session = self.sessions.get_mut(&peer).expect("its frame is handled");
        session.limiter.check_update(bytes, reference, now)?;
        if let Some(address) = session.address {
            let updated = self.rate.update(address, bytes, limits, now);
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
            error.reply().to(reference)
        })
    }
}
