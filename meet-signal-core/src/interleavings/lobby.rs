//! The lobby, and identities that may be in a room once.

use std::{future::poll_fn, time::Instant};

use loom::{future::block_on, thread};
use serde_json::Value;

use super::harness::{frames, in_every_order, in_most_orders, is_open, kinds, room};
use crate::{
    CloseReason, Duplicates, Grant, Hub, JoinError, JoinRequest, LeaveReason, Limits,
    ModerationError, Permissions, Session, hub::ResumeRequest, inbound::InboundLimiter,
};

/// A hub whose room has a lobby.
fn hub() -> Hub {
    let hub = Hub::default();
    hub.set_lobby(&room(), true);
    hub
}

fn enter(hub: &Hub, grant: &Grant) -> Result<Session, JoinError> {
    hub.join(room(), JoinRequest::default(), grant, Instant::now())
}

/// A peer that waits, and its ticket.
fn knock(hub: &Hub) -> (Session, String) {
    let session = enter(hub, &Grant::new()).expect("there is a place");
    let waiting = frames(&session);
    (session, waiting[0]["ticket"].as_str().expect("a ticket").to_owned())
}

fn moderator(hub: &Hub) -> (Session, Value) {
    let grant = Grant::new().permissions(Permissions::default().moderate(true));
    let session = enter(hub, &grant).expect("there is a place");
    let welcome = frames(&session).into_iter().next().expect("a welcome");
    (session, welcome)
}

/// Waits for the frames up to a welcome.
fn until_welcome(session: &Session) -> Vec<Value> {
    let mut read = Vec::new();
    while read.last().is_none_or(|last: &Value| last["type"] != "welcome") {
        let mut batch = Vec::new();
        let drained = block_on(poll_fn(|cx| session.poll_drain(cx, usize::MAX, &mut batch)));
        drained.expect("it is open");
        let frame = |text: &str| serde_json::from_str::<Value>(text).expect("frames are JSON");
        read.extend(batch.iter().map(|it| frame(it.as_str())));
    }
    read
}

fn assert_empty(hub: &Hub) {
    assert_eq!((hub.rooms().len(), hub.waiting(&room()).len(), hub.sessions()), (0, 0, 0));
}

#[test]
fn a_knock_and_its_end_against_an_admission() {
    in_every_order(|| {
        let hub = hub();
        let (host, _) = moderator(&hub);
        let knocker = thread::spawn({
            let hub = hub.clone();
            move || drop(enter(&hub, &Grant::new()).expect("there is a place"))
        });
        let admitted = hub.admit_all(&room()).expect("there is a place");
        knocker.join().unwrap();
        let expected = match admitted {
            0 => vec!["knock", "knockGone"],
            _ => vec!["knock", "knockGone", "joined", "left"],
        };
        assert_eq!(kinds(&host), expected);
        drop(host);
        assert_empty(&hub);
    });
}

#[test]
fn an_admission_against_a_denial() {
    in_every_order(|| {
        let hub = hub();
        let (host, _) = moderator(&hub);
        let (waiting, _) = knock(&hub);
        let peer = waiting.id();
        let denier = thread::spawn({
            let hub = hub.clone();
            move || hub.deny(&room(), peer, None)
        });
        let admitted = hub.admit(&room(), peer);
        let denied = denier.join().unwrap();
        let told = kinds(&host);
        match (admitted, denied) {
            (Ok(()), Err(ModerationError::NoSuchPeer)) => {
                assert_eq!(told, ["knock", "knockGone", "joined"]);
                assert_eq!(kinds(&waiting), ["welcome"]);
                assert!(is_open(&waiting));
            }
            (Err(ModerationError::NoSuchPeer), Ok(())) => {
                assert_eq!(told, ["knock", "knockGone"]);
                let end = block_on(poll_fn(|cx| waiting.poll_closed(cx)));
                assert_eq!(end, CloseReason::NotAdmitted { reason: None });
            }
            both => panic!("{both:?}"),
        }
        drop((host, waiting));
        assert_empty(&hub);
    });
}

#[test]
fn an_admission_against_the_end_of_the_grace() {
    in_every_order(|| {
        let hub = hub();
        let (waiting, _) = knock(&hub);
        let peer = waiting.id();
        waiting.away(Instant::now());
        let ender = thread::spawn(move || waiting.leave(LeaveReason::Timeout));
        let admitted = hub.admit(&room(), peer);
        ender.join().unwrap();
        assert!(matches!(admitted, Ok(()) | Err(ModerationError::NoSuchPeer)), "{admitted:?}");
        assert_empty(&hub);
    });
}

/// A moderator finds the peer in its welcome, or hears of it later: once.
#[test]
fn a_knock_against_the_join_of_a_moderator() {
    in_every_order(|| {
        let hub = hub();
        let knocker = thread::spawn({
            let hub = hub.clone();
            move || knock(&hub)
        });
        let (host, welcome) = moderator(&hub);
        let (waiting, _) = knocker.join().unwrap();
        let listed = welcome["knocking"].as_array().map_or(0, Vec::len);
        assert_eq!(kinds(&host), vec!["knock"; 1 - listed]);
        drop((host, waiting));
        assert_empty(&hub);
    });
}

/// The welcome may replace a `waiting` that was not sent yet, and wakes the connection.
#[test]
fn an_admission_wakes_the_connection_of_a_peer_that_waits() {
    in_every_order(|| {
        let hub = hub();
        let waiting = enter(&hub, &Grant::new()).expect("there is a place");
        let peer = waiting.id();
        let admitter = thread::spawn({
            let hub = hub.clone();
            move || hub.admit(&room(), peer).expect("it waits")
        });
        let read = until_welcome(&waiting);
        assert!(read.len() == 1 || (read.len() == 2 && read[0]["type"] == "waiting"), "{read:?}");
        assert_eq!(read.last().expect("a welcome")["resumed"], "no");
        admitter.join().unwrap();
    });
}

#[test]
fn an_admission_against_a_resume_of_the_wait() {
    in_every_order(|| {
        let hub = hub();
        let (older, ticket) = knock(&hub);
        let peer = older.id();
        let admitter = thread::spawn({
            let hub = hub.clone();
            move || hub.admit(&room(), peer).expect("it waits")
        });
        let now = Instant::now();
        let limiter = InboundLimiter::new(&Limits::default(), now);
        let request = ResumeRequest {
            ticket: &ticket,
            received: None,
            limiter: &limiter,
            address: None,
            grant: None,
        };
        let newer = hub.resume_with(&room(), &request, now).expect("it is there").send();
        let read = until_welcome(&newer);
        admitter.join().unwrap();
        // It goes on waiting and is admitted, or was admitted before: one welcome in any case, of
        // which nothing is missing.
        match read.as_slice() {
            [welcome] => assert!(welcome["resumed"] == "partial" || welcome["resumed"] == "no"),
            [waiting, welcome] => {
                assert_eq!(
                    (&waiting["type"], &welcome["resumed"]),
                    (&"waiting".into(), &"no".into())
                );
            }
            _ => panic!("{read:?}"),
        }
        assert!(kinds(&newer).is_empty() && is_open(&newer) && !is_open(&older));
        drop(newer);
        assert_empty(&hub);
    });
}

/// Three join at once as one user.
fn join_three_times(hub: &Hub, rule: Duplicates) -> Vec<Result<Session, JoinError>> {
    let grant = Grant::new().identity("ada").duplicates(rule);
    let others = [(); 2].map(|()| {
        let (hub, grant) = (hub.clone(), grant.clone());
        thread::spawn(move || enter(&hub, &grant))
    });
    let mut joined = vec![enter(hub, &grant)];
    joined.extend(others.map(|other| other.join().unwrap()));
    joined
}

#[test]
fn of_three_joins_of_an_identity_one_is_accepted() {
    for lobby in [false, true] {
        in_most_orders(move || {
            let hub = if lobby { hub() } else { Hub::default() };
            let joined = join_three_times(&hub, Duplicates::Reject);
            let (accepted, refused): (Vec<_>, Vec<_>) = joined.into_iter().partition(Result::is_ok);
            assert_eq!(accepted.len(), 1);
            assert!(refused.into_iter().all(|it| it.err() == Some(JoinError::Duplicate)));
            assert_eq!(hub.roster(&room()).len() + hub.waiting(&room()).len(), 1);
            assert_eq!(hub.sessions(), 1);
            drop(accepted);
            assert_empty(&hub);
        });
    }
}

#[test]
fn of_three_joins_of_an_identity_the_last_one_stays() {
    for lobby in [false, true] {
        in_most_orders(move || {
            let hub = if lobby { hub() } else { Hub::default() };
            let joined = join_three_times(&hub, Duplicates::Replace);
            let sessions: Vec<_> = joined.into_iter().map(|it| it.expect("a place")).collect();
            assert_eq!(sessions.iter().filter(|session| is_open(session)).count(), 1);
            assert_eq!(hub.roster(&room()).len() + hub.waiting(&room()).len(), 1);
            drop(sessions);
            assert_empty(&hub);
        });
    }
}
