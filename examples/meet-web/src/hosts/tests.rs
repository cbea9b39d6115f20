use std::{
    task::{Context, Waker},
    thread, time,
};

use meet_signal_core::{Events, Grant, JoinRequest, Limits, PeerId, Permissions, Session};
use serde_json::Value;
use tokio::{
    task::yield_now,
    time::{advance, timeout},
};

use super::*;

fn room(name: &str) -> RoomId {
    name.parse().unwrap()
}

fn join(hub: &Hub, name: &str) -> Session {
    let grant = Grant::new().opener(Permissions::default().moderate(true));
    hub.join(room(name), JoinRequest::default(), &grant, time::Instant::now()).unwrap()
}

/// As this browser, which may have been host before.
fn join_as(hosts: &Hosts, identity: &str) -> Session {
    let is_host = hosts.readmits(&room("a"), &identity.into());
    let permissions = Permissions::default().moderate(is_host);
    let mut grant = Grant::new().identity(identity).permissions(permissions);
    if is_host {
        grant = grant.passes_lock();
    } else if !hosts.awaits_host(&room("a")) {
        grant = grant.opener(Permissions::default().moderate(true));
    }
    hosts.hub.join(room("a"), JoinRequest::default(), &grant, time::Instant::now()).unwrap()
}

fn hosts(hub: &Hub, name: &str) -> Vec<PeerId> {
    let members = hub.roster(&room(name));
    let hosts = members.into_iter().filter(|member| member.permissions.moderate);
    hosts.map(|member| member.id).collect()
}

/// Waits for an event after which a room has one host.
async fn one_host(hub: &Hub, name: &str, events: &mut Events) -> PeerId {
    let wait = async {
        loop {
            if let [host] = hosts(hub, name)[..] {
                return host;
            }
            let _ = events.next().await;
        }
    };
    timeout(Duration::from_secs(30), wait).await.expect("a host")
}

/// The welcome of a session, with its ticket.
fn welcome(session: &Session) -> Value {
    let mut frames = Vec::new();
    let context = Context::from_waker(Waker::noop());
    assert!(session.poll_drain(&context, usize::MAX, &mut frames).is_ready());
    serde_json::from_str(frames[0].as_str()).unwrap()
}

/// The hosts of a new hub, whose task runs, and the events that follow.
async fn start() -> (Hosts, Events) {
    let hosts = Hosts::new(Hub::default());
    let (_, events) = hosts.hub.events();
    tokio::spawn(hosts.clone().appoint());
    yield_now().await;
    (hosts, events)
}

#[tokio::test(start_paused = true)]
async fn the_longest_member_is_host_when_the_host_has_left() {
    let hub = Hub::default();
    let (_, mut events) = hub.events();
    tokio::spawn(Hosts::new(hub.clone()).appoint());
    let (ada, bob, cleo) = (join(&hub, "a"), join(&hub, "a"), join(&hub, "a"));
    let (other, _guest) = (join(&hub, "b"), join(&hub, "b"));
    assert_eq!(hosts(&hub, "a"), [ada.id()]);
    drop(ada);
    assert_eq!(one_host(&hub, "a", &mut events).await, bob.id());
    // Who is there goes before who has been there longer.
    let dan = join(&hub, "a");
    cleo.away(time::Instant::now());
    drop(bob);
    assert_eq!(one_host(&hub, "a", &mut events).await, dan.id());
    drop(dan);
    assert_eq!(one_host(&hub, "a", &mut events).await, cleo.id());
    assert_eq!(hosts(&hub, "b"), [other.id()]);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_away_or_reloads_stays_host() {
    let hub = Hub::default();
    let (_, mut events) = hub.events();
    tokio::spawn(Hosts::new(hub.clone()).appoint());
    let (ada, mut bob) = (join(&hub, "a"), join(&hub, "a"));
    ada.away(time::Instant::now());
    let reload = |session: &Session| {
        let ticket = welcome(session)["ticket"].as_str().unwrap().to_owned();
        let request = JoinRequest::default().replaces(Some(&ticket));
        hub.join(room("a"), request, &Grant::new(), time::Instant::now()).unwrap()
    };
    // One that became host later, as well.
    drop(ada);
    assert_eq!(one_host(&hub, "a", &mut events).await, bob.id());
    let cleo = join(&hub, "a");
    for _ in 0..3 {
        bob = reload(&bob);
        assert_eq!(hosts(&hub, "a"), [bob.id()]);
    }
    // After these events, the task has seen the others.
    drop(bob);
    assert_eq!(one_host(&hub, "a", &mut events).await, cleo.id());
}

#[tokio::test(start_paused = true)]
async fn a_room_has_a_host_that_has_given_up_moderation() {
    let hub = Hub::default();
    let (_, mut events) = hub.events();
    let (ada, _bob) = (join(&hub, "a"), join(&hub, "a"));
    // Before the task runs.
    hub.set_permissions(&room("a"), ada.id(), Permissions::default()).unwrap();
    tokio::spawn(Hosts::new(hub.clone()).appoint());
    for _ in 0..3 {
        assert_eq!(one_host(&hub, "a", &mut events).await, ada.id());
        hub.set_permissions(&room("a"), ada.id(), Permissions::default()).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_reloads_slowly_or_comes_back_is_host() {
    let (hosts, mut events) = start().await;
    let hub = &hosts.hub;
    let (ada, bob) = (join_as(&hosts, "ada"), join_as(&hosts, "bob"));
    hub.lock(&room("a"), true);
    drop(ada);
    advance(RELOAD_TIME - Duration::from_millis(100)).await;
    yield_now().await;
    assert_eq!(self::hosts(hub, "a"), []);
    // A locked room takes nobody new, but it takes its host.
    let ada = join_as(&hosts, "ada");
    assert_eq!(self::hosts(hub, "a"), [ada.id()]);
    advance(RELOAD_TIME).await;
    yield_now().await;
    assert_eq!(self::hosts(hub, "a"), [ada.id()]);

    drop(ada);
    assert_eq!(one_host(hub, "a", &mut events).await, bob.id());
    let ada = join_as(&hosts, "ada");
    assert_eq!(self::hosts(hub, "a"), [bob.id(), ada.id()]);
    // Another tab of it.
    let tab = join_as(&hosts, "ada");
    assert_eq!(self::hosts(hub, "a"), [bob.id(), ada.id(), tab.id()]);
    drop((ada, tab));
    yield_now().await;
    advance(RETURN_TIME).await;
    hub.lock(&room("a"), false);
    let _ada = join_as(&hosts, "ada");
    assert_eq!(self::hosts(hub, "a"), [bob.id()]);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_was_removed_does_not_come_back_as_one() {
    let (hosts, mut events) = start().await;
    let hub = &hosts.hub;
    let (ada, bob) = (join_as(&hosts, "ada"), join_as(&hosts, "bob"));
    hub.remove(&room("a"), ada.id(), None).unwrap();
    assert_eq!(one_host(hub, "a", &mut events).await, bob.id());
    let _ada = join_as(&hosts, "ada");
    assert_eq!(self::hosts(hub, "a"), [bob.id()]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_room_is_not_locked() {
    let (hosts, mut events) = start().await;
    let hub = &hosts.hub;
    let ada = join(hub, "a");
    hub.lock(&room("a"), true);
    drop(ada);
    while events.next().await.unwrap().kind != RoomEventKind::Locked(false) {}
    let bob = join(hub, "a");
    assert_eq!(self::hosts(hub, "a"), [bob.id()]);
}

#[tokio::test(start_paused = true)]
async fn who_was_host_of_an_earlier_meeting_is_not_host_of_the_next_one() {
    let (hosts, _events) = start().await;
    let hub = &hosts.hub;
    drop(join_as(&hosts, "mallory"));
    yield_now().await;
    // While its host may reload the page, nobody else opens the room.
    let bob = join_as(&hosts, "bob");
    assert_eq!(self::hosts(hub, "a"), []);
    drop(bob);
    yield_now().await;
    advance(EMPTY_TIME + RELOAD_TIME).await;
    yield_now().await;
    let ada = join_as(&hosts, "ada");
    assert_eq!(self::hosts(hub, "a"), [ada.id()]);
    let _mallory = join_as(&hosts, "mallory");
    assert_eq!(self::hosts(hub, "a"), [ada.id()]);
}

#[tokio::test(start_paused = true)]
async fn a_room_stays_locked_for_others_while_its_host_comes_back() {
    let (hosts, mut events) = start().await;
    let hub = &hosts.hub;
    let (ada, bob) = (join_as(&hosts, "ada"), join_as(&hosts, "bob"));
    drop(ada);
    assert_eq!(one_host(hub, "a", &mut events).await, bob.id());
    hub.lock(&room("a"), true);
    let ada = join_as(&hosts, "ada");
    assert_eq!(self::hosts(hub, "a"), [bob.id(), ada.id()]);
    let snapshot = hub.events().0.remove(0);
    assert!(snapshot.locked);
    // Who may not moderate any more is no host on another page, either.
    hub.set_permissions(&room("a"), ada.id(), Permissions::default()).unwrap();
    while !matches!(events.next().await.unwrap().kind, RoomEventKind::Permissions { .. }) {}
    yield_now().await;
    assert!(!hosts.readmits(&room("a"), &"ada".into()));
}

#[tokio::test(start_paused = true)]
async fn who_waits_without_anybody_is_let_in_when_the_host_does_not_come_back() {
    let (hosts, mut events) = start().await;
    let hub = &hosts.hub;
    let ada = join_as(&hosts, "ada");
    hub.set_lobby(&room("a"), true);
    let bob = join_as(&hosts, "bob");
    assert_eq!(hub.waiting(&room("a")).len(), 1);
    drop(ada);
    assert_eq!(one_host(hub, "a", &mut events).await, bob.id());
}

/// Members join and leave on several threads, each as soon as it can, while hosts are appointed. With
/// a queue of one event, the task misses most of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_room_stays_without_a_host() {
    for events in [1, 4096] {
        let limits = Limits::builder().events(events).room_joins_per_minute(1_000_000);
        let hub = Hub::new(limits.build().unwrap());
        let hosts = Hosts { reload_time: Duration::ZERO, ..Hosts::new(hub.clone()) };
        let task = tokio::spawn(hosts.appoint());
        let (_, mut events) = hub.events();
        for _ in 0..20 {
            let threads: Vec<_> = (0..3)
                .map(|_| {
                    let hub = hub.clone();
                    thread::spawn(move || {
                        let mut last = join(&hub, "a");
                        for _ in 0..20 {
                            let next = join(&hub, "a");
                            drop(std::mem::replace(&mut last, next));
                        }
                        last
                    })
                })
                .collect();
            let members: Vec<_> = threads.into_iter().map(|all| all.join().unwrap()).collect();
            let host = one_host(&hub, "a", &mut events).await;
            assert!(members.iter().any(|member| member.id() == host));
        }
        assert!(!task.is_finished());
        task.abort();
    }
}
