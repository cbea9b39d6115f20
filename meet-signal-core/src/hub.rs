//! All the rooms of a process, and the way into them.

mod address;
mod drain;
mod reclaim;
mod request;
mod room_rate;
mod seat;
mod shard;
mod takeover;
mod welcome;

pub(crate) use address::{AddressKey, Lease};
pub(crate) use request::{NO_SUCH_PEER, Request};
pub use takeover::ResumeError;
#[cfg(feature = "driver")]
pub(crate) use takeover::Return;

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    ops::ControlFlow,
    sync::{Arc, PoisonError, atomic::Ordering},
    task::Waker,
    time::{Duration, Instant},
};

use serde_json::value::RawValue;
use thiserror::Error;

use crate::{
    CloseReason, ErrorCode, Frame, Grant, Limits, PeerId, RoomId, Secret, Session,
    budget::{Budget, Reservation},
    connection::Connection,
    intake::{Intake, Read},
    message::{Meta, Resumed, ServerMessage},
    outbox::{Outbox, Sender, Wakes},
    room::{Input, Refusal},
    roster::Member,
    sync::{AtomicBool, AtomicUsize, Mutex, MutexGuard},
    ticket::{Ticket, TicketHash},
};
use address::Addresses;
use seat::Seat;
use shard::{Newcomer, Shard};
use welcome::{Standing, welcome};

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

/// What a peer brings along when it joins.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Joining<'a> {
    /// What the others are told about it, unless the grant says otherwise.
    pub meta: Meta,
    /// The ticket of a session that it supersedes.
    pub replaces: Option<Secret<'a>>,
    /// Where it joins from, for the limits per address. They are off where there is none.
    pub address: Option<IpAddr>,
}

impl<'a> Joining<'a> {
    /// A join of a peer that tells `meta` about itself.
    pub fn new(meta: Meta) -> Self {
        Self { meta, ..Self::default() }
    }

    /// Supersedes the session with this ticket.
    #[must_use]
    pub fn replaces(mut self, ticket: Option<&'a str>) -> Self {
        self.replaces = ticket.map(Secret::from);
        self
    }

    /// Joins from this address.
    #[must_use]
    pub fn address(mut self, address: Option<IpAddr>) -> Self {
        self.address = address;
        self
    }
}

/// The peer was not let in; nobody heard of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The room holds [`Limits::room_peers`].
    #[error("the room is full")]
    RoomFull,
    /// The hub holds [`Limits::sessions`], or its [`Limits::hub_bytes`] have no room for another
    /// `meta`.
    #[error("the server is full")]
    HubFull,
    /// More peers joined the room than [`Limits::room_joins_per_minute`] allows.
    #[error("too many join this room")]
    TooOften {
        /// When one may join again.
        retry_after: Duration,
    },
    /// The hub is [draining](Hub::drain).
    #[error("the server is stopping")]
    Draining,
}

impl JoinError {
    /// The code by which the client is told.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::RoomFull => ErrorCode::RoomFull,
            Self::TooOften { .. } => ErrorCode::RateLimited,
            Self::HubFull | Self::Draining => ErrorCode::Unavailable,
        }
    }

    /// How long to wait before trying again, where that is known.
    pub fn retry_after(self) -> Option<Duration> {
        match self {
            Self::TooOften { retry_after } => Some(retry_after),
            _ => None,
        }
    }

    /// How the connection ends.
    pub fn close_reason(self) -> CloseReason {
        match self {
            Self::RoomFull => CloseReason::RoomFull,
            Self::HubFull | Self::TooOften { .. } => CloseReason::Unavailable,
            Self::Draining => drain::reason(),
        }
    }
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
    Refused(Refusal),
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

    /// Lets a peer into a room, which comes into being with its first one.
    ///
    /// The frame is the `welcome`: it goes to the socket before anything that
    /// [`Session::poll_drain`] gives.
    ///
    /// # Errors
    ///
    /// See [`JoinError`].
    pub fn join(
        &self,
        room: RoomId,
        joining: Joining<'_>,
        grant: &Grant,
        now: Instant,
    ) -> Result<(Session, Frame), JoinError> {
        let intake = Intake::new(self.limits(), now);
        self.join_with(room, joining, grant, intake, now)
    }

    pub(crate) fn join_with(
        &self,
        room: RoomId,
        joining: Joining<'_>,
        grant: &Grant,
        intake: Intake,
        now: Instant,
    ) -> Result<(Session, Frame), JoinError> {
        let meta = grant.meta.clone().unwrap_or(joining.meta);
        let mut meta_bytes = Reservation::new(self.0.metas.clone());
        if !meta_bytes.try_set(meta.as_json().len()) {
            return Err(JoinError::HubFull);
        }
        let ticket = Ticket::random();
        let id = PeerId::random();
        let outbox = Arc::new(Outbox::new(self.limits(), self.0.queues.clone()));
        let address = joining.address.map(AddressKey::from);
        let from = (address, self.sender(id, address));
        let ice_servers = grant.ice_servers.clone();
        let member = Member::new(id, meta, grant.permissions, ticket.hash())
            .meta_is_granted(grant.meta.is_some());
        let newcomer = Newcomer {
            member,
            replaces: joining.replaces.and_then(|ticket| TicketHash::of(ticket.expose())),
            seat: Seat::new(outbox.clone(), intake, ice_servers, from, meta_bytes),
        };
        let roster = self.with_shard(&room, |shard, wakes| {
            if self.0.draining.load(Ordering::Relaxed) {
                return Err(JoinError::Draining);
            }
            shard.join(self, &room, newcomer, now, wakes)
        })?;
        // From here on, its destructor undoes what was done.
        let session = Session::new(self.clone(), room, Connection::first(id), outbox);

        let ice_servers = grant.ice_servers.clone();
        let standing = Standing { resumed: Resumed::No, received: 0, roster, ice_servers };
        let welcome = welcome(&session, &ticket.encode(), &standing);
        Ok((session, welcome))
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
        self.with_shard(room, |shard, wakes| shard.apply(room, input, wakes))
    }

    /// Does what a member's frame asks for; `None` where it is no member.
    pub(crate) fn handle(
        &self,
        room: &RoomId,
        connection: Connection,
        request: Read<Request>,
        now: Instant,
    ) -> Option<ControlFlow<CloseReason>> {
        self.with_shard(room, |shard, wakes| {
            shard.handle(self.limits(), room, connection, request, now, wakes)
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
        self.with_shard(room, |shard, wakes| {
            if shard.seat(room, connection).is_some() {
                // What becomes of a member does not depend on whom it is told.
                let _ = shard.apply(room, input, wakes);
            }
        });
    }

    /// A member's socket is lost: it is away, or has left where too much is kept for its address.
    pub(crate) fn away(&self, room: &RoomId, connection: Connection, now: Instant) {
        self.with_shard(room, |shard, wakes| shard.away(self, room, connection, now, wakes));
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
            Undone::Refused(Refusal::NoSuchPeer) => SendError::NoSuchPeer,
            Undone::Refused(_) => SendError::NoSuchRoom,
            Undone::Unreachable => SendError::Unreachable,
        })
    }

    /// Runs `f` under the lock of the room's shard, then fires the wakers that it collected.
    ///
    /// The lock is the room's sequencer: what is pushed into outboxes under it is in one order for
    /// all members. No user code runs under it, and never are two held.
    fn with_shard<T>(&self, room: &RoomId, f: impl FnOnce(&mut Shard, &mut Wakes) -> T) -> T {
        let mut wakes = Wakes::new();
        let result = f(&mut self.shard(room), &mut wakes);
        wakes.into_iter().for_each(Waker::wake);
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
