//! The rooms, as a reader of events computes them.

use std::collections::BTreeMap;

use meet_signal_core::{
    Hub, MemberInfo, PeerId, RoomEvent, RoomEventKind, RoomId, RoomSnapshot, Status,
};

/// The rooms, as a reader of events computes them.
#[derive(Default)]
pub(crate) struct View {
    pub(crate) rooms: BTreeMap<String, Vec<MemberInfo>>,
    /// Those in the lobbies.
    waiting: BTreeMap<String, Vec<MemberInfo>>,
    numbers: BTreeMap<String, u64>,
    /// Whether a room is locked and has a lobby, where that is known: a snapshot has no empty rooms.
    locked: BTreeMap<String, bool>,
    lobby: BTreeMap<String, bool>,
}

impl View {
    pub(crate) fn reset(&mut self, rooms: Vec<RoomSnapshot>) {
        *self = Self::default();
        for RoomSnapshot { room, number, locked, lobby, waiting, members, .. } in rooms {
            let room = room.to_string();
            self.numbers.insert(room.clone(), number);
            self.locked.insert(room.clone(), locked);
            self.lobby.insert(room.clone(), lobby);
            self.waiting.insert(room.clone(), waiting);
            if !members.is_empty() {
                self.rooms.insert(room, members);
            }
        }
    }

    /// The room as the hub knows it, where a reader can know it.
    pub(crate) fn assert_is(&self, room: &RoomId, hub: &Hub) {
        let (mut snapshots, _) = hub.events();
        snapshots.retain(|snapshot| snapshot.room == *room);
        let name = room.as_str();
        let members = self.rooms.get(name).cloned().unwrap_or_default();
        assert_eq!(members, hub.roster(room));
        // No event tells whether a peer in the lobby is away, or of its newer grant.
        let known = |waiting: &[MemberInfo]| -> Vec<_> {
            waiting.iter().map(|it| (it.id, it.meta.clone(), it.identity.clone())).collect()
        };
        let waiting = self.waiting.get(name).cloned().unwrap_or_default();
        assert_eq!(known(&waiting), known(&hub.waiting(room)));
        assert_eq!(snapshots.is_empty(), members.is_empty() && waiting.is_empty());
        if let Some(RoomSnapshot { number, locked, lobby, waiting, members: now, .. }) =
            snapshots.pop()
        {
            assert_eq!((now, waiting), (members, hub.waiting(room)));
            assert_eq!(self.numbers[name], number);
            assert_eq!(*self.locked.get(name).unwrap_or(&locked), locked);
            assert_eq!(*self.lobby.get(name).unwrap_or(&lobby), lobby);
        }
    }

    pub(crate) fn read(&mut self, event: &RoomEvent) {
        let room = event.room.to_string();
        if let RoomEventKind::Refused { .. } = event.kind
            && event.number == 0
        {
            return;
        }
        let number = self.numbers.entry(room.clone()).or_insert(event.number - 1);
        if event.number == 1 {
            // The room is new to the hub, or nobody has read its events before.
            *number = 0;
            self.locked.remove(&room);
            self.lobby.remove(&room);
        }
        *number += 1;
        assert_eq!(event.number, *number, "{event:?}");
        let waiting = self.waiting.entry(room.clone()).or_default();
        let place = |peer: PeerId| waiting.iter().position(|it| it.id == peer);
        let member = |view: &mut Self, peer: PeerId, f: &dyn Fn(&mut MemberInfo)| {
            let members = view.rooms.get_mut(&room).expect("the room is open");
            f(members.iter_mut().find(|member| member.id == peer).expect("a member"));
        };
        match &event.kind {
            RoomEventKind::Opened => assert!(self.rooms.insert(room, Vec::new()).is_none()),
            RoomEventKind::Joined(member) => {
                let members = self.rooms.get_mut(&room).expect("the room is open");
                assert!(members.iter().all(|other| other.id != member.id));
                members.push(member.clone());
            }
            RoomEventKind::Away(peer) => member(self, *peer, &|it| it.status = Status::Away),
            RoomEventKind::Resumed { member: now, .. } => {
                member(self, now.id, &|it| *it = now.clone());
            }
            RoomEventKind::Updated { peer, meta } => {
                member(self, *peer, &|it| it.meta = meta.clone());
            }
            RoomEventKind::Permissions { peer, permissions } => {
                member(self, *peer, &|it| it.permissions = *permissions);
            }
            RoomEventKind::Knock(member) => match place(member.id) {
                Some(at) => waiting[at] = member.clone(),
                None => waiting.push(member.clone()),
            },
            RoomEventKind::Admitted(peer) | RoomEventKind::KnockGone { peer, .. } => {
                let at = place(*peer).expect("it has knocked");
                waiting.remove(at);
            }
            RoomEventKind::Locked(locked) => _ = self.locked.insert(room, *locked),
            RoomEventKind::Lobby(enabled) => _ = self.lobby.insert(room, *enabled),
            RoomEventKind::Left { member, .. } => {
                let members = self.rooms.get_mut(&room).expect("the room is open");
                let at = members.iter().position(|it| it.id == member.id).expect("a member");
                assert_eq!(&members.remove(at), member, "as it was");
            }
            RoomEventKind::Closed => assert_eq!(self.rooms.remove(&room), Some(Vec::new())),
            RoomEventKind::Refused { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}
