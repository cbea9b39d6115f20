//! Reclaims memory when all sessions of a hub together use too much.

use std::{cmp::Reverse, sync::atomic::Ordering, task::Waker};

use super::{Hub, lock, shard::Shard};
use crate::{PeerId, RoomId, Status, outbox::Wakers, trace};

/// A queue that could be emptied. Those of away sessions come first, and of these the fullest.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    is_here: bool,
    bytes: Reverse<usize>,
    room: RoomId,
    peer: PeerId,
}

impl Hub {
    /// Empties queues until all of them together are within their budget.
    ///
    /// Visits all sessions, shard by shard; the caller must hold no lock. It frees so much at once
    /// that its cost is amortized over the traffic that makes it necessary again.
    pub(super) fn reclaim(&self) {
        if self.0.reclaiming.swap(true, Ordering::Acquire) {
            return;
        }
        let mut candidates = Vec::new();
        for shard in &self.0.shards {
            lock(shard).candidates(&mut candidates);
        }
        candidates.sort_unstable();
        let (mut queues, mut bytes) = (0, 0);
        for candidate in candidates {
            if self.0.queues.is_relieved() {
                break;
            }
            let mut wakers = Wakers::new();
            self.shard(&candidate.room).empty(&candidate, &mut wakers);
            wakers.into_iter().for_each(Waker::wake);
            queues += 1;
            bytes += candidate.bytes.0;
        }
        self.0.reclaiming.store(false, Ordering::Release);
        if queues > 0 {
            trace::reclaimed(queues, bytes);
        }
    }
}

impl Shard {
    fn candidates(&self, candidates: &mut Vec<Candidate>) {
        for (room, state) in &self.rooms {
            candidates.extend(state.room.roster().iter().filter_map(|member| {
                let bytes = state.sessions.get(&member.id)?.outbox.kept_bytes();
                let is_here = member.status == Status::Here;
                (bytes > 0).then(|| Candidate {
                    is_here,
                    bytes: Reverse(bytes),
                    room: room.clone(),
                    peer: member.id,
                })
            }));
        }
    }

    fn empty(&self, candidate: &Candidate, wakers: &mut Wakers) {
        let room = self.rooms.get(&candidate.room);
        if let Some(session) = room.and_then(|room| room.sessions.get(&candidate.peer)) {
            session.outbox.overflow(wakers);
        }
    }
}
