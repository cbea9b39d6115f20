//! How many are in each room: `Hub::room_counts`.

use super::{Hub, lock};
use crate::RoomId;

/// A room, and how many are in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoomCount {
    /// The room.
    pub room: RoomId,
    /// How many members it has, away ones too.
    pub members: usize,
    /// How many peers wait in its lobby, away ones too.
    pub waiting: usize,
}

impl Hub {
    /// The rooms that have members, or peers in the lobby, in no particular order. It is not one
    /// snapshot: rooms may change while it runs.
    pub fn room_counts(&self) -> Vec<RoomCount> {
        let mut counts = Vec::new();
        for shard in &self.0.shards {
            let shard = lock(shard);
            let rooms = shard.rooms.iter().filter(|(_, room)| !room.is_empty());
            counts.extend(rooms.map(|(id, room)| RoomCount {
                room: id.clone(),
                members: room.sessions.len(),
                waiting: room.waiting.len(),
            }));
        }
        counts
    }
}
