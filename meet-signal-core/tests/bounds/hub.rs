//! The limits on all members together, and on those of one address or of one room.

use std::{
    net::IpAddr,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use meet_signal_core::{
    Admission, CloseReason, ErrorCode, Grant, JoinError, JoinRequest, ResumeError, RoomId, Status,
};
use serde_json::json;

use crate::{Member, hub, join, meta, room, try_join};

const KIB: usize = 1024;

fn named(name: &str) -> RoomId {
    name.parse().expect("a name")
}

/// Whether the member's resume is `full`.
fn resumes_full(hub: &meet_signal_core::Hub, member: &Member, now: Instant) -> bool {
    let session = hub.resume(&room(), &member.ticket, 0, now).expect("the session exists");
    Member::new(session).1["resumed"] == "full"
}

#[test]
fn above_the_budget_the_fullest_queues_of_away_sessions_are_emptied_first() {
    // Space for some 512 KiB of queues.
    let hub = hub(|limits| limits.hub_bytes(KIB * KIB).unacknowledged_bytes(0));
    let now = Instant::now();
    let mut talker = join(&hub, now);
    let [small, here] = [join(&hub, now), join(&hub, now)];
    let full: Vec<_> = (0..4).map(|_| join(&hub, now)).collect();
    talker.take_all().unwrap();
    small.session.away(now);
    full.iter().for_each(|member| member.session.away(now));
    talker.signal(&small, "something", now);
    here.take_all().unwrap();
    // A member that is here and does not read comes after all that are away.
    talker.signal(&here, &"x".repeat(60 * KIB), now);
    talker.signal(&here, &"x".repeat(60 * KIB), now);
    for member in &full {
        talker.signal(member, &"x".repeat(60 * KIB), now);
        talker.signal(member, &"x".repeat(50 * KIB), now);
    }
    assert_eq!(talker.errors(), Vec::<String>::new());
    let kept = full.iter().filter(|member| resumes_full(&hub, member, now)).count();
    assert!((1..4).contains(&kept), "{kept}");
    assert!(resumes_full(&hub, &small, now));
    let received = here.take_all().expect("its connection goes on");
    assert_eq!(received.iter().filter(|frame| frame["type"] == "signal").count(), 2);
}

#[test]
fn without_away_sessions_the_fullest_queue_is_too_slow() {
    let hub = hub(|limits| limits.hub_bytes(KIB * KIB).unacknowledged_bytes(0));
    let now = Instant::now();
    let mut talker = join(&hub, now);
    let members: Vec<_> = (0..6).map(|_| join(&hub, now)).collect();
    for member in &members {
        talker.signal(member, &"x".repeat(60 * KIB), now);
    }
    for member in &members[1..] {
        talker.signal(member, &"x".repeat(40 * KIB), now);
    }
    let slow = |member: &&Member| member.take_all() == Err(CloseReason::TooSlow);
    let too_slow = members[1..].iter().filter(slow).count();
    assert!((1..3).contains(&too_slow), "{too_slow}");
    members[0].take_all().expect("its queue is the smallest");
}

#[test]
fn what_waits_for_those_in_lobbies_is_emptied_before_what_waits_for_members() {
    // Space for some 512 KiB of queues.
    let hub = hub(|limits| limits.hub_bytes(KIB * KIB).unacknowledged_bytes(0));
    let now = Instant::now();
    let (mut talker, away) = (join(&hub, now), join(&hub, now));
    away.session.away(now);
    talker.signal(&away, &"x".repeat(60 * KIB), now);
    let grant = Grant::new().admission(Admission::ByModerator);
    let waiting: Vec<_> = (0..20)
        .map(|_| hub.join(named("lobby"), JoinRequest::default(), &grant, now).unwrap())
        .collect();
    // Each gets an error, and reads none.
    for mut session in waiting {
        for _ in 0..230 {
            assert!(session.receive(r#"{"type":"broadcast","data":1}"#, now).is_continue());
        }
        std::mem::forget(session);
    }
    assert!(resumes_full(&hub, &away, now));
}

#[test]
fn the_application_counts_who_is_in_each_room() {
    let hub = hub(|limits| limits);
    assert_eq!(hub.room_counts(), []);
    let now = Instant::now();
    let members = [join(&hub, now), join(&hub, now)];
    members[0].session.away(now);
    let grant = Grant::new().admission(Admission::ByModerator);
    let _waiting = hub.join(named("lobby"), JoinRequest::default(), &grant, now).unwrap();
    hub.lock(&named("locked"), true);
    let mut counts: Vec<_> = hub
        .room_counts()
        .into_iter()
        .map(|count| (count.room.to_string(), count.members, count.waiting))
        .collect();
    counts.sort();
    assert_eq!(counts, [("lobby".to_owned(), 0, 1), (room().to_string(), 2, 0)]);
}

#[test]
fn one_address_has_half_of_a_lobby() {
    let hub = hub(|limits| limits.lobby_peers(4));
    let grant = Grant::new().admission(Admission::ByModerator);
    let knock = |host: u8| {
        let address = Some(IpAddr::from([192, 0, 2, host]));
        hub.join(named("lobby"), JoinRequest::default().address(address), &grant, Instant::now())
    };
    let kept: Vec<_> = [knock(1), knock(1)].into_iter().map(Result::unwrap).collect();
    assert_eq!(knock(1).map(drop), Err(JoinError::LobbyFull));
    let other = knock(2).unwrap();
    // Those who wait do not use up what members of their address may keep.
    kept.iter().for_each(|session| session.away(Instant::now()));
    let address = Some(IpAddr::from([192, 0, 2, 1]));
    let request = JoinRequest::default().address(address);
    let member = hub.join(named("lobby"), request, &Grant::new(), Instant::now()).unwrap();
    member.away(Instant::now());
    assert_eq!(hub.roster(&named("lobby")).len(), 1);
    drop(other);
}

#[test]
fn every_meta_counts_until_its_member_is_gone() {
    // Space for 128 of four kilobytes.
    let hub = hub(|limits| limits.hub_bytes(KIB * KIB));
    let now = Instant::now();
    let large =
        |n: usize| try_join(&hub, &named(&n.to_string()), JoinRequest::new(meta(4 * KIB)), now);
    let mut members: Vec<_> = (0..128).map(|n| large(n).unwrap()).collect();
    let refused = large(128).map(drop).unwrap_err();
    assert_eq!((refused, refused.code()), (JoinError::HubFull, ErrorCode::Unavailable));
    // Smaller, then larger again.
    let mut update = |bytes: usize| {
        let message = format!(r#"{{"type":"update","meta":"{}"}}"#, "x".repeat(bytes - 2));
        assert_eq!(members[0].session.receive(&message, now), ControlFlow::Continue(()));
        members[0].errors()
    };
    assert!(update(KIB).is_empty());
    let last = try_join(&hub, &named("last"), JoinRequest::new(meta(2 * KIB)), now).unwrap();
    assert_eq!(update(4 * KIB), ["unavailable"]);
    assert!(update(2 * KIB).is_empty());
    assert_eq!(hub.roster(&named("0"))[0].meta.as_json().len(), 2 * KIB);
    drop(last);
    assert!(update(4 * KIB).is_empty());
    large(128).map(drop).unwrap_err();
    members.pop();
    large(128).unwrap();
}

#[test]
fn a_reload_joins_a_full_room_of_a_full_hub() {
    let hub = hub(|limits| limits.sessions(2).room_peers(2));
    let now = Instant::now();
    let (_other, mut member) = (join(&hub, now), join(&hub, now));
    for room_name in ["standup", "elsewhere"] {
        let full = try_join(&hub, &named(room_name), JoinRequest::default(), now).map(drop);
        assert!(full.is_err());
    }
    for _ in 0..5 {
        let ticket = member.ticket.clone();
        // The previous session still exists when the new one joins, and ends by its takeover.
        let next =
            try_join(&hub, &room(), JoinRequest::default().replaces(Some(&ticket)), now).unwrap();
        assert_eq!(member.take_all(), Err(CloseReason::TakenOver));
        assert_eq!(hub.sessions(), 2);
        member = next;
        assert_eq!(hub.sessions(), 2);
    }
    // A ticket that is unknown or of another room replaces nothing.
    let bogus = JoinRequest::default().replaces(Some("no ticket"));
    assert_eq!(try_join(&hub, &named("elsewhere"), bogus, now).map(drop), Err(JoinError::HubFull));
    let ticket = member.ticket.clone();
    let elsewhere = JoinRequest::default().replaces(Some(&ticket));
    let refused = try_join(&hub, &named("elsewhere"), elsewhere, now).map(drop);
    assert_eq!(refused, Err(JoinError::HubFull));
    drop(member);
    assert_eq!(hub.sessions(), 1);
}

#[test]
fn joins_of_one_room_are_limited_so_that_a_slow_reader_stays() {
    let hub = hub(|limits| limits);
    let now = Instant::now();
    let slow = join(&hub, now);
    let address = Some([192, 0, 2, 1].into());
    let request = |address| JoinRequest::new(meta(4 * KIB)).address(address);
    let joined = |address| {
        (0..500).filter(|_| try_join(&hub, &room(), request(address), now).is_ok()).count()
    };
    // One join with four kilobytes of `meta` counts five times, and the address has half of the
    // room's rate.
    assert_eq!(joined(address), 12);
    let refused = try_join(&hub, &room(), request(address), now).map(drop).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::RateLimited);
    assert_eq!(refused.close_reason(), CloseReason::Unavailable);
    let wait = refused.retry_after().unwrap();
    try_join(&hub, &room(), request(address), now + wait).unwrap();
    assert_eq!(joined(Some([192, 0, 2, 2].into())), 10);
    assert_eq!(joined(None), 0);
    slow.take_all().expect("its connection goes on");
    // Other rooms are not affected.
    try_join(&hub, &named("elsewhere"), request(address), now).unwrap();
}

#[test]
fn one_address_keeps_at_most_its_share_of_away_sessions() {
    let hub = hub(|limits| limits.room_peers(6).address_away(4));
    let now = Instant::now();
    let from = |name: &str, host: u8| {
        let request = JoinRequest::default().address(Some([192, 0, 2, host].into()));
        try_join(&hub, &named(name), request, now).unwrap()
    };
    let away = |name: &str| {
        let roster = hub.roster(&named(name));
        roster.iter().filter(|member| member.status == Status::Away).count()
    };
    let members: Vec<_> = (0..5).map(|_| from("one", 1)).collect();
    let other = from("one", 2);
    for member in &members {
        member.session.away(now);
        member.session.away(now);
    }
    // At most half of the room's places; the members beyond that have left.
    assert_eq!((away("one"), hub.roster(&named("one")).len()), (3, 4));
    assert_eq!(members[4].session.grace(), Duration::ZERO);
    other.session.away(now);
    assert_eq!(away("one"), 4);
    let more: Vec<_> = (0..2).map(|_| from("two", 1)).collect();
    more.iter().for_each(|member| member.session.away(now));
    assert_eq!(away("two"), 1, "four of one address, over all rooms");
    // A member that resumes or leaves frees its place.
    let refused = hub.resume(&named("one"), &members[3].ticket, 0, now).map(drop);
    assert_eq!(refused, Err(ResumeError::UnknownTicket));
    let _back = hub.resume(&named("one"), &members[0].ticket, 0, now).unwrap();
    let third = from("two", 1);
    third.session.away(now);
    assert_eq!(away("two"), 2);
    drop(members);
    let fourth = from("three", 1);
    fourth.session.away(now);
    assert_eq!(away("three"), 1);
    // Without an address, there is no such limit.
    let unknown: Vec<_> = (0..6)
        .map(|_| try_join(&hub, &named("four"), JoinRequest::default(), now).unwrap())
        .collect();
    unknown.iter().for_each(|member| member.session.away(now));
    assert_eq!(away("four"), 6);
}

#[test]
fn a_draining_hub_refuses_resumes() {
    let hub = hub(|limits| limits);
    let now = Instant::now();
    let [mut here, away] = [join(&hub, now), join(&hub, now)];
    away.session.away(now);
    let mut drain = Box::pin(hub.drain());
    let cx = &mut std::task::Context::from_waker(std::task::Waker::noop());
    assert!(drain.as_mut().poll(cx).is_pending());
    for member in [&here, &away] {
        let refused = hub.resume(&room(), &member.ticket, 0, now).map(drop).unwrap_err();
        assert_eq!(refused, ResumeError::Draining);
        assert_eq!(refused.code(), ErrorCode::Unavailable);
        assert_eq!(refused.close_reason().code(), 4000);
    }
    // The older connection still has the session; its next frame returns the reason of its end.
    let end = here.session.receive(&json!({"type": "leave"}).to_string(), now);
    assert!(matches!(end, ControlFlow::Break(CloseReason::Draining { .. } | CloseReason::Left)));
    drop((here, away));
    assert!(drain.as_mut().poll(cx).is_ready());
}
