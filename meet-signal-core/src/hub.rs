//! The rooms of a process, and the application's access to them.

mod address;
mod counts;
mod drain;
mod ended;
mod enter;
#[cfg(feature = "driver")]
mod events;
mod greeting;
mod handle;
mod input_error;
mod join;
mod lobby;
#[cfg(feature = "tracing")]
mod log;
mod moderation;
mod offers;
mod reclaim;
mod resume;
mod room_rate;
mod room_settings;
mod room_state;
mod session_ice;
mod session_state;
mod shard;

pub(crate) use address::{AddressKey, Lease};
pub use counts::RoomCount;
#[cfg(feature = "driver")]
pub use events::{Events, Lagged};
#[cfg(feature = "driver")]
pub(crate) use greeting::Greeting;
pub use join::{JoinError, JoinRequest};
pub use moderation::ModerationError;
pub use resume::ResumeError;
#[cfg(any(feature = "driver", all(test, loom)))]
pub(crate) use resume::ResumeRequest;
pub(crate) use room_state::RoomState;
pub(crate) use session_ice::IceChange;
#[cfg(feature = "driver")]
pub(crate) use session_ice::Provided;
pub(crate) use session_state::SessionState;

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{Arc, PoisonError, atomic::Ordering},
    task::Waker,
};

use serde::Serialize;
use serde_json::value::to_raw_value;
use thiserror::Error;

#[cfg(feature = "driver")]
use crate::{CloseReason, Identity, room_event::Published, ticket::TicketHash};
use crate::{
    IceServer, Limits, MemberInfo, PeerId, RoomId,
    budget::Budget,
    clock::now,
    connection::Connection,
    message::ServerMessage,
    outbox::{Sender, Wakers},
    room::{ApplyError, Input},
    sync::{AtomicBool, AtomicUsize, Mutex, MutexGuard},
};
use address::Addresses;
use input_error::InputError;
use shard::Shard;

/// The rooms of a server. A clone is cheap and refers to the same hub; a process may have several
/// hubs.
///
/// The application uses it to list rooms and members, to send messages to them, and to close rooms.
#[derive(Clone)]
pub struct Hub(Arc<Shared>);

struct Shared {
    limits: Arc<Limits>,
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
    /// The number of sessions in all rooms.
    sessions: AtomicUsize,
    /// The bytes of all queues together, and of all `meta`s.
    queues: Arc<Budget>,
    metas: Arc<Budget>,
    reclaiming: AtomicBool,
    addresses: Arc<Addresses>,
    draining: AtomicBool,
    drain_wakers: Mutex<drain::DrainWakers>,
    /// The key of the names of rooms in logs.
    #[cfg(feature = "tracing")]
    tag_key: [u8; 32],
    /// Created for the first reader.
    #[cfg(feature = "driver")]
    events: std::sync::OnceLock<tokio::sync::broadcast::Sender<Published>>,
    /// For each shard, held by the thread that publishes, so that events are published in their order.
    #[cfg(feature = "driver")]
    publishing: Box<[Mutex<()>]>,
}

/// Why a message was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The room has no members.
    #[error("no such room")]
    NoSuchRoom,
    /// The peer is not in the room.
    #[error("no such peer is in the room")]
    NoSuchPeer,
    /// The data cannot be represented as JSON (for example, a map whose keys are not strings).
    #[error("the data is not JSON")]
    NotJson,
    /// The peer's queue is full: the peer reads too slowly, or is away.
    #[error("the peer's queue is full")]
    Unreachable,
}

impl Hub {
    /// A hub without rooms.
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Shared {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            sessions: AtomicUsize::new(0),
            queues: Budget::new(limits.hub_bytes() / 2),
            metas: Budget::new(limits.hub_bytes() / 2),
            reclaiming: AtomicBool::new(false),
            addresses: Addresses::new(limits.clone()),
            limits: Arc::new(limits),
            draining: AtomicBool::new(false),
            drain_wakers: Mutex::default(),
            #[cfg(feature = "tracing")]
            tag_key: crate::random::random(),
            #[cfg(feature = "driver")]
            events: std::sync::OnceLock::new(),
            #[cfg(feature = "driver")]
            publishing: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }))
    }

    /// Sends `data` to one member of a room, as an `app` message.
    ///
    /// # Errors
    ///
    /// The message was not delivered; see [`SendError`].
    pub fn send(
        &self,
        room: &RoomId,
        to: PeerId,
        data: &(impl Serialize + ?Sized),
    ) -> Result<(), SendError> {
        self.app(room, Some(to), data)
    }

    /// Sends `data` to all members of a room, as an `app` message.
    ///
    /// # Errors
    ///
    /// [`SendError::NoSuchRoom`] or [`SendError::NotJson`]. A member whose queue is full loses its
    /// connection, which is not an error.
    pub fn send_all(
        &self,
        room: &RoomId,
        data: &(impl Serialize + ?Sized),
    ) -> Result<(), SendError> {
        self.app(room, None, data)
    }

    /// Sets the STUN and TURN servers of a member, in place of those of
    /// [`Grant::ice_servers`](crate::Grant::ice_servers) or of an earlier call, and sends them to
    /// it. Its client uses them for its connections from then on; calls go on. Those of the
    /// session's [provider](crate::Grant::ice_provider), if it has one, are independent of them.
    ///
    /// # Errors
    ///
    /// [`SendError::NoSuchRoom`] or [`SendError::NoSuchPeer`]. A member whose queue is full loses
    /// its connection, and gets the servers when it resumes, which is not an error.
    pub fn set_ice_servers(
        &self,
        room: &RoomId,
        peer: PeerId,
        servers: impl Into<Arc<[IceServer]>>,
    ) -> Result<(), SendError> {
        let change = IceChange::Granted(servers.into());
        self.with_room(room, |room, wakers| room.change_ice_servers(peer, change, wakers))
            .ok_or(SendError::NoSuchRoom)?
            .then_some(())
            .ok_or(SendError::NoSuchPeer)
    }

    /// Ends all sessions in a room and in its lobby, with
    /// [`CloseReason::RoomClosed`](crate::CloseReason::RoomClosed), after which clients do not
    /// reconnect by themselves. It is final for those who are away, too: a client that returns within
    /// [`Limits::grace`] is told so. Others may join the room anew. Returns false if nobody is there.
    pub fn close_room(&self, room: &RoomId) -> bool {
        let closed = self.with_room(room, |room, wakers| {
            let is_open = !room.is_empty();
            room.apply_infallible(Input::Close, wakers);
            is_open
        });
        closed.unwrap_or(false)
    }

    /// The rooms that have members, in no particular order. It is not one snapshot: rooms may be
    /// created and removed while it runs.
    pub fn rooms(&self) -> Vec<RoomId> {
        self.0.shards.iter().flat_map(|shard| lock(shard).ids()).collect()
    }

    /// The members of a room, in the order in which they joined; empty if there is no such room.
    pub fn roster(&self, room: &RoomId) -> Vec<MemberInfo> {
        self.with_room(room, |room, _| room.room.roster().iter().map(MemberInfo::from).collect())
            .unwrap_or_default()
    }

    /// The number of sessions in all rooms and lobbies, including those that are away.
    pub fn sessions(&self) -> usize {
        self.0.sessions.load(Ordering::Relaxed)
    }

    /// The limits of every session.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Ends the session with this ticket, if there is one.
    #[cfg(feature = "driver")]
    pub(crate) fn leave_by_ticket(&self, room: &RoomId, ticket: &str) {
        let Some(ticket) = TicketHash::of(ticket) else { return };
        self.with_room(room, |room, wakers| room.leave_by_ticket(ticket, wakers));
    }

    /// Why a moderator or the application has ended the session with this ticket, if its client may not
    /// know.
    #[cfg(feature = "driver")]
    pub(crate) fn ended_by_ticket(&self, room: &RoomId, ticket: &str) -> Option<CloseReason> {
        let ticket = TicketHash::of(ticket)?;
        self.with_room(room, |room, _| room.ended.reason(ticket, now()).cloned()).flatten()
    }

    /// The identity, if any, of the session with this ticket, if there is one.
    #[cfg(feature = "driver")]
    pub(crate) fn identity_by_ticket(
        &self,
        room: &RoomId,
        ticket: &str,
    ) -> Option<Option<Identity>> {
        let ticket = TicketHash::of(ticket)?;
        self.with_room(room, |room, _| {
            let peer = room.room.find_by_ticket(ticket)?;
            Some(room.room.find(peer)?.identity.clone())
        })
        .flatten()
    }

    pub(crate) fn addresses(&self) -> &Arc<Addresses> {
        &self.0.addresses
    }

    fn app(
        &self,
        room: &RoomId,
        to: Option<PeerId>,
        data: &(impl Serialize + ?Sized),
    ) -> Result<(), SendError> {
        let data = to_raw_value(data).map_err(|_| SendError::NotJson)?;
        let frame = ServerMessage::App { data: &data }.encode();
        let sent = self.with_room(room, |room, wakers| {
            (!room.sessions.is_empty()).then(|| room.apply(Input::App { to, frame }, wakers))
        });
        sent.flatten().ok_or(SendError::NoSuchRoom)?.map_err(|error| match error {
            InputError::Apply(ApplyError::NoSuchPeer) => SendError::NoSuchPeer,
            InputError::Apply(_) | InputError::TooOften { .. } => SendError::NoSuchRoom,
            InputError::Unreachable => SendError::Unreachable,
        })
    }

    /// Runs `f` on the state of a room, under its lock, if this connection is the newest one of its
    /// session; otherwise returns `None`.
    pub(crate) fn with_session<T>(
        &self,
        room: &RoomId,
        connection: Connection,
        f: impl FnOnce(&mut RoomState, &mut Wakers) -> T,
    ) -> Option<T> {
        self.with_room(room, |room, wakers| {
            room.session(connection).is_some().then(|| f(room, wakers))
        })
        .flatten()
    }

    /// Runs `f` on the state of a room, under its lock, if there is such a room.
    pub(crate) fn with_room<T>(
        &self,
        id: &RoomId,
        f: impl FnOnce(&mut RoomState, &mut Wakers) -> T,
    ) -> Option<T> {
        self.with_shard(id, |shard, wakers| {
            let room = shard.get_mut(id)?;
            let result = f(room, wakers);
            if room.has_changed() {
                self.settle(shard, id);
            }
            Some(result)
        })
    }

    /// Runs `f` under the lock of the room's shard, then publishes events and wakes the tasks whose
    /// wakers it collected.
    ///
    /// The lock is the room's sequencer: all members get the frames that are pushed under it in the
    /// same order. No user code runs under it, and no thread holds two such locks.
    fn with_shard<T>(&self, room: &RoomId, f: impl FnOnce(&mut Shard, &mut Wakers) -> T) -> T {
        let mut wakers = Wakers::new();
        let mut shard = self.shard(room);
        let result = f(&mut shard, &mut wakers);
        #[cfg(feature = "driver")]
        let publishes = !shard.unpublished.is_empty();
        drop(shard);
        #[cfg(feature = "driver")]
        if publishes {
            self.publish(self.shard_index(room));
        }
        wakers.into_iter().for_each(Waker::wake);
        if self.0.queues.is_exceeded() {
            self.reclaim();
        }
        result
    }

    /// After a change of a room: numbers its events, and forgets it if nothing is to be remembered.
    fn settle(&self, shard: &mut Shard, room: &RoomId) {
        #[cfg(feature = "driver")]
        self.number_events(shard, room);
        shard.tidy(room, self.limits(), now());
    }

    /// A member that sends from an address. The hash is keyed, so that clients cannot construct
    /// collisions.
    fn sender(&self, member: PeerId, address: Option<AddressKey>) -> Sender {
        Sender::new(member, address.map(|address| self.0.hasher.hash_one(address) as u32))
    }

    fn shard(&self, room: &RoomId) -> MutexGuard<'_, Shard> {
        lock(&self.0.shards[self.shard_index(room)])
    }

    fn shard_index(&self, room: &RoomId) -> usize {
        self.0.hasher.hash_one(room) as usize % SHARDS
    }
}

impl Default for Hub {
    /// A hub with the default limits.
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("sessions", &self.sessions()).finish_non_exhaustive()
    }
}

// A panic under the lock (no user code runs there) must not affect the other rooms of the shard.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A lock is held for about a microsecond, so 64 shards have little contention. Under loom, all
/// threads must contend for one.
const SHARDS: usize = if cfg!(loom) { 1 } else { 64 };
