//! The events of all rooms, for the application: `Hub::events`.

use std::{mem, sync::TryLockError, time::SystemTime};

use thiserror::Error;
use tokio::sync::broadcast::{Receiver, Sender, error::RecvError};

use super::{Hub, SHARDS, lock, shard::Shard};
use crate::{
    ErrorCode, Identity, RoomEvent, RoomEventKind, RoomId, RoomSnapshot, room_event::Published,
};

/// The events of a hub's rooms, from [`Hub::events`] on. Each reader gets all of them.
#[derive(Debug)]
pub struct Events {
    hub: Hub,
    receiver: Receiver<Published>,
    /// The number of the last event of each shard that was read, or that a snapshot includes.
    known: Box<[u64; SHARDS]>,
}

/// The reader was too slow: it has missed events. It goes on from the snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{missed} events were missed")]
#[non_exhaustive]
pub struct Lagged {
    /// How many events were missed.
    pub missed: u64,
    /// All rooms that have members, or peers in the lobby. The next events follow upon them.
    pub rooms: Vec<RoomSnapshot>,
}

impl Hub {
    /// Starts to read the events of all rooms: who joins, is away, is back, is refused or leaves, and
    /// what members and moderators change. Returns all rooms that have members, or peers in the lobby, as well; the events
    /// follow upon these.
    ///
    /// The hub keeps the newest [`Limits::events`](crate::Limits::events) of them for its readers. A
    /// reader that is slower than that stalls nobody: it is told what it has missed.
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// use meet_signal_core::{Grant, Hub, JoinRequest, RoomEventKind, RoomId};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let (hub, room) = (Hub::default(), "standup".parse::<RoomId>()?);
    /// let (rooms, mut events) = hub.events();
    /// assert!(rooms.is_empty());
    ///
    /// let grant = Grant::new().identity("user 7");
    /// drop(hub.join(room, JoinRequest::default(), &grant, Instant::now())?);
    /// let mut attendance = Vec::new();
    /// while attendance.is_empty() {
    ///     if let RoomEventKind::Left { member, stay, .. } = events.next().await?.kind {
    ///         attendance.push((member.identity, stay));
    ///     }
    /// }
    /// assert_eq!(attendance[0].0, Some("user 7".into()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn events(&self) -> (Vec<RoomSnapshot>, Events) {
        let sender = self.0.events.get_or_init(|| Sender::new(self.limits().events()));
        let receiver = sender.subscribe();
        let mut events = Events { hub: self.clone(), receiver, known: Box::new([0; SHARDS]) };
        (events.snapshot().1, events)
    }

    /// A join was refused, before or in the hub.
    pub(crate) fn refused(&self, room: &RoomId, code: ErrorCode, identity: Option<&Identity>) {
        if self.0.events.get().is_none() {
            return;
        }
        self.with_shard(room, |shard, _| {
            let kind = RoomEventKind::Refused { code, identity: identity.cloned() };
            match shard.get_mut(room) {
                Some(state) => state.journal.pending.push(kind),
                None => shard.add_event(self.shard_index(room), room, 0, kind),
            }
            self.number_events(shard, room);
        });
    }

    /// Numbers the pending events of a room, under the lock of its shard.
    pub(super) fn number_events(&self, shard: &mut Shard, room: &RoomId) {
        if !shard.is_read {
            return;
        }
        let Some(journal) = shard.get_mut(room).map(|room| &mut room.journal) else { return };
        let first = journal.number + 1;
        let pending = mem::take(&mut journal.pending);
        journal.number += pending.len() as u64;
        for (number, kind) in (first..).zip(pending) {
            shard.add_event(self.shard_index(room), room, number, kind);
        }
    }

    /// Publishes the events of a shard. No lock of a shard is held then, because a reader's waker may
    /// run any code.
    ///
    /// One thread publishes at a time. It also publishes what another one, or code in a waker, adds
    /// meanwhile.
    pub(super) fn publish(&self, index: usize) {
        let Some(events) = self.0.events.get() else { return };
        let take = || mem::take(&mut lock(&self.0.shards[index]).unpublished);
        let is_done = || lock(&self.0.shards[index]).unpublished.is_empty();
        while !is_done() {
            let _publishing = match self.0.publishing[index].try_lock() {
                Ok(publishing) => publishing,
                // A waker has panicked.
                Err(TryLockError::Poisoned(publishing)) => publishing.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            for event in take() {
                // Without a reader, it is dropped.
                let _ = events.send(event);
            }
        }
    }
}

impl Shard {
    fn add_event(&mut self, index: usize, room: &RoomId, number: u64, kind: RoomEventKind) {
        self.events += 1;
        let event = RoomEvent { room: room.clone(), number, at: SystemTime::now(), kind };
        self.unpublished.push(Published { event, shard: index, number: self.events });
    }
}

impl Events {
    /// The next event. Waits until there is one.
    ///
    /// # Errors
    ///
    /// [`Lagged`], after which it goes on with the events that follow upon the snapshots.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no event is lost.
    pub async fn next(&mut self) -> Result<RoomEvent, Lagged> {
        loop {
            match self.receiver.recv().await {
                Ok(Published { shard, number, .. }) if number <= self.known[shard] => {}
                Ok(Published { event, shard, number }) => {
                    self.known[shard] = number;
                    return Ok(event);
                }
                Err(RecvError::Lagged(_)) => {
                    // What is left of the old events is in the snapshot.
                    self.receiver = self.receiver.resubscribe();
                    let (missed, rooms) = self.snapshot();
                    return Err(Lagged { missed, rooms });
                }
                Err(RecvError::Closed) => unreachable!("the reader holds the hub"),
            }
        }
    }

    /// All rooms that have members, and how many events they include that were not read. Those are
    /// skipped from then on.
    fn snapshot(&mut self) -> (u64, Vec<RoomSnapshot>) {
        let (mut missed, mut rooms) = (0, Vec::new());
        for (known, shard) in self.known.iter_mut().zip(&self.hub.0.shards) {
            let mut shard = lock(shard);
            shard.is_read = true;
            missed += shard.events - *known;
            *known = shard.events;
            rooms.extend(shard.snapshots());
        }
        (missed, rooms)
    }
}
