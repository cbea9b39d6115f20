//! A part of the rooms, under one lock.

use std::{collections::HashMap, time::Instant};

use super::room_state::RoomState;
use crate::{CloseReason, Limits, RoomId, outbox::Wakers};

#[derive(Default)]
pub(super) struct Shard {
    pub(super) rooms: HashMap<RoomId, RoomState>,
}

impl Shard {
    /// The names of the rooms.
    pub(super) fn ids(&self) -> Vec<RoomId> {
        self.rooms.keys().cloned().collect()
    }

    /// The room, if it has members.
    pub(super) fn get_mut(&mut self, id: &RoomId) -> Option<&mut RoomState> {
        self.rooms.get_mut(id)
    }

    /// The room, which is created if it does not exist: see
    /// [`remove_if_empty`](Self::remove_if_empty).
    pub(super) fn get_or_create(
        &mut self,
        id: &RoomId,
        limits: &Limits,
        now: Instant,
    ) -> &mut RoomState {
        self.rooms.entry(id.clone()).or_insert_with(|| RoomState::new(limits, now))
    }

    /// Removes a room without members.
    pub(super) fn remove_if_empty(&mut self, id: &RoomId) {
        if self.rooms.get(id).is_some_and(RoomState::is_empty) {
            self.rooms.remove(id);
            if self.rooms.is_empty() {
                self.rooms.shrink_to_fit();
            }
        }
    }

    /// Ends the connections in all rooms. The sessions leave when their tasks end.
    pub(super) fn close_all(&self, wakers: &mut Wakers, mut reason: impl FnMut() -> CloseReason) {
        for session in self.rooms.values().flat_map(|room| room.sessions.values()) {
            session.outbox.close(reason(), wakers);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::{Hub, JoinRequest, lock};
    use crate::Grant;

    #[test]
    fn emptied_rooms_release_their_memory() {
        let hub = Hub::default();
        let join = |n: usize| {
            let room = format!("room-{n}").parse().unwrap();
            hub.join(room, JoinRequest::default(), &Grant::new(), Instant::now()).unwrap()
        };
        let sessions: Vec<_> = (0..1_000).map(join).collect();
        let capacity = || hub.0.shards.iter().map(|shard| lock(shard).rooms.capacity()).sum();
        let (full, max): (usize, usize) = (capacity(), 4_000);
        assert!((1_000..max).contains(&full), "{full}");
        drop(sessions);
        let empty: usize = capacity();
        assert_eq!(empty, 0);
    }
}
