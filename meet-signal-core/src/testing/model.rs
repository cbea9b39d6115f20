//! A reference model of a room and of its sessions, with which tests compare real ones.
//!
//! The model is an oracle: it computes the same results from plain lists, without locks, budgets and
//! reference counts.
//!
//! - [`RoomModel`] is the reference for the state machine [`Room`](super::Room). Both have the same
//!   [`Record`] after the same [`Input`]s: see the [example](super#a-room-against-its-model).
//! - [`Model`] is the reference for a room of a [`Hub`](crate::Hub) with its
//!   [`Session`](crate::Session)s. Each call on them returns what the same call on the model returns,
//!   and each session receives the frames that the model expects:
//!
//! ```
//! use std::{
//!     task::{Context, Waker},
//!     time::Instant,
//! };
//!
//! use meet_signal_core::{
//!     Grant, Hub, JoinRequest, Limits, Meta, Permissions, RoomId,
//!     testing::{
//!         Member, ids,
//!         model::{Message, Model, assert_drained},
//!     },
//! };
//!
//! let (limits, room, now) = (Limits::default(), "standup".parse::<RoomId>()?, Instant::now());
//! let (hub, mut model) = (Hub::new(limits.clone()), Model::new(limits));
//! let mut sessions = Vec::new();
//! for n in 0..2 {
//!     let session = hub.join(room.clone(), JoinRequest::default(), &Grant::new(), now)?;
//!     // The ticket matters only to `replaces`.
//!     let (meta, rights, ticket) = (Meta::default(), Permissions::default(), ids::ticket(n));
//!     model.join(Member::new(session.id(), meta, rights, ticket), None, now)?;
//!     sessions.push(session);
//! }
//!
//! let message = Message::Signal(sessions[1].id(), 7);
//! let received = sessions[0].receive(&message.text(), now);
//! assert_eq!(received, model.receive(sessions[0].id(), message, now));
//! // Each receives its welcome, what waits, and then nothing.
//! for session in sessions.iter().flat_map(|session| [session; 3]) {
//!     let (cx, mut batch) = (Context::from_waker(Waker::noop()), Vec::new());
//!     let drained = session.poll_drain(&cx, usize::MAX, &mut batch);
//!     assert_drained(&drained, &batch, &model.drain(session.id(), usize::MAX));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The limits of bytes a second, of updates, resumes and joins a minute, of addresses, and of all
//! sessions of a hub together are no part of the model.

mod frames;
mod queue;
mod record;
mod room;
mod session;
mod view;

pub use frames::{Expected, Message, assert_drained};
pub(crate) use queue::FrameClass;
#[cfg(test)]
pub(crate) use queue::QueueBounds;
pub use queue::QueueModel;
pub use record::{Delivery, History, Record, RecordedRoom};
pub use room::RoomModel;
pub use session::SessionModel;
pub use view::View;

use std::{collections::BTreeMap, ops::ControlFlow, task::Poll, time::Instant};

use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};

use crate::{
    CloseReason, ErrorCode, LeaveReason, Limits, Meta, PeerId, Resumed, SendError, Status,
    message::ServerMessage,
    room::{ApplyError, Input, Newcomer},
    roster::Member,
    ticket::TicketHash,
};

/// The reference for one room of a hub and for its sessions, also those that have ended.
///
/// The methods that take a [`PeerId`] panic for a peer that never joined.
#[derive(Debug, Clone)]
pub struct Model {
    limits: Limits,
    room: RoomModel,
    sessions: BTreeMap<PeerId, SessionModel>,
    /// How many of the ended connections of the record were carried out.
    disconnected: usize,
}

impl Model {
    /// A room without members in a hub with these limits.
    pub fn new(limits: Limits) -> Self {
        let room = RoomModel::new(limits.room_peers());
        Self { limits, room, sessions: BTreeMap::new(), disconnected: 0 }
    }

    /// A member joins, in the place of the one with the ticket `replaces`.
    ///
    /// # Errors
    ///
    /// [`ApplyError::RoomFull`].
    pub fn join(
        &mut self,
        member: Member,
        replaces: Option<TicketHash>,
        now: Instant,
    ) -> Result<(), ApplyError> {
        self.enter(Newcomer::new(member).replaces(replaces), now)
    }

    /// A newcomer joins, or begins to wait.
    ///
    /// # Errors
    ///
    /// [`ApplyError::RoomFull`] and [`ApplyError::LobbyFull`].
    pub fn enter(&mut self, newcomer: Newcomer, now: Instant) -> Result<(), ApplyError> {
        let peer = newcomer.member.id;
        self.apply(&Input::Join(newcomer))?;
        let mut session = SessionModel::new(&self.limits, now);
        session.waits = self.waiting().iter().any(|waiting| waiting.id == peer);
        self.sessions.insert(peer, session);
        self.greet(peer, Resumed::No);
        Ok(())
    }

    /// The application admits a peer.
    ///
    /// # Errors
    ///
    /// [`ApplyError::NoSuchPeer`] and [`ApplyError::RoomFull`].
    pub fn admit(&mut self, peer: PeerId) -> Result<(), ApplyError> {
        self.apply(&Input::Admit { by: None, peer })?;
        self.session_mut(peer).begin();
        let is_here = |member: &Member| member.id == peer && member.status == Status::Here;
        if self.members().iter().any(is_here) {
            self.greet(peer, Resumed::No);
        }
        Ok(())
    }

    /// The application turns a peer away.
    ///
    /// # Errors
    ///
    /// [`ApplyError::NoSuchPeer`].
    pub fn deny(&mut self, peer: PeerId) -> Result<(), ApplyError> {
        self.apply(&Input::Deny { by: None, peer, reason: None }).map(drop)
    }

    /// The application turns the lobby on or off.
    pub fn set_lobby(&mut self, enabled: bool) {
        let set = self.apply(&Input::SetLobby { by: None, enabled });
        set.expect("the application may turn any lobby on or off");
    }

    /// A connection resumes the session of a member whose client has handled the frames up to the
    /// number `received`.
    pub fn resume(&mut self, peer: PeerId, received: u64) -> Resumed {
        let resumed = self.session_mut(peer).resume(received);
        self.set_status(peer, Status::Here);
        self.greet(peer, resumed);
        resumed
    }

    /// A session receives a message from its client. A break ends the connection.
    pub fn receive(
        &mut self,
        peer: PeerId,
        message: Message,
        now: Instant,
    ) -> ControlFlow<CloseReason> {
        let session = self.session_mut(peer);
        session.hear();
        let is_within_rate = session.take(now)?;
        let data = message.reference().map(|n| to_raw_value(&n).expect("a number is JSON"));
        let data = data.as_deref().unwrap_or(RawValue::NULL);
        let (error, text) = match message {
            Message::Ack(received) => {
                if session.waits || session.queue.acknowledge(received as usize) {
                    return ControlFlow::Continue(());
                }
                session.take_bad_message()?;
                (ErrorCode::BadMessage, None)
            }
            Message::Leave => {
                self.leave(peer, LeaveReason::Left);
                return ControlFlow::Break(CloseReason::Left);
            }
            _ if !is_within_rate => {
                session.handle(message);
                (ErrorCode::RateLimited, None)
            }
            Message::Invalid => {
                session.take_bad_message()?;
                session.handle(message);
                (ErrorCode::BadMessage, None)
            }
            _ if session.waits => (ErrorCode::NotJoined, None),
            Message::Signal(..) | Message::Broadcast(_) | Message::Update(_) => {
                session.handle(message);
                let input = match message {
                    Message::Signal(to, _) => {
                        let frame = ServerMessage::Signal { from: peer, data }.encode();
                        Input::Signal { from: peer, to, frame }
                    }
                    Message::Broadcast(_) => {
                        let frame = ServerMessage::Broadcast { from: peer, data }.encode();
                        Input::Broadcast { from: peer, frame }
                    }
                    _ => Input::Update { peer, meta: Meta::from(data.to_owned()) },
                };
                match self.apply(&input) {
                    Ok(false) if input.sender().is_some() => {
                        (ErrorCode::PeerUnreachable, Some("a peer's queue has no room for it"))
                    }
                    Ok(_) => return ControlFlow::Continue(()),
                    Err(ApplyError::NoSuchPeer) => {
                        (ErrorCode::NoSuchPeer, Some("no such peer is in the room"))
                    }
                    Err(_) => (ErrorCode::NotAllowed, Some("the session lacks the permission")),
                }
            }
        };
        let mut error = json!({"type": "error", "code": error, "ref": message.reference()});
        if let Some(text) = text {
            error["message"] = text.into();
        }
        self.session_mut(peer).reply(error);
        ControlFlow::Continue(())
    }

    /// A session receives a WebSocket ping or pong from its client. A break ends the connection.
    pub fn receive_control(&mut self, peer: PeerId, now: Instant) -> ControlFlow<CloseReason> {
        self.session_mut(peer).take(now)?;
        ControlFlow::Continue(())
    }

    /// The connection of a session receives frames of at most `most` bytes together, but at least one.
    pub fn drain(&mut self, peer: PeerId, most: usize) -> Poll<Result<Vec<Expected>, CloseReason>> {
        self.session_mut(peer).drain(most)
    }

    /// The socket of a session is lost.
    pub fn away(&mut self, peer: PeerId) {
        self.session_mut(peer).greeting = None;
        self.set_status(peer, Status::Away);
    }

    /// A session leaves, unless it has ended.
    pub fn leave(&mut self, peer: PeerId, reason: LeaveReason) {
        let _ = self.apply(&Input::Leave { peer, reason });
    }

    /// The application sends `data` to one member, or to all.
    ///
    /// # Errors
    ///
    /// Those of [`Hub::send`](crate::Hub::send) and [`Hub::send_all`](crate::Hub::send_all).
    pub fn send(&mut self, to: Option<PeerId>, data: &RawValue) -> Result<(), SendError> {
        if self.members().is_empty() {
            return Err(SendError::NoSuchRoom);
        }
        let frame = ServerMessage::App { data }.encode();
        match self.apply(&Input::App { to, frame }) {
            Ok(false) if to.is_some() => Err(SendError::Unreachable),
            Ok(_) => Ok(()),
            Err(_) => Err(SendError::NoSuchPeer),
        }
    }

    /// The application closes the room. False if it has neither members nor peers that wait.
    pub fn close(&mut self) -> bool {
        let is_open = !self.members().is_empty() || !self.waiting().is_empty();
        self.apply(&Input::Close).expect("any room can be closed");
        is_open
    }

    /// The members, in the order in which they joined.
    pub fn members(&self) -> &[Member] {
        self.room.members()
    }

    /// The peers in the lobby, in the order in which they knocked.
    pub fn waiting(&self) -> Vec<Member> {
        self.room.waiting()
    }

    /// What happened, and what each member was to receive.
    pub fn record(&self) -> &Record {
        self.room.record()
    }

    /// The session of a peer.
    pub fn session(&self, peer: PeerId) -> &SessionModel {
        &self.sessions[&peer]
    }

    fn session_mut(&mut self, peer: PeerId) -> &mut SessionModel {
        self.sessions.get_mut(&peer).expect("it joined")
    }

    /// Takes a step of the room, and returns whether there was room for each frame of it.
    fn apply(&mut self, input: &Input) -> Result<bool, ApplyError> {
        let class = match input {
            Input::Signal { from, .. } | Input::Broadcast { from, .. } => {
                FrameClass::Relayed(*from, None)
            }
            Input::App { to: Some(_), .. } => FrameClass::Direct,
            _ => FrameClass::Event,
        };
        self.room.apply(input)?;
        let Record { histories, disconnected, .. } = self.room.record();
        let mut has_room = true;
        for (peer, session) in &mut self.sessions {
            // What was sent to it begins with its admission.
            let Some(history) = histories.get(peer).filter(|_| !session.waits) else { continue };
            let deliveries = &history.deliveries;
            let new = deliveries[session.deliveries..].iter().cloned();
            for frame in new.filter_map(Delivery::into_frame) {
                has_room &= session.queue.push(Expected::Frame(frame), class);
            }
            session.deliveries = deliveries.len();
        }
        for (peer, reason) in &disconnected[self.disconnected..] {
            self.sessions.get_mut(peer).expect("it joined").close(reason.clone());
        }
        self.disconnected = disconnected.len();
        Ok(has_room)
    }

    fn set_status(&mut self, peer: PeerId, status: Status) {
        // Nothing follows from a status of a peer that has left.
        let _ = self.apply(&Input::Status { peer, status });
    }

    fn greet(&mut self, peer: PeerId, resumed: Resumed) {
        if self.session(peer).waits {
            self.session_mut(peer).greeting = Some(json!({"type": "waiting"}));
            return;
        }
        let members = self.members();
        let me = members.iter().position(|member| member.id == peer).expect("it is a member");
        let others = members.iter().enumerate().filter(|(at, _)| *at != me);
        let peers = others.map(|(at, Member { id, meta, status, permissions, .. })| {
            let polite = at > me;
            json!({"id": id, "meta": meta, "status": status, "polite": polite, "permissions": permissions})
        });
        let Member { id, meta, permissions, .. } = &members[me];
        let welcome = json!({
            "type": "welcome",
            "self": {"id": id, "meta": meta, "permissions": permissions},
            "resumed": resumed,
            "received": self.session(peer).received(),
            "peers": peers.collect::<Value>(),
        });
        self.session_mut(peer).greeting = Some(welcome);
    }
}
