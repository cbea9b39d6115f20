//! A part of the rooms, under one lock.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Instant,
};

use super::{SHARDS, room_state::RoomState};
use crate::{CloseReason, Limits, RoomId, outbox::Wakers};
#[cfg(feature = "driver")]
use crate::{MemberInfo, RoomSnapshot, room_event::Published};

#[derive(Default)]
pub(super) struct Shard {
    pub(super) rooms: HashMap<RoomId, RoomState>,
    /// The empty rooms that are remembered, and until when.
    kept: BTreeSet<(Instant, RoomId)>,
    /// Whether the application has ever read events.
    pub(super) is_read: bool,
    /// How many events of its rooms there were.
    #[cfg(feature = "driver")]
    pub(super) events: u64,
    /// Those that are not published yet, in their order.
    #[cfg(feature = "driver")]
    pub(super) unpublished: Vec<Published>,
}

impl Shard {
    /// The names of the rooms with members.
    pub(super) fn ids(&self) -> Vec<RoomId> {
        let rooms = self.rooms.iter().filter(|(_, room)| !room.sessions.is_empty());
        rooms.map(|(id, _)| id.clone()).collect()
    }

    /// The rooms with members, or with peers in the lobby.
    #[cfg(feature = "driver")]
    pub(super) fn snapshots(&self) -> impl Iterator<Item = RoomSnapshot> {
        let rooms = self.rooms.iter().filter(|(_, room)| !room.is_empty());
        rooms.map(|(id, room)| RoomSnapshot {
            room: id.clone(),
            number: room.journal.number,
            locked: room.room.access().is_locked(),
            lobby: room.room.access().has_lobby(),
            waiting: room.room.lobby().waiting().iter().map(MemberInfo::from).collect(),
            members: room.room.roster().iter().map(MemberInfo::from).collect(),
        })
    }

    /// The room, if it is known.
    pub(super) fn get_mut(&mut self, id: &RoomId) -> Option<&mut RoomState> {
        let room = self.rooms.get_mut(id)?;
        room.journal.is_read = self.is_read;
        Some(room)
    }

    /// The room, which is created if it does not exist: see [`tidy`](Self::tidy).
    pub(super) fn get_or_create(
        &mut self,
        id: &RoomId,
        limits: &Arc<Limits>,
        now: Instant,
    ) -> &mut RoomState {
        self.forget_expired(now);
        let room =
            self.rooms.entry(id.clone()).or_insert_with(|| RoomState::new(limits.clone(), now));
        room.journal.is_read = self.is_read;
        room
    }

    /// Forgets an empty room, unless there is something to remember of it: see
    /// [`RoomState::remembered_until`].
    pub(super) fn tidy(&mut self, id: &RoomId, limits: &Limits, now: Instant) {
        let Some(room) = self.rooms.get_mut(id) else { return };
        if !room.is_empty() {
            self.keep(id, None);
        } else if room.kept_until.is_none() {
            match room.remembered_until(now) {
                None => self.forget(id),
                until => self.keep(id, until),
            }
            while self.kept.len() > limits.empty_rooms().div_ceil(SHARDS) {
                let Some((_, id)) = self.kept.pop_first() else { break };
                self.forget(&id);
            }
        }
    }

    /// What is to be remembered of a room has changed.
    pub(super) fn changes_access(&mut self, id: &RoomId) {
        self.keep(id, None);
    }

    fn forget_expired(&mut self, now: Instant) {
        while self.kept.first().is_some_and(|(until, _)| *until <= now) {
            let Some((_, id)) = self.kept.pop_first() else { break };
            self.forget(&id);
        }
    }

    /// Sets until when a room is remembered without members.
    fn keep(&mut self, id: &RoomId, until: Option<Instant>) {
        let Some(room) = self.rooms.get_mut(id) else { return };
        if let Some(until) = std::mem::replace(&mut room.kept_until, until) {
            self.kept.remove(&(until, id.clone()));
        }
        if let Some(until) = until {
            self.kept.insert((until, id.clone()));
        }
    }

    fn forget(&mut self, id: &RoomId) {
        self.rooms.remove(id);
        if self.rooms.is_empty() {
            self.rooms.shrink_to_fit();
        }
    }

    /// Ends the connections in all rooms. The sessions leave when their tasks end.
    pub(super) fn close_all(&self, wakers: &mut Wakers, mut reason: impl FnMut() -> CloseReason) {
        for room in self.rooms.values() {
            let waiting = room.waiting.values().map(|waiting| &waiting.session);
            for session in room.sessions.values().chain(waiting) {
                session.outbox.close(reason(), wakers);
            }
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
