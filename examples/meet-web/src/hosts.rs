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
mod tests {
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
        let hosts = Hosts::new(Hub::default());
        let hub = &hosts.hub;
        let (_, mut events) = hub.events();
        tokio::spawn(hosts.clone().appoint());
        yield_now().await;
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
        let hosts = Hosts::new(Hub::default());
        let hub = &hosts.hub;
        let (_, mut events) = hub.events();
        tokio::spawn(hosts.clone().appoint());
        yield_now().await;
        let (ada, bob) = (join_as(&hosts, "ada"), join_as(&hosts, "bob"));
        hub.remove(&room("a"), ada.id(), None).unwrap();
        assert_eq!(one_host(hub, "a", &mut events).await, bob.id());
        let _ada = join_as(&hosts, "ada");
        assert_eq!(self::hosts(hub, "a"), [bob.id()]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_room_is_not_locked() {
        let hosts = Hosts::new(Hub::default());
        let hub = &hosts.hub;
        let (_, mut events) = hub.events();
        tokio::spawn(hosts.clone().appoint());
        yield_now().await;
        let ada = join(hub, "a");
        hub.lock(&room("a"), true);
        drop(ada);
        while events.next().await.unwrap().kind != RoomEventKind::Locked(false) {}
        let bob = join(hub, "a");
        assert_eq!(self::hosts(hub, "a"), [bob.id()]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_host_of_an_earlier_meeting_is_not_host_of_the_next_one() {
        let hosts = Hosts::new(Hub::default());
        let hub = &hosts.hub;
        tokio::spawn(hosts.clone().appoint());
        yield_now().await;
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
        let hosts = Hosts::new(Hub::default());
        let hub = &hosts.hub;
        let (_, mut events) = hub.events();
        tokio::spawn(hosts.clone().appoint());
        yield_now().await;
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
        let hosts = Hosts::new(Hub::default());
        let hub = &hosts.hub;
        let (_, mut events) = hub.events();
        tokio::spawn(hosts.clone().appoint());
        yield_now().await;
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
}
