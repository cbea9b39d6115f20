//! A room and the sessions of its members: the only place where a room changes.

use std::{sync::Arc, time::Instant};

use super::{
    Hub, ended::EndedSessions, input_error::InputError, lobby::WaitingSession, offers::Offers,
    room_rate::RoomRate, room_settings::Configured, session_state::SessionState,
};
#[cfg(feature = "driver")]
use crate::ticket::TicketHash;
use crate::{
    Frame, LeaveReason, Limits, Meta, PeerId, Status,
    connection::Connection,
    id::PeerMap,
    outbox::{Push, QueueFull, Sender, Wakers},
    room::{Effect, Event, Input, Recipients, Room},
    room_event::Journal,
};

/// A room, and the state of the sessions in it. Each method is one step under the room's lock.
pub(crate) struct RoomState {
    pub(super) room: Room,
    /// Those of the members.
    pub(super) sessions: PeerMap<SessionState>,
    /// Those of the peers in the lobby.
    pub(super) waiting: PeerMap<WaitingSession>,
    pub(super) ended: EndedSessions,
    /// Until when it is remembered, while it has no members.
    pub(super) kept_until: Option<Instant>,
    /// The limits of this room: the hub's, or tighter ones.
    pub(super) limits: Arc<Limits>,
    pub(super) configured: Configured,
    pub(super) rate: RoomRate,
    pub(super) journal: Journal,
}

impl RoomState {
    pub(super) fn new(limits: Arc<Limits>, now: Instant) -> Self {
        Self {
            room: Room::with_lobby(limits.room_peers(), limits.lobby_peers()),
            sessions: PeerMap::default(),
            waiting: PeerMap::default(),
            ended: EndedSessions::default(),
            kept_until: None,
            rate: RoomRate::new(&limits, now),
            limits,
            configured: Configured::No,
            journal: Journal::default(),
        }
    }

    /// Applies an input, and carries its effects out. Every change of the room, and every frame that
    /// a member or the application sends to members, goes through here.
    pub(super) fn apply(&mut self, input: Input, wakers: &mut Wakers) -> Result<(), InputError> {
        self.apply_with(input, &mut Offers::default(), wakers)
    }

    /// As [`apply`](Self::apply), with the offers of a newcomer.
    pub(super) fn apply_with(
        &mut self,
        input: Input,
        offers: &mut Offers<'_>,
        wakers: &mut Wakers,
    ) -> Result<(), InputError> {
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
                    match event {
                        Event::Joined(..) if !offers.is_empty() => {
                            self.notify_joined(&event, offers, wakers);
                        }
                        event => self.notify(event, wakers),
                    }
                }
                Effect::Send(Recipients::Moderators, frame) => {
                    self.send_moderators(&frame, wakers);
                }
                Effect::Notify(peer, event) => {
                    if let (Some(session), Some(frame)) =
                        (self.sessions.get(&peer), event.into_frame())
                    {
                        let _ = session.outbox.push(Push::event(frame), wakers);
                    }
                }
                Effect::Admitted(peer) => self.admitted(peer, wakers),
                Effect::Disconnect(peer, reason) => {
                    let waiting = || self.waiting.remove(&peer).map(|waiting| waiting.session);
                    if let Some(session) = self.sessions.remove(&peer).or_else(waiting) {
                        if let Some(record) = &mut record {
                            record.gone(peer, session.joined);
                        }
                        self.ended.remember(&session, &reason);
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
            Some(Recipients::Moderators) => {
                if let Some(frame) = event.into_frame() {
                    self.send_moderators(&frame, wakers);
                }
                return;
            }
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

    /// Sends a frame to the members that may moderate.
    fn send_moderators(&self, frame: &Frame, wakers: &mut Wakers) {
        let moderators = self.room.roster().iter().filter(|member| member.permissions.moderate);
        for session in moderators.filter_map(|moderator| self.sessions.get(&moderator.id)) {
            let _ = session.outbox.push(Push::event(frame.clone()), wakers);
        }
    }

    /// The session of this connection, unless a newer connection has taken it over.
    pub(crate) fn session(&self, connection: Connection) -> Option<&SessionState> {
        let session = self.session_of(connection.peer)?;
        (session.generation == connection.generation).then_some(session)
    }

    /// The session of a member, or of a peer in the lobby.
    pub(super) fn session_of(&self, peer: PeerId) -> Option<&SessionState> {
        let waiting = || self.waiting.get(&peer).map(|waiting| &waiting.session);
        self.sessions.get(&peer).or_else(waiting)
    }

    /// The session of a member, or of a peer in the lobby.
    pub(super) fn session_mut(&mut self, peer: PeerId) -> Option<&mut SessionState> {
        let waiting = self.waiting.get_mut(&peer).map(|waiting| &mut waiting.session);
        self.sessions.get_mut(&peer).or(waiting)
    }

    /// Whether there are neither members nor peers in the lobby.
    pub(super) fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.waiting.is_empty()
    }

    /// Whether there is something to publish, or the room may have to be forgotten.
    pub(super) fn has_changed(&self) -> bool {
        self.is_empty() || !self.journal.pending.is_empty()
    }

    /// Until when to remember the room, which is empty; `None` if nobody has changed who may join, and
    /// there is nothing to tell those who come back.
    pub(super) fn remembered_until(&self, now: Instant) -> Option<Instant> {
        let has_changed =
            !self.room.access().is_usual() || self.configured == Configured::ByApplication;
        let changes = has_changed.then(|| now + self.limits.empty_room_time());
        changes.max(self.ended.until(now))
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
        let is_away = self.room.find(peer).is_none_or(|member| member.status == Status::Away);
        let session = self.session_mut(peer).expect("every peer has a session");
        session.goes_away |= is_going_away;
        session.outbox.discard_greeting();
        if is_away {
            return true;
        }
        let (address, grace) = (session.address, session.grace());
        let lease = address.map(|address| {
            let same =
                |other: &&SessionState| other.address == Some(address) && other.away.is_some();
            let (kept, places) = if self.is_waiting(peer) {
                let waiting = self.waiting.values().map(|waiting| &waiting.session);
                (waiting.filter(same).count(), self.limits.lobby_peers())
            } else {
                (self.sessions.values().filter(same).count(), self.limits.room_peers())
            };
            let has_room = kept < (places / 2).max(1);
            has_room.then(|| hub.addresses().away(address, now)).flatten()
        });
        // Without a grace period, the others would receive both messages at the same time.
        let stays = !matches!(lease, Some(None)) && !grace.is_zero();
        let input = if stays {
            Input::Status { peer, status: Status::Away }
        } else {
            Input::Leave { peer, reason: LeaveReason::Timeout }
        };
        if let Some(session) = self.session_mut(peer) {
            session.away = lease.flatten();
        }
        self.apply_infallible(input, wakers);
        stays
    }

    /// Removes the member or the waiting peer with this ticket, if there is one, and ends its
    /// connection.
    #[cfg(feature = "driver")]
    pub(super) fn leave_by_ticket(&mut self, ticket: TicketHash, wakers: &mut Wakers) {
        if let Some(peer) = self.room.find_by_ticket(ticket) {
            self.apply_infallible(Input::Leave { peer, reason: LeaveReason::Left }, wakers);
        }
    }

    /// Applies an input that the room cannot refuse, and that does not depend on the space in other
    /// members' queues.
    pub(crate) fn apply_infallible(&mut self, input: Input, wakers: &mut Wakers) {
        let applied = self.apply(input, wakers);
        debug_assert!(!matches!(applied, Err(InputError::Apply(_))), "{applied:?}");
    }
}
