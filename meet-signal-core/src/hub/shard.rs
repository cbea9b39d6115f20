//! Some of the rooms, under one lock.

use std::{collections::HashMap, time::Instant};

use super::{Hub, JoinError, Undone, room_rate::RoomRate, seat::Seat};
use crate::{
    CloseReason, PeerId, RoomId,
    connection::Connection,
    id::PeerMap,
    message::{LeaveReason, Status},
    outbox::{Push, QueueFull, Sender, Wakers},
    room::{ApplyError, Effect, Effects, Event, Input, Recipients, Room},
    roster::Member,
    ticket::TicketHash,
};

#[derive(Default)]
pub(super) struct Shard {
    pub(super) rooms: HashMap<RoomId, Entry>,
}

/// A room, and its members' seats.
pub(super) struct Entry {
    pub(super) room: Room,
    pub(super) seats: PeerMap<Seat>,
    pub(super) rate: RoomRate,
}

/// Somebody who wants to be let in.
pub(super) struct Newcomer {
    pub(super) member: Member,
    /// The ticket of the session whose place it takes.
    pub(super) replaces: Option<TicketHash>,
    pub(super) seat: Seat,
}

impl Shard {
    /// Lets somebody in, and says who is there then. A room that stays empty leaves nothing.
    pub(super) fn join(
        &mut self,
        hub: &Hub,
        id: &RoomId,
        newcomer: Newcomer,
        now: Instant,
        wakers: &mut Wakers,
    ) -> Result<Vec<Member>, JoinError> {
        let entry = self.rooms.entry(id.clone()).or_insert_with(|| Entry {
            room: Room::new(hub.limits().room_peers()),
            seats: PeerMap::default(),
            rate: RoomRate::new(hub.limits(), now),
        });
        let result = entry.join(hub, newcomer, now, wakers);
        self.remove_if_empty(id);
        result
    }

    /// The socket of the member for which this connection speaks is lost.
    pub(super) fn away(
        &mut self,
        hub: &Hub,
        id: &RoomId,
        (connection, goes): (Connection, bool),
        now: Instant,
        wakers: &mut Wakers,
    ) {
        if self.seat(id, connection).is_none() {
            return;
        }
        let entry = self.rooms.get_mut(id).expect("whoever has a seat is in a room");
        let seat = entry.seats.get_mut(&connection.peer).expect("it was there just now");
        seat.goes_away |= goes;
        entry.away(hub, connection.peer, now, wakers);
        self.remove_if_empty(id);
    }

    /// The member with this ticket leaves, if there is one. Its connection, or what waits for another
    /// one, ends.
    #[cfg(feature = "driver")]
    pub(super) fn leave(&mut self, id: &RoomId, ticket: TicketHash, wakers: &mut Wakers) {
        let holder =
            self.rooms.get(id).and_then(|entry| entry.room.roster().find_by_ticket(ticket));
        let Some(peer) = holder else { return };
        // It is a member, and what becomes of it does not depend on whom it is told.
        let _ = self.apply(id, Input::Leave { peer, reason: LeaveReason::Left }, wakers);
    }

    pub(super) fn apply(
        &mut self,
        id: &RoomId,
        input: Input,
        wakers: &mut Wakers,
    ) -> Result<(), Undone> {
        let entry = self.rooms.get_mut(id).ok_or(Undone::Refused(ApplyError::NotAMember))?;
        let done = entry.apply(input, wakers);
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
    pub(super) fn close_all(&self, wakers: &mut Wakers, mut reason: impl FnMut() -> CloseReason) {
        for seat in self.rooms.values().flat_map(|entry| entry.seats.values()) {
            seat.outbox.close(reason(), wakers);
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
    /// Lets somebody in, where nothing speaks against it.
    fn join(
        &mut self,
        hub: &Hub,
        newcomer: Newcomer,
        now: Instant,
        wakers: &mut Wakers,
    ) -> Result<Vec<Member>, JoinError> {
        let Newcomer { member, replaces, seat } = newcomer;
        let (peer, meta_bytes) = (member.id, member.meta.as_json().len());
        let replaced = self.room.place_for(replaces).map_err(|_| JoinError::RoomFull)?;
        self.rate
            .join(seat.address, meta_bytes, hub.limits(), now)
            .map_err(|retry_after| JoinError::TooOften { retry_after })?;
        match replaced.and_then(|replaced| self.seats.get(&replaced)) {
            // The newcomer is counted in its place, so there is room, however full the hub is.
            Some(seat) => seat.supersede(wakers),
            None => hub.session_begins()?,
        }
        // There is a place, and who hears of it cannot be unreachable in a way that concerns it.
        let _ = self.apply(Input::Join { member, replaces }, wakers);
        self.seats.insert(peer, seat);
        Ok(self.room.roster().iter().cloned().collect())
    }

    /// Keeps the member's place, unless none is to be kept, or too many are for its address.
    fn away(&mut self, hub: &Hub, peer: PeerId, now: Instant, wakers: &mut Wakers) {
        if self.room.roster().get(peer).is_none_or(|member| member.status == Status::Away) {
            return;
        }
        let seat = self.seats.get(&peer).expect("every member has a seat");
        let (address, grace) = (seat.address, seat.grace(hub.limits()));
        let away = address.map(|address| {
            let same = |seat: &&Seat| seat.address == Some(address) && seat.away.is_some();
            let most = (hub.limits().room_peers() / 2).max(1);
            let has_room = self.seats.values().filter(same).count() < most;
            has_room.then(|| hub.addresses().away(address, now)).flatten()
        });
        let input = match away {
            Some(None) => Input::Leave { peer, reason: LeaveReason::Timeout },
            // It would be told to have left in the same moment.
            _ if grace.is_zero() => Input::Leave { peer, reason: LeaveReason::Timeout },
            _ => Input::Status { peer, status: Status::Away },
        };
        if let Some(seat) = self.seats.get_mut(&peer) {
            seat.away = away.flatten();
        }
        // What becomes of a member does not depend on whom it is told.
        let _ = self.apply(input, wakers);
    }

    pub(super) fn apply(&mut self, input: Input, wakers: &mut Wakers) -> Result<(), Undone> {
        let seat = input.sender().and_then(|sender| self.seats.get(&sender));
        let sender = seat.map(|seat| seat.sender);
        let effects = self.room.apply(input).map_err(Undone::Refused)?;
        self.carry_out(effects, sender, wakers).map_err(|QueueFull| Undone::Unreachable)
    }

    /// Carries the effects out in their order. The error is that somebody who was addressed had no
    /// room for what a member or the application sent; a member who misses what happens in the room
    /// loses its connection, and no more is to be done about it.
    fn carry_out(
        &mut self,
        effects: Effects,
        sender: Option<Sender>,
        wakers: &mut Wakers,
    ) -> Result<(), QueueFull> {
        let mut reached = Ok(());
        for effect in effects {
            match effect {
                Effect::Send(Recipients::One(peer), event) => {
                    let push = match sender {
                        Some(sender) => Push::relayed(event.into_frame(), sender),
                        None => Push::direct(event.into_frame()),
                    };
                    let seat = self.seats.get(&peer);
                    reached = seat.map_or(Err(QueueFull), |seat| seat.outbox.push(push, wakers));
                }
                Effect::Send(Recipients::AllBut(peer), event) => {
                    reached = reached.and(self.tell_all(Some(peer), event, sender, wakers));
                }
                Effect::Send(Recipients::All, event) => {
                    reached = reached.and(self.tell_all(None, event, sender, wakers));
                }
                Effect::Disconnect(peer, reason) => {
                    if let Some(seat) = self.seats.remove(&peer) {
                        seat.outbox.close(reason, wakers);
                    }
                }
            }
        }
        reached
    }

    /// Encodes once, and only where somebody is there to be told. The error is that somebody had no
    /// room for what a member sent.
    fn tell_all(
        &self,
        but: Option<PeerId>,
        event: Event,
        sender: Option<Sender>,
        wakers: &mut Wakers,
    ) -> Result<(), QueueFull> {
        let mut seats = self.seats.iter().filter(|(id, _)| Some(**id) != but).peekable();
        if seats.peek().is_none() {
            return Ok(());
        }
        let frame = event.into_frame();
        let push = match sender {
            Some(sender) => Push::relayed(frame, sender),
            None => Push::event(frame),
        };
        // In one go: nearly all of them wait for their next frame.
        wakers.reserve_exact(self.seats.len());
        let mut reached = Ok(());
        for (_, seat) in seats {
            reached = reached.and(seat.outbox.push(push.clone(), wakers));
        }
        if sender.is_some() { reached } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::{Hub, JoinRequest, lock};
    use crate::Grant;

    #[test]
    fn emptied_rooms_give_their_memory_back() {
        let hub = Hub::default();
        let join = |n: usize| {
            let room = format!("room-{n}").parse().unwrap();
            hub.join(room, JoinRequest::default(), &Grant::new(), Instant::now()).unwrap().0
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
