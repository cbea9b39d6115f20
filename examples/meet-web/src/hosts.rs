//! The host of each room, after the first one has left.

use meet_signal_core::{Hub, MemberInfo, RoomEventKind, RoomId, Status};

/// Makes the member that has been in a room for the longest time its host when no other member may
/// moderate, for as long as it runs. A host that is away or reloads the page stays host.
pub async fn appoint_hosts(hub: Hub) {
    let (rooms, mut events) = hub.events();
    for room in rooms {
        appoint(&hub, &room.room);
    }
    loop {
        match events.next().await {
            Ok(event) if may_end_moderation(&event.kind) => appoint(&hub, &event.room),
            Ok(_) => {}
            Err(lagged) => {
                for room in lagged.rooms {
                    appoint(&hub, &room.room);
                }
            }
        }
    }
}

/// An event is only the reason to look: the roster of now decides, so an event that comes late, or
/// twice, does no harm.
fn appoint(hub: &Hub, room: &RoomId) {
    loop {
        let members = hub.roster(room);
        if members.iter().any(|member| member.permissions.moderate) {
            return;
        }
        let Some(next) = successor(&members) else { return };
        // It may have left since. Another one is next then.
        if hub.set_permissions(room, next.id, next.permissions.moderate(true)).is_ok() {
            return;
        }
    }
}

/// The first of those who are there; if all are away, the first of them.
fn successor(members: &[MemberInfo]) -> Option<&MemberInfo> {
    members.iter().find(|member| member.status == Status::Here).or_else(|| members.first())
}

fn may_end_moderation(kind: &RoomEventKind) -> bool {
    match kind {
        RoomEventKind::Left { member, .. } => member.permissions.moderate,
        RoomEventKind::Permissions { permissions, .. } => !permissions.moderate,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        task::{Context, Waker},
        thread,
        time::{Duration, Instant},
    };

    use meet_signal_core::{Events, Grant, JoinRequest, Limits, PeerId, Permissions, Session};
    use serde_json::Value;
    use tokio::time::timeout;

    use super::*;

    fn room(name: &str) -> RoomId {
        name.parse().unwrap()
    }

    fn join(hub: &Hub, name: &str) -> Session {
        let grant = Grant::new().opener(Permissions::default().moderate(true));
        hub.join(room(name), JoinRequest::default(), &grant, Instant::now()).unwrap()
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
        let mut context = Context::from_waker(Waker::noop());
        assert!(session.poll_drain(&mut context, usize::MAX, &mut frames).is_ready());
        serde_json::from_str(frames[0].as_str()).unwrap()
    }

    #[tokio::test]
    async fn the_longest_member_is_host_when_the_host_has_left() {
        let hub = Hub::default();
        let (_, mut events) = hub.events();
        tokio::spawn(appoint_hosts(hub.clone()));
        let (ada, bob, cleo) = (join(&hub, "a"), join(&hub, "a"), join(&hub, "a"));
        let (other, _guest) = (join(&hub, "b"), join(&hub, "b"));
        assert_eq!(hosts(&hub, "a"), [ada.id()]);
        drop(ada);
        assert_eq!(one_host(&hub, "a", &mut events).await, bob.id());
        // Who is there goes before who has been there longer.
        let dan = join(&hub, "a");
        cleo.away(Instant::now());
        drop(bob);
        assert_eq!(one_host(&hub, "a", &mut events).await, dan.id());
        drop(dan);
        assert_eq!(one_host(&hub, "a", &mut events).await, cleo.id());
        assert_eq!(hosts(&hub, "b"), [other.id()]);
    }

    #[tokio::test]
    async fn a_host_that_is_away_or_reloads_stays_host() {
        let hub = Hub::default();
        let (_, mut events) = hub.events();
        tokio::spawn(appoint_hosts(hub.clone()));
        let (ada, mut bob) = (join(&hub, "a"), join(&hub, "a"));
        ada.away(Instant::now());
        let reload = |session: &Session| {
            let ticket = welcome(session)["ticket"].as_str().unwrap().to_owned();
            let request = JoinRequest::default().replaces(Some(&ticket));
            hub.join(room("a"), request, &Grant::new(), Instant::now()).unwrap()
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

    #[tokio::test]
    async fn a_room_has_a_host_that_has_given_up_moderation() {
        let hub = Hub::default();
        let (_, mut events) = hub.events();
        let (ada, _bob) = (join(&hub, "a"), join(&hub, "a"));
        // Before the task runs.
        hub.set_permissions(&room("a"), ada.id(), Permissions::default()).unwrap();
        tokio::spawn(appoint_hosts(hub.clone()));
        for _ in 0..3 {
            assert_eq!(one_host(&hub, "a", &mut events).await, ada.id());
            hub.set_permissions(&room("a"), ada.id(), Permissions::default()).unwrap();
        }
    }

    /// Members join and leave on several threads, each as soon as it can, while hosts are appointed. With
    /// a queue of one event, the task misses most of them.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_room_is_without_a_host_whoever_leaves_when() {
        for events in [1, 4096] {
            let limits = Limits::builder().events(events).room_joins_per_minute(1_000_000);
            let hub = Hub::new(limits.build().unwrap());
            let task = tokio::spawn(appoint_hosts(hub.clone()));
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
