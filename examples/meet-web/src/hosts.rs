//! The hosts of each room, after the first one has left or while it reloads the page.

use std::{
    collections::HashMap,
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use meet_signal_core::{Hub, Identity, LeaveReason, MemberInfo, RoomEventKind, RoomId, Status};
use tokio::{
    select,
    time::{Instant, sleep_until},
};

/// Who is host of which room. A member with the permission to moderate is one.
///
/// When a room has no host any more, the member that has been there for the longest time becomes it. A
/// host that has lost the connection stays host. One that has left may be about to reload the page, so
/// another one becomes host some seconds later, and the first one is host again when it comes back. A
/// meeting is over when its room has been empty for some seconds: then the next one who opens it is host.
#[derive(Debug, Clone)]
pub struct Hosts {
    hub: Hub,
    left: Arc<Mutex<Left>>,
    reload_time: Duration,
}

/// The hosts that have left, by room.
type Left = HashMap<RoomId, Vec<Former>>;

#[derive(Debug)]
struct Former {
    identity: Identity,
    left: Instant,
}

impl Hosts {
    /// The hosts of these rooms.
    pub fn new(hub: Hub) -> Self {
        Self { hub, left: Arc::default(), reload_time: RELOAD_TIME }
    }

    /// Makes other members hosts, for as long as it runs.
    pub async fn appoint(self) {
        let (rooms, mut events) = self.hub.events();
        // Rooms that may have no host, and when to look.
        let mut due = HashMap::new();
        let soon = || Instant::now() + self.reload_time;
        due.extend(rooms.into_iter().map(|room| (room.room, soon())));
        loop {
            let next = due.values().min().copied();
            let wait = async {
                match next {
                    Some(time) => sleep_until(time).await,
                    None => pending().await,
                }
            };
            select! {
                event = events.next() => match event {
                    Ok(event) => match &event.kind {
                        RoomEventKind::Left { member, reason: LeaveReason::Kicked, .. } => {
                            self.forget(&event.room, member.identity.as_ref());
                            due.insert(event.room, Instant::now());
                        }
                        // Its successor has what it had.
                        RoomEventKind::Left { reason: LeaveReason::Replaced, .. } => {
                            due.insert(event.room, soon());
                        }
                        RoomEventKind::Left { member, .. } if member.permissions.moderate => {
                            self.remember(&event.room, member);
                            due.insert(event.room, soon());
                        }
                        RoomEventKind::Permissions { peer, permissions } if !permissions.moderate => {
                            let members = self.hub.roster(&event.room);
                            let member = members.iter().find(|member| member.id == *peer);
                            self.forget(&event.room, member.and_then(|it| it.identity.as_ref()));
                            due.insert(event.room, Instant::now());
                        }
                        RoomEventKind::Closed => _ = due.insert(event.room, Instant::now() + EMPTY_TIME),
                        _ => {}
                    },
                    Err(lagged) => {
                        // Some of them may have been removed.
                        self.left().clear();
                        let rooms = lagged.rooms.into_iter().map(|room| room.room);
                        due.extend(rooms.map(|room| (room, soon())));
                    }
                },
                () = wait => {
                    let now = Instant::now();
                    for (room, _) in due.extract_if(|_, time| *time <= now) {
                        self.look_at(&room);
                    }
                }
            }
        }
    }

    /// Whether this identity may join as a host, also if the room is locked: it is one on another page,
    /// or was one in this meeting.
    pub(crate) fn readmits(&self, room: &RoomId, identity: &Identity) -> bool {
        let members = self.hub.roster(room);
        let mut own = members.iter().filter(|member| member.identity.as_ref() == Some(identity));
        own.any(|member| member.permissions.moderate) || self.was_host(room, identity)
    }

    /// Whether the room is empty because its host reloads the page: nobody else opens it meanwhile.
    pub(crate) fn awaits_host(&self, room: &RoomId) -> bool {
        let now = Instant::now();
        let is_due = |former: &Former| now < former.left + EMPTY_TIME;
        self.left().get(room).is_some_and(|left| left.iter().any(is_due))
    }

    /// An event is only the reason to look: the roster of now decides, so an event that comes late, or
    /// twice, does no harm.
    fn look_at(&self, room: &RoomId) {
        loop {
            let members = self.hub.roster(room);
            if members.iter().any(|member| member.permissions.moderate) {
                return;
            }
            let Some(next) = self.successor(room, &members) else {
                match self.hub.waiting(room).first() {
                    // Nobody is there to admit it.
                    Some(first) if self.hub.admit(room, first.id).is_ok() => continue,
                    _ => return self.is_over(room),
                }
            };
            // It may have left since. Another one is next then.
            let permissions = next.permissions.moderate(true);
            if self.hub.set_permissions(room, next.id, permissions).is_ok() {
                return;
            }
        }
    }

    /// Nobody is in the room. It does not stay locked, since nobody could unlock it.
    fn is_over(&self, room: &RoomId) {
        if !self.awaits_host(room) {
            self.left().remove(room);
        }
        self.hub.lock(room, false);
    }

    /// One that was host before; otherwise the first of those who are there; if all are away, the
    /// first of them.
    fn successor<'a>(&self, room: &RoomId, members: &'a [MemberInfo]) -> Option<&'a MemberInfo> {
        let is_back = |member: &&MemberInfo| {
            member.identity.as_ref().is_some_and(|identity| self.was_host(room, identity))
        };
        let is_here = |member: &&MemberInfo| member.status == Status::Here;
        let mut all = members.iter();
        members.iter().find(is_back).or_else(|| all.clone().find(is_here)).or_else(|| all.next())
    }

    fn remember(&self, room: &RoomId, MemberInfo { identity, .. }: &MemberInfo) {
        let Some(identity) = identity.clone() else { return };
        let (mut rooms, now) = (self.left(), Instant::now());
        if rooms.len() >= MOST_ROOMS {
            rooms.retain(|_, left| left.iter().any(|former| now < former.left + RETURN_TIME));
        }
        if rooms.len() >= MOST_ROOMS && !rooms.contains_key(room) {
            return;
        }
        let left = rooms.entry(room.clone()).or_default();
        left.retain(|former| former.identity != identity && now < former.left + RETURN_TIME);
        if left.len() < MOST_HOSTS {
            left.push(Former { identity, left: now });
        }
    }

    fn forget(&self, room: &RoomId, identity: Option<&Identity>) {
        if let (Some(identity), Some(left)) = (identity, self.left().get_mut(room)) {
            left.retain(|former| former.identity != *identity);
        }
    }

    fn was_host(&self, room: &RoomId, identity: &Identity) -> bool {
        let now = Instant::now();
        let is = |it: &Former| it.identity == *identity && now < it.left + RETURN_TIME;
        self.left().get(room).is_some_and(|left| left.iter().any(is))
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a host takes to reload the page and to join again.
const RELOAD_TIME: Duration = Duration::from_secs(5);

/// How long a room is empty before its meeting is over.
const EMPTY_TIME: Duration = Duration::from_secs(15);

/// How long one that has left can come back as a host, while the meeting goes on.
const RETURN_TIME: Duration = Duration::from_secs(600);

/// Participants must not fill the memory: the hosts of further rooms, and further hosts of a room, are
/// not remembered.
const MOST_ROOMS: usize = 65_536;
const MOST_HOSTS: usize = 16;

#[cfg(test)]
mod tests;
