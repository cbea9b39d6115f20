//! All the rooms of a process, and the way into them.

mod address;
mod drain;
mod join;
mod reclaim;
mod request;
mod room_rate;
mod seat;
mod shard;
mod takeover;
mod welcome;

pub(crate) use address::{AddressKey, Lease};
pub use join::{JoinError, JoinRequest};
pub(crate) use request::{NO_SUCH_PEER, Request};
pub use takeover::ResumeError;
#[cfg(feature = "driver")]
pub(crate) use takeover::Return;

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    ops::ControlFlow,
    sync::{Arc, PoisonError, atomic::Ordering},
    task::Waker,
    time::{Duration, Instant},
};

use serde_json::value::RawValue;
use thiserror::Error;

#[cfg(feature = "driver")]
use crate::ticket::TicketHash;
use crate::{
    CloseReason, Limits, PeerId, RoomId,
    budget::Budget,
    connection::Connection,
    intake::Read,
    message::ServerMessage,
    outbox::{Sender, Wakers},
    room::{ApplyError, Input},
    roster::Member,
    sync::{AtomicBool, AtomicUsize, Mutex, MutexGuard},
};
use address::Addresses;
use shard::Shard;

/// The rooms. A cheap clone: every clone is the same hub, and a process may have several hubs.
///
/// It is also the application's way in: who is where, and telling them something.
#[derive(Clone)]
pub struct Hub(Arc<Shared>);

struct Shared {
    limits: Limits,
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
    /// How many sessions there are, in all rooms.
    sessions: AtomicUsize,
    /// What all queues together keep, and what all `meta`s do.
    queues: Arc<Budget>,
    metas: Arc<Budget>,
    reclaiming: AtomicBool,
    addresses: Arc<Addresses>,
    draining: AtomicBool,
    drained: Mutex<drain::Waiting>,
}

/// Something was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// Nobody is in this room.
    #[error("no such room")]
    NoSuchRoom,
    /// The peer is not in the room.
    #[error("no such peer is in the room")]
    NoSuchPeer,
    /// The peer's queue has no room for it: the peer reads too slowly, or is away.
    #[error("the peer's queue is full")]
    Unreachable,
}

/// Why an input did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undone {
    Refused(ApplyError),
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
            limits,
            draining: AtomicBool::new(false),
            drained: Mutex::default(),
        }))
    }

    /// Sends `data` to one member of a room, as an `app` message.
    ///
    /// # Errors
    ///
    /// It was not delivered; see [`SendError`].
    pub fn send(&self, room: &RoomId, to: PeerId, data: &RawValue) -> Result<(), SendError> {
        self.app(room, Some(to), data)
    }

    /// Sends `data` to everybody in a room, as an `app` message.
    ///
    /// # Errors
    ///
    /// [`SendError::NoSuchRoom`]. A member whose queue is full loses its connection, and is no
    /// error.
    pub fn send_all(&self, room: &RoomId, data: &RawValue) -> Result<(), SendError> {
        self.app(room, None, data)
    }

    /// Ends every session in a room, with [`CloseReason::RoomClosed`]: their clients do not come
    /// back by themselves. False where there is no such room.
    pub fn close_room(&self, room: &RoomId) -> bool {
        self.apply(room, Input::Close).is_ok()
    }

    /// The rooms that somebody is in, in no order. The rooms of a shard are of one moment, the
    /// shards are not.
    pub fn rooms(&self) -> Vec<RoomId> {
        self.0.shards.iter().flat_map(|shard| lock(shard).rooms()).collect()
    }

    /// Who is in a room, in the order in which they joined; nobody where there is no such room.
    pub fn roster(&self, room: &RoomId) -> Vec<Member> {
        self.with_shard(room, |shard, _| shard.roster(room))
    }

    /// How many sessions there are, in all rooms, away ones too.
    pub fn sessions(&self) -> usize {
        self.0.sessions.load(Ordering::Relaxed)
    }

    /// The limits of every session.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Has the room do something, and carries the effects out.
    pub(crate) fn apply(&self, room: &RoomId, input: Input) -> Result<(), Undone> {
        self.with_shard(room, |shard, wakers| shard.apply(room, input, wakers))
    }

    /// Does what a member's frame asks for; `None` where it is no member.
    pub(crate) fn handle(
        &self,
        room: &RoomId,
        connection: Connection,
        request: Read<Request>,
        now: Instant,
    ) -> Option<ControlFlow<CloseReason>> {
        self.with_shard(room, |shard, wakers| {
            shard.handle(self.limits(), room, connection, request, now, wakers)
        })
    }

    /// Counts so many WebSocket pings, pongs or fragments of a member, and the bytes of the latter;
    /// `None` where it is no member.
    pub(crate) fn control(
        &self,
        room: &RoomId,
        connection: Connection,
        frames: usize,
        bytes: usize,
        now: Instant,
    ) -> Option<ControlFlow<CloseReason>> {
        self.with_shard(room, |shard, _| shard.control(room, connection, frames, bytes, now))
    }

    /// Has the room do something with a member, if this connection speaks for it.
    pub(crate) fn apply_for(&self, room: &RoomId, connection: Connection, input: Input) {
        self.with_shard(room, |shard, wakers| {
            if shard.seat(room, connection).is_some() {
                // What becomes of a member does not depend on whom it is told.
                let _ = shard.apply(room, input, wakers);
            }
        });
    }

    /// A member's socket is lost: it is away, or has left where too much is kept for its address.
    /// `goes` where it is since the client's page goes.
    pub(crate) fn away(&self, room: &RoomId, connection: Connection, goes: bool, now: Instant) {
        self.with_shard(room, |shard, wakers| {
            shard.away(self, room, (connection, goes), now, wakers);
        });
    }

    /// The session with this ticket leaves, if there is one.
    #[cfg(feature = "driver")]
    pub(crate) fn leave(&self, room: &RoomId, ticket: &str) {
        let Some(ticket) = TicketHash::of(ticket) else { return };
        self.with_shard(room, |shard, wakers| shard.leave(room, ticket, wakers));
    }

    /// How long a member's session outlives its socket, as it is now; zero where it has ended.
    pub(crate) fn grace(&self, room: &RoomId, connection: Connection) -> Duration {
        self.with_shard(room, |shard, _| {
            shard.seat(room, connection).map_or(Duration::ZERO, |seat| seat.grace(self.limits()))
        })
    }

    pub(crate) fn addresses(&self) -> &Arc<Addresses> {
        &self.0.addresses
    }

    pub(crate) fn received(&self, room: &RoomId, connection: Connection) -> u64 {
        self.with_shard(room, |shard, _| {
            shard.seat(room, connection).map_or(0, |seat| seat.received)
        })
    }

    fn app(&self, room: &RoomId, to: Option<PeerId>, data: &RawValue) -> Result<(), SendError> {
        let frame = ServerMessage::App { data }.encode();
        self.apply(room, Input::App { to, frame }).map_err(|undone| match undone {
            Undone::Refused(ApplyError::NoSuchPeer) => SendError::NoSuchPeer,
            Undone::Refused(_) => SendError::NoSuchRoom,
            Undone::Unreachable => SendError::Unreachable,
        })
    }

    /// Runs `f` under the lock of the room's shard, then fires the wakers that it collected.
    ///
    /// The lock is the room's sequencer: what is pushed into outboxes under it is in one order for
    /// all members. No user code runs under it, and never are two held.
    fn with_shard<T>(&self, room: &RoomId, f: impl FnOnce(&mut Shard, &mut Wakers) -> T) -> T {
        let mut wakers = Wakers::new();
        let result = f(&mut self.shard(room), &mut wakers);
        wakers.into_iter().for_each(Waker::wake);
        if self.0.queues.is_exceeded() {
            self.reclaim();
        }
        result
    }

    /// A member that sends from an address. Which others share its hash, nobody can know.
    fn sender(&self, member: PeerId, address: Option<AddressKey>) -> Sender {
        Sender::new(member, address.map(|address| self.0.hasher.hash_one(address) as u32))
    }

    fn shard(&self, room: &RoomId) -> MutexGuard<'_, Shard> {
        lock(&self.0.shards[self.0.hasher.hash_one(room) as usize % SHARDS])
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

// A panic under the lock (there is no user code to cause one) must not take the shard's other rooms
// along.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A lock is held for about a microsecond, so two threads seldom meet at one of 64. loom has to
/// meet them all.
const SHARDS: usize = if cfg!(loom) { 1 } else { 64 };
