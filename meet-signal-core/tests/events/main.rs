//! The events of rooms: who reads them knows the rooms.

mod steps;
mod view;

use std::{
    collections::HashMap,
    future::Future,
    pin::pin,
    sync::{Arc, mpsc},
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

use meet_signal_core::{
    Events, Grant, Hub, JoinRequest, Lagged, LeaveReason, Limits, Resumed, RoomEvent,
    RoomEventKind, RoomId,
};
use proptest::prelude::*;

use steps::{Step, step, take, welcome};
use view::View;

/// The next event, if there is one already.
fn next(events: &mut Events) -> Option<Result<RoomEvent, Lagged>> {
    let next = pin!(events.next());
    match next.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(event) => Some(event),
        Poll::Pending => None,
    }
}

proptest! {
    /// Whatever happens, a reader that has read all events knows the members of all rooms and who
    /// waits in their lobbies: also one that has missed some, and however sessions end. The numbers
    /// have no gaps.
    #[test]
    fn events_lead_to_the_rosters(
        before in proptest::collection::vec(step(), 0..20),
        steps in proptest::collection::vec(step(), 1..60),
        capacity in 1..64_usize,
    ) {
        let limits = Limits::builder().events(capacity).room_peers(4).lobby_peers(3);
        let hub = Hub::new(limits.build().expect("valid"));
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
                view.assert_is(room, &hub);
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
