//! The events of all rooms, for the application: `Hub::events`.

use std::{sync::Arc, time::SystemTime};

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
    /// The number of the last event of each shard that a snapshot includes.
    included: Box<[u64; SHARDS]>,
}

/// The reader was too slow: it has missed events. It goes on from the snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{missed} events were missed")]
#[non_exhaustive]
pub struct Lagged {
    /// How many events were missed.
    pub missed: u64,
    /// All rooms that have members. The next events follow upon them.
    pub rooms: Vec<RoomSnapshot>,
}

impl Hub {
    /// Starts to read the events of all rooms: who joins, is away, is back, is refused or leaves, and
    /// what members and moderators change. Returns all rooms that have members as well; the events
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
        let included = Box::new([0; SHARDS]);
        let mut events = Events { hub: self.clone(), receiver, included };
        (events.snapshot(), events)
    }

    /// A join was refused, before or in the hub.
    pub(crate) fn refused(&self, room: &RoomId, code: ErrorCode, identity: Option<&Identity>) {
        let Some(events) = self.0.events.get() else { return };
        let index = self.shard_index(room);
        let mut shard = lock(&self.0.shards[index]);
        let kind = RoomEventKind::Refused { code, identity: identity.cloned() };
        let number = shard.get_mut(room).map_or(0, |room| {
            room.journal.number += 1;
            room.journal.number
        });
        publish(events, (index, &mut shard), room, number, kind);
    }

    /// Publishes the pending events of a room. It runs under the lock of the shard, so that the
    /// events of a room come in their order.
    pub(super) fn publish_pending(&self, shard: &mut Shard, room: &RoomId) {
        let Some(events) = self.0.events.get() else { return };
        let Some(journal) = shard.get_mut(room).map(|room| &mut room.journal) else { return };
        let first = journal.number + 1;
        let pending = std::mem::take(&mut journal.pending);
        journal.number += pending.len() as u64;
        let index = self.shard_index(room);
        for (number, kind) in (first..).zip(pending) {
            publish(events, (index, shard), room, number, kind);
        }
    }
}

fn publish(
    events: &Sender<Published>,
    (index, shard): (usize, &mut Shard),
    room: &RoomId,
    number: u64,
    kind: RoomEventKind,
) {
    shard.events += 1;
    let event = RoomEvent { room: room.clone(), number, at: SystemTime::now(), kind };
    // Without a reader, it is dropped.
    let _ = events.send(Published { event: Arc::new(event), shard: index, number: shard.events });
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
    pub async fn next(&mut self) -> Result<Arc<RoomEvent>, Lagged> {
        loop {
            match self.receiver.recv().await {
                Ok(Published { shard, number, .. }) if number <= self.included[shard] => {}
                Ok(Published { event, .. }) => return Ok(event),
                Err(RecvError::Lagged(missed)) => {
                    return Err(Lagged { missed, rooms: self.snapshot() });
                }
                Err(RecvError::Closed) => unreachable!("the reader holds the hub"),
            }
        }
    }

    /// All rooms that have members. The events that they include are skipped from then on.
    fn snapshot(&mut self) -> Vec<RoomSnapshot> {
        let mut rooms = Vec::new();
        for (included, shard) in self.included.iter_mut().zip(&self.hub.0.shards) {
            let mut shard = lock(shard);
            shard.is_read = true;
            *included = shard.events;
            rooms.extend(shard.snapshots());
        }
        rooms
    }
}
