//! Who was in which meeting, from the events of the rooms.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::SystemTime,
};

use meet_signal_core::{
    Identity, MemberInfo, PeerId, RoomEvent, RoomEventKind, RoomId, RoomSnapshot, Status,
};

pub(crate) use self::meeting::{Attendee, Ending, Meeting, State};

mod meeting;

/// The attendance lists of all meetings, and where each person is now.
#[derive(Debug, Default)]
pub(crate) struct Attendance {
    /// By room, the newest first.
    meetings: HashMap<RoomId, VecDeque<Meeting>>,
    /// The newest visit of each person who is in a meeting.
    places: HashMap<Identity, Visit>,
}

/// One membership of a person in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visit {
    pub(crate) room: RoomId,
    pub(crate) peer: PeerId,
}

impl Attendance {
    /// Applies an event. Returns the visit to be ended, if a person has joined while in another room.
    pub(crate) fn event(&mut self, event: &RoomEvent) -> Option<Visit> {
        let RoomEvent { room, at, kind, .. } = event;
        match kind {
            RoomEventKind::Opened => self.open(room, *at),
            RoomEventKind::Joined(member) => return self.arrive(room, member, *at, false),
            RoomEventKind::Away(peer) => self.current(room)?.set_away(*peer, true),
            RoomEventKind::Resumed { member, .. } => self.current(room)?.set_away(member.id, false),
            RoomEventKind::Left { member, reason, stay } => {
                self.leave(member);
                self.current(room)?.left(member.id, *stay, (*reason).into());
            }
            RoomEventKind::Closed => self.current(room)?.close(*at),
            _ => {}
        }
        None
    }

    /// Goes on from the rooms as they are now, after events were missed. Returns the visits to be
    /// ended, as [`event`](Self::event).
    pub(crate) fn snapshots(&mut self, rooms: &[RoomSnapshot], now: SystemTime) -> Vec<Visit> {
        let members =
            || rooms.iter().flat_map(|room| room.members.iter().map(|it| (&room.room, it)));
        let there: HashSet<PeerId> = members().map(|(_, member)| member.id).collect();
        self.places.retain(|_, place| there.contains(&place.peer));
        let mut known = HashSet::new();
        for (room, meetings) in &mut self.meetings {
            let Some(meeting) = meetings.front_mut().filter(|meeting| meeting.is_open()) else {
                continue;
            };
            meeting.end_all_but(&there, now);
            known.extend(meeting.peers());
            if !rooms.iter().any(|snapshot| snapshot.room == *room) {
                meeting.close(now);
            }
        }
        // In the order in which they asked to join. All of them are newer than those that are known.
        let mut newcomers: Vec<_> = members()
            .filter(|(_, member)| !known.contains(&member.id))
            .map(|(room, member)| (asked_at(member).unwrap_or(now).min(now), room, member))
            .collect();
        newcomers.sort_by_key(|(at, ..)| *at);
        let arrivals = newcomers.into_iter();
        let older = arrivals.filter_map(|(at, room, member)| self.arrive(room, member, at, true));
        let older: Vec<_> = older.collect();
        for (room, member) in members() {
            if let Some(meeting) = self.current(room) {
                meeting.set_away(member.id, member.status == Status::Away);
            }
        }
        older
    }

    /// The meetings of a room, the newest first.
    pub(crate) fn of(&self, room: &str) -> impl Iterator<Item = &Meeting> {
        let meetings = self.meetings.iter().find(|(id, _)| id.as_str() == room);
        meetings.into_iter().flat_map(|(_, meetings)| meetings)
    }

    fn arrive(
        &mut self,
        room: &RoomId,
        member: &MemberInfo,
        at: SystemTime,
        is_late: bool,
    ) -> Option<Visit> {
        // `Meetings::grant` gives everybody one.
        let person = member.identity.as_ref()?;
        if self.current(room).is_none() {
            self.open(room, at);
        }
        self.current(room)?.joined(person, member.id, at, is_late);
        let place = Visit { room: room.clone(), peer: member.id };
        // In the same room, the hub has replaced it.
        let older =
            self.places.insert(person.clone(), place).filter(|place| place.room != *room)?;
        self.current(&older.room)?.set_elsewhere(older.peer);
        Some(older)
    }

    fn leave(&mut self, member: &MemberInfo) {
        let Some(person) = &member.identity else { return };
        if self.places.get(person).is_some_and(|place| place.peer == member.id) {
            self.places.remove(person);
        }
    }

    fn open(&mut self, room: &RoomId, at: SystemTime) {
        let meetings = self.meetings.entry(room.clone()).or_default();
        meetings.truncate(MEETINGS - 1);
        meetings.push_front(Meeting::new(at));
    }

    fn current(&mut self, room: &RoomId) -> Option<&mut Meeting> {
        self.meetings.get_mut(room)?.front_mut().filter(|meeting| meeting.is_open())
    }
}

/// When the person asked to join, or came back for the last time.
fn asked_at(member: &MemberInfo) -> Option<SystemTime> {
    member.data.as_ref()?.parse().ok()
}

/// The meetings of a room that are remembered.
const MEETINGS: usize = 20;
