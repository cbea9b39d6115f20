//! The events of rooms: who reads them knows the rooms.

use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    pin::pin,
    sync::{Arc, mpsc},
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

use meet_signal_core::{
    AppData, Events, Grant, Hub, JoinRequest, Lagged, LeaveReason, Limits, MemberInfo, Meta,
    PeerId, Permissions, Resumed, RoomEvent, RoomEventKind, RoomId, RoomSnapshot, Session, Status,
};
use proptest::prelude::*;

/// The next event, if there is one already.
fn next(events: &mut Events) -> Option<Result<RoomEvent, Lagged>> {
    let next = pin!(events.next());
    match next.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(event) => Some(event),
        Poll::Pending => None,
    }
}

/// The rooms, as a reader of events computes them.
#[derive(Default)]
struct View {
    rooms: BTreeMap<String, Vec<MemberInfo>>,
    numbers: BTreeMap<String, u64>,
    locked: BTreeMap<String, bool>,
}

impl View {
    fn reset(&mut self, rooms: Vec<RoomSnapshot>) {
        *self = Self::default();
        for RoomSnapshot { room, number, locked, members, .. } in rooms {
            self.numbers.insert(room.to_string(), number);
            self.locked.insert(room.to_string(), locked);
            self.rooms.insert(room.to_string(), members);
        }
    }

    fn read(&mut self, event: &RoomEvent) {
        let room = event.room.to_string();
        if let RoomEventKind::Refused { .. } = event.kind
            && event.number == 0
        {
            return;
        }
        let number = self.numbers.entry(room.clone()).or_insert(event.number - 1);
        if event.number == 1 {
            *number = 0;
        }
        *number += 1;
        assert_eq!(event.number, *number, "{event:?}");
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
            RoomEventKind::Locked(locked) => _ = self.locked.insert(room, *locked),
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

#[derive(Debug, Clone, Copy)]
enum Step {
    Join {
        room: usize,
        identity: Option<u8>,
        replaces: Option<usize>,
    },
    Leave(usize),
    /// The task that holds the session ends, or panics.
    Drop {
        session: usize,
        panics: bool,
    },
    Away(usize),
    Resume(usize),
    Update(usize, u8),
    Moderate {
        session: usize,
        what: u8,
    },
    Close(usize),
    Read,
}

fn step() -> impl Strategy<Value = Step> {
    let session = || 0..12_usize;
    prop_oneof![
        6 => (0..3_usize, proptest::option::of(0..3_u8), proptest::option::of(session()))
            .prop_map(|(room, identity, replaces)| Step::Join { room, identity, replaces }),
        2 => session().prop_map(Step::Leave),
        2 => (session(), prop::bool::weighted(0.2))
            .prop_map(|(session, panics)| Step::Drop { session, panics }),
        3 => session().prop_map(Step::Away),
        3 => session().prop_map(Step::Resume),
        2 => (session(), any::<u8>()).prop_map(|(session, n)| Step::Update(session, n)),
        3 => (session(), 0..6_u8).prop_map(|(session, what)| Step::Moderate { session, what }),
        1 => (0..3_usize).prop_map(Step::Close),
        3 => Just(Step::Read),
    ]
}

/// A session and its ticket.
struct Held {
    session: Session,
    ticket: String,
}

fn welcome(session: &Session) -> serde_json::Value {
    let mut batch = Vec::new();
    let _ = session.poll_drain(&Context::from_waker(Waker::noop()), 1, &mut batch);
    batch.first().map_or_else(Default::default, |frame| {
        serde_json::from_str(frame.as_str()).expect("a frame is JSON")
    })
}

fn take(hub: &Hub, sessions: &mut Vec<Option<Held>>, rooms: &[RoomId], step: Step) {
    let now = Instant::now();
    let held = |sessions: &Vec<Option<Held>>, at: usize| {
        sessions
            .get(at)
            .and_then(Option::as_ref)
            .map(|held| (held.session.room().clone(), held.session.id(), held.ticket.clone()))
    };
    match step {
        Step::Join { room, identity, replaces } => {
            let mut grant = Grant::new();
            if let Some(identity) = identity {
                grant = grant.identity(identity.to_string());
            }
            let ticket = replaces.and_then(|at| held(sessions, at)).map(|(.., ticket)| ticket);
            let request = JoinRequest::default().replaces(ticket.as_deref());
            if let Ok(session) = hub.join(rooms[room].clone(), request, &grant, now) {
                let ticket = welcome(&session)["ticket"].as_str().expect("a ticket").to_owned();
                sessions.push(Some(Held { session, ticket }));
            }
        }
        Step::Leave(at) => {
            if let Some(held) = sessions.get_mut(at).and_then(Option::take) {
                held.session.leave(LeaveReason::Left);
            }
        }
        Step::Drop { session, panics } => {
            let held = sessions.get_mut(session).and_then(Option::take);
            if panics {
                let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    let _held = held;
                    std::panic::resume_unwind(Box::new(()));
                }));
                assert!(unwound.is_err());
            }
        }
        Step::Away(at) => {
            if let Some(Some(held)) = sessions.get(at) {
                held.session.away(now);
            }
        }
        Step::Resume(at) => {
            let Some((room, id, ticket)) = held(sessions, at) else { return };
            let identity =
                hub.roster(&room).iter().find(|it| it.id == id).map(|it| it.identity.clone());
            let mut grant = Grant::new().data(AppData::new(&at).expect("JSON"));
            if let Some(Some(identity)) = identity {
                grant = grant.identity(identity.as_str());
            }
            let resumed = if at % 2 == 0 {
                hub.resume(&room, &ticket, 0, now)
            } else {
                hub.resume_with_grant(&room, &ticket, 0, &grant, now)
            };
            if let Ok(session) = resumed {
                sessions[at] = Some(Held { session, ticket });
            }
        }
        Step::Update(at, n) => {
            if let Some(Some(held)) = sessions.get_mut(at) {
                let _ = held.session.receive(&format!(r#"{{"type":"update","meta":{n}}}"#), now);
            }
        }
        Step::Moderate { session, what } => {
            let Some((room, peer, _)) = held(sessions, session) else { return };
            match what {
                0 => drop(hub.remove(&room, peer, None)),
                1 => drop(hub.set_permissions(&room, peer, Permissions::NONE)),
                2 => drop(hub.set_meta(&room, peer, Meta::new(&"set").expect("JSON"))),
                3 => drop(hub.ban(&room, "1", Duration::from_millis(1), None)),
                4 => hub.lock(&room, true),
                _ => hub.lock(&room, false),
            }
        }
        Step::Close(room) => _ = hub.close_room(&rooms[room]),
        Step::Read => unreachable!("the test reads"),
    }
}

proptest! {
    /// Whatever happens, a reader that has read all events knows the members of all rooms: also one
    /// that has missed some, and however sessions end. The numbers have no gaps.
    #[test]
    fn events_lead_to_the_rosters(
        before in proptest::collection::vec(step(), 0..20),
        steps in proptest::collection::vec(step(), 1..60),
        capacity in 1..64_usize,
    ) {
        let limits = Limits::builder().events(capacity).room_peers(4).build().expect("valid");
        let hub = Hub::new(limits);
        let rooms: Vec<RoomId> = ["a", "b", "c"].map(|name| name.parse().expect("a name")).into();
        let mut sessions = Vec::new();
        for step in before {
            if !matches!(step, Step::Read) {
                take(&hub, &mut sessions, &rooms, step);
            }
        }
        let (snapshots, mut events) = hub.events();
        let mut view = View::default();
        view.reset(snapshots);
        for step in steps.into_iter().chain([Step::Read]) {
            if !matches!(step, Step::Read) {
                take(&hub, &mut sessions, &rooms, step);
                continue;
            }
            while let Some(event) = next(&mut events) {
                match event {
                    Ok(event) => view.read(&event),
                    Err(lagged) => {
                        prop_assert!(lagged.missed > 0);
                        view.reset(lagged.rooms);
                    }
                }
            }
            for room in &rooms {
                let members = view.rooms.get(room.as_str()).cloned().unwrap_or_default();
                prop_assert_eq!(members, hub.roster(room));
            }
        }
    }
}

#[test]
fn a_stay_is_told_with_its_length_and_who_it_was() {
    let (hub, room): (_, RoomId) = (Hub::default(), "standup".parse().unwrap());
    let (_, mut events) = hub.events();
    let (start, hour) = (Instant::now(), Duration::from_secs(3600));
    let grant = Grant::new().identity("ada");
    let session = hub.join(room.clone(), JoinRequest::default(), &grant, start - hour).unwrap();
    let id = session.id();
    let other = hub.join(room.clone(), JoinRequest::default(), &Grant::new(), start).unwrap();
    session.leave(LeaveReason::Left);
    let longest = start.elapsed() + hour;
    drop(other);
    let mut kinds = HashMap::new();
    for number in 1..=6 {
        let event = next(&mut events).unwrap().unwrap();
        assert_eq!((&event.room, event.number), (&room, number));
        kinds.insert(number, event.kind.clone());
    }
    assert_eq!(kinds[&1], RoomEventKind::Opened);
    assert_eq!(kinds[&6], RoomEventKind::Closed);
    let RoomEventKind::Left { stay, .. } = &kinds[&5] else { panic!("{kinds:?}") };
    assert!(*stay <= start.elapsed());
    let RoomEventKind::Left { member, reason, stay } = &kinds[&4] else { panic!("{kinds:?}") };
    assert_eq!((member.id, member.identity.as_ref()), (id, Some(&"ada".into())));
    assert_eq!(*reason, LeaveReason::Left);
    assert!((hour..=longest).contains(stay));
    assert!(next(&mut events).is_none());
}

#[test]
fn a_resume_is_told_once_however_the_older_connection_was() {
    let (hub, room): (_, RoomId) = (Hub::default(), "standup".parse().unwrap());
    let now = Instant::now();
    let session = hub.join(room.clone(), JoinRequest::default(), &Grant::new(), now).unwrap();
    let ticket = welcome(&session)["ticket"].as_str().unwrap().to_owned();
    let (snapshots, mut events) = hub.events();
    assert_eq!(snapshots[0].members[0].id, session.id());
    let peer = session.id();
    let again = hub.resume(&room, &ticket, 0, now).unwrap();
    again.away(now);
    let last = hub.resume(&room, &ticket, 0, now).unwrap();
    let member = snapshots[0].members[0].clone();
    let resumed = RoomEventKind::Resumed { member, resumed: Resumed::Full };
    for expected in [resumed.clone(), RoomEventKind::Away(peer), resumed] {
        assert_eq!(next(&mut events).unwrap().unwrap().kind, expected);
    }
    assert!(next(&mut events).is_none());
    drop(last);
}

#[test]
fn a_slow_reader_is_told_how_much_it_has_missed() {
    let hub = Hub::new(Limits::builder().events(4).build().unwrap());
    let (_, mut events) = hub.events();
    let join = |name: &str| {
        let room = name.parse().unwrap();
        hub.join(room, JoinRequest::default(), &Grant::new(), Instant::now()).unwrap()
    };
    // Two events each.
    let sessions = ["a", "b", "c", "d", "e"].map(join);
    let first = next(&mut events).unwrap().unwrap_err();
    assert_eq!((first.missed, first.rooms.len()), (10, 5));
    assert!(next(&mut events).is_none());
    drop(sessions);
    let session = join("f");
    let second = next(&mut events).unwrap().unwrap_err();
    assert_eq!((second.missed, second.rooms.len()), (12, 1));
    drop(session);
    let left = next(&mut events).unwrap().unwrap();
    assert!(matches!(left.kind, RoomEventKind::Left { .. }), "{left:?}");
}

/// Uses the hub inside of `wake`, as a single-threaded executor without a queue may.
struct Inline(Hub, mpsc::Sender<Vec<RoomId>>);

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        let room = |name: &str| name.parse().expect("a name");
        self.0.lock(&room("a"), true);
        self.0.lock(&room("b"), true);
        self.1.send(self.0.rooms()).expect("the test waits");
    }
}

#[test]
fn a_waker_of_a_reader_may_use_the_hub() {
    let (hub, room): (_, RoomId) = (Hub::default(), "a".parse().unwrap());
    let (_, mut events) = hub.events();
    let (woken, wakes) = mpsc::channel();
    let waker = Waker::from(Arc::new(Inline(hub.clone(), woken)));
    {
        let next = pin!(events.next());
        assert!(next.poll(&mut Context::from_waker(&waker)).is_pending());
        let join = JoinRequest::default();
        let session = hub.join(room.clone(), join, &Grant::new(), Instant::now()).unwrap();
        assert_eq!(wakes.recv(), Ok(vec![room.clone()]));
        drop(session);
    }
    let mut told = Vec::new();
    while let Some(event) = next(&mut events) {
        let event = event.unwrap();
        if event.room == room {
            told.push((event.number, event.kind.clone()));
        }
    }
    let numbers: Vec<_> = told.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert_eq!(told[0].1, RoomEventKind::Opened);
    assert_eq!(told[2].1, RoomEventKind::Locked(true));
}

/// Several threads change one room, and each event comes once and in its order.
#[test]
fn events_of_several_threads_come_in_their_order() {
    let room: RoomId = "a".parse().unwrap();
    let limits = Limits::builder().room_joins_per_minute(1_000_000).events(100_000);
    let hub = Hub::new(limits.build().unwrap());
    let (_, mut events) = hub.events();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let join = JoinRequest::default();
                    let grant = Grant::new();
                    drop(hub.join(room.clone(), join, &grant, Instant::now()).unwrap());
                }
            });
        }
    });
    let mut view = View::default();
    let mut joins = 0;
    while let Some(event) = next(&mut events) {
        let event = event.unwrap();
        joins += usize::from(matches!(event.kind, RoomEventKind::Joined(_)));
        view.read(&event);
    }
    assert_eq!(joins, 2_000);
    assert!(view.rooms.is_empty());
}
