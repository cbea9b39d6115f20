//! Some of the rooms, under one lock.

use std::collections::HashMap;

use super::{Undone, seat::Seat};
use crate::{
    CloseReason, Frame, PeerId, RoomId,
    connection::Connection,
    id::PeerMap,
    outbox::{Full, Wakes},
    room::{Audience, Effect, Effects, Input, Refusal, Room},
    roster::Member,
};

#[derive(Default)]
pub(super) struct Shard {
    pub(super) rooms: HashMap<RoomId, Entry>,
}

/// A room, and its members' seats.
pub(super) struct Entry {
    pub(super) room: Room,
    pub(super) seats: PeerMap<Seat>,
}

impl Shard {
    /// Lets somebody in, and says who is there then. A room that stays empty leaves nothing.
    pub(super) fn join(
        &mut self,
        id: &RoomId,
        capacity: usize,
        input: Input,
        peer: PeerId,
        seat: Seat,
        wakes: &mut Wakes,
    ) -> Result<Vec<Member>, Refusal> {
        let entry = self
            .rooms
            .entry(id.clone())
            .or_insert_with(|| Entry { room: Room::new(capacity), seats: PeerMap::default() });
        let result = entry.room.apply(input).map(|effects| {
            // Those who hear of the join cannot be the one who joins, so none can be unreachable in
            // a way that concerns it.
            let _ = entry.carry_out(effects, wakes);
            entry.seats.insert(peer, seat);
            entry.room.roster().iter().cloned().collect()
        });
        self.remove_if_empty(id);
        result
    }

    pub(super) fn apply(
        &mut self,
        id: &RoomId,
        input: Input,
        wakes: &mut Wakes,
    ) -> Result<(), Undone> {
        let entry = self.rooms.get_mut(id).ok_or(Undone::Refused(Refusal::NotAMember))?;
        let done = entry.apply(input, wakes);
        if entry.room.roster().is_empty() {
            self.remove_if_empty(id);
        }
        done
    }

    /// The seat of the member for which this connection speaks.
    pub(super) fn seat(&self, id: &RoomId, connection: Connection) -> Option<&Seat> {
        let seat = self.rooms.get(id)?.seats.get(&connection.peer)?;
        (seat.generation == connection.generation).then_some(seat)
    }

    pub(super) fn rooms(&self) -> Vec<RoomId> {
        self.rooms.keys().cloned().collect()
    }

    pub(super) fn roster(&self, id: &RoomId) -> Vec<Member> {
        let entry = self.rooms.get(id);
        entry.map_or_else(Vec::new, |entry| entry.room.roster().iter().cloned().collect())
    }

    /// Ends every connection of every room; the sessions leave by themselves.
    pub(super) fn close_all(&self, wakes: &mut Wakes, mut reason: impl FnMut() -> CloseReason) {
        for seat in self.rooms.values().flat_map(|entry| entry.seats.values()) {
            seat.outbox.close(reason(), wakes);
        }
    }

    pub(super) fn remove_if_empty(&mut self, id: &RoomId) {
        if self.rooms.get(id).is_some_and(|entry| entry.room.roster().is_empty()) {
            self.rooms.remove(id);
            if self.rooms.is_empty() {
                self.rooms.shrink_to_fit();
            }
        }
    }
}

impl Entry {
    pub(super) fn apply(&mut self, input: Input, wakes: &mut Wakes) -> Result<(), Undone> {
        let effects = self.room.apply(input).map_err(Undone::Refused)?;
        self.carry_out(effects, wakes).map_err(|Full| Undone::Unreachable)
    }

    /// Carries the effects out in their order. The error is that the one member who was addressed
    /// cannot be reached; a member who merely misses something loses its connection, and no more is
    /// to be done about it.
    fn carry_out(&mut self, effects: Effects, wakes: &mut Wakes) -> Result<(), Full> {
        effects.into_iter().try_for_each(|effect| match effect {
            Effect::Tell(Audience::One(peer), event) => {
                let seat = self.seats.get(&peer).ok_or(Full)?;
                seat.outbox.push(event.into_frame(), wakes)
            }
            Effect::Tell(Audience::AllBut(peer), event) => {
                self.tell_all(Some(peer), || event.into_frame(), wakes);
                Ok(())
            }
            Effect::Tell(Audience::All, event) => {
                self.tell_all(None, || event.into_frame(), wakes);
                Ok(())
            }
            Effect::Dismiss(peer, reason) => {
                if let Some(seat) = self.seats.remove(&peer) {
                    seat.outbox.close(reason, wakes);
                }
                Ok(())
            }
        })
    }

    /// Encodes once, and only where somebody is there to be told.
    fn tell_all(&self, but: Option<PeerId>, encode: impl FnOnce() -> Frame, wakes: &mut Wakes) {
        let mut seats = self.seats.iter().filter(|(id, _)| Some(**id) != but);
        let Some((_, first)) = seats.next() else { return };
        let frame = encode();
        // In one go: nearly all of them wait for their next frame.
        wakes.reserve_exact(self.seats.len());
        // Whoever has no room for it loses its connection.
        let _ = first.outbox.push(frame.clone(), wakes);
        for (_, seat) in seats {
            let _ = seat.outbox.push(frame.clone(), wakes);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::{Hub, Joining, lock};
    use crate::Grant;

    #[test]
    fn emptied_rooms_give_their_memory_back() {
        let hub = Hub::default();
        let join = |n: usize| {
            let room = format!("room-{n}").parse().unwrap();
            hub.join(room, Joining::default(), &Grant::new(), Instant::now()).unwrap().0
        };
        let sessions: Vec<_> = (0..1_000).map(join).collect();
        let capacity = || hub.0.shards.iter().map(|shard| lock(shard).rooms.capacity()).sum();
        let (full, most): (usize, usize) = (capacity(), 4_000);
        assert!((1_000..most).contains(&full), "{full}");
        drop(sessions);
        let empty: usize = capacity();
        assert_eq!(empty, 0);
    }
}
