//! The room against a model of a few obvious lines, over arbitrary histories.

use std::collections::{BTreeMap, BTreeSet};

use meet_signal_core::{
    Permissions,
    message::{LeaveReason, Meta, ServerMessage, Status},
    testing::{
        ApplyError, Effect, Event, Input, Member, Room, TicketHash,
        ids::{peer, ticket, ticket_text},
        model::{Delivery, Model, RecordedRoom},
        strategies,
    },
};
use proptest::prelude::*;

proptest! {
    /// Every member is told what the model says, in the same order; what is refused changes
    /// nothing; the bound holds; who left is gone.
    #[test]
    fn every_member_is_told_what_the_model_says(
        history in strategies::history(1..80), capacity in 1..8_usize,
    ) {
        let (mut model, mut room) = (Model::new(capacity), RecordedRoom::new(capacity));
        for input in history {
            let before = roster(room.room());
            let result = room.apply(input.clone());
            prop_assert_eq!(result, model.apply(&input));
            if result.is_err() {
                prop_assert_eq!(&before, &roster(room.room()));
            }
            prop_assert_eq!(&roster(room.room()), model.members());
            prop_assert!(room.room().roster().len() <= capacity);
        }
        prop_assert_eq!(room.record(), model.record());
    }

    /// Whoever puts together what it was told has the room as it is.
    #[test]
    fn each_members_view_is_the_roster(history in strategies::history(1..80)) {
        let room = play(history, 8);
        let roster = roster(room.room());
        for member in &roster {
            let others = roster.iter().filter(|other| other.id != member.id);
            let others: BTreeMap<_, _> = others.map(|other| (other.id, other.status)).collect();
            prop_assert_eq!(room.record().told[&member.id].view(), others);
        }
    }

    /// Whoever is in the room at the end was announced to each of the others exactly once: found on
    /// joining, or told later. And for each join that a member knows of there is at most one leave,
    /// with exactly one where the peer is gone.
    #[test]
    fn each_peer_is_announced_once_and_leaves_once(history in strategies::history(1..80)) {
        let room = play(history, 8);
        for member in room.room().roster().iter() {
            let history = &room.record().told[&member.id];
            let mut announced: Vec<_> = history.found.iter().map(|found| found.id).collect();
            let mut gone = Vec::new();
            for event in &history.events {
                match event {
                    Delivery::Event(Event::Joined(id, _)) => announced.push(*id),
                    Delivery::Event(Event::Left(id, _)) => gone.push(*id),
                    _ => {}
                }
            }
            prop_assert!(!announced.contains(&member.id), "nobody hears of itself");
            let once: BTreeSet<_> = announced.iter().copied().collect();
            prop_assert_eq!(once.len(), announced.len());
            let missing = |id: &&_| !room.room().roster().contains(**id);
            let expected: BTreeSet<_> = announced.iter().filter(missing).copied().collect();
            prop_assert_eq!(gone.len(), expected.len());
            prop_assert_eq!(gone.into_iter().collect::<BTreeSet<_>>(), expected);
        }
    }

    /// Every connection is ended once, and only when its member is gone.
    #[test]
    fn who_is_no_member_any_more_is_dismissed_once(history in strategies::history(1..80)) {
        let room = play(history, 8);
        let dismissed: Vec<_> = room.record().dismissed.iter().map(|(id, _)| *id).collect();
        let once: BTreeSet<_> = dismissed.iter().copied().collect();
        prop_assert_eq!(once.len(), dismissed.len());
        for joined in room.record().told.keys() {
            prop_assert_ne!(once.contains(joined), room.room().roster().contains(*joined));
        }
    }
}

#[test]
fn without_permission_nothing_is_relayed() {
    let mut room = Room::new(4);
    for (who, permissions) in [(0, Permissions::NONE), (1, Permissions::default())] {
        let member = Member::new(peer(who), meta(0), permissions, ticket(who));
        let _ = room.apply(Input::Join { member, replaces: None }).unwrap();
    }
    let frame = ServerMessage::Ping { received: 0 }.encode();
    let signal = |from, to| Input::Signal { from: peer(from), to: peer(to), frame: frame.clone() };
    let broadcast = Input::Broadcast { from: peer(0), frame: frame.clone() };
    for input in [signal(0, 1), broadcast] {
        assert_eq!(room.apply(input.clone()), Err(ApplyError::NotAllowed), "{input:?}");
    }
    assert!(room.apply(signal(1, 0)).is_ok(), "who may not speak may listen");
}

#[test]
fn what_the_application_says_of_a_member_stays() {
    let mut room = Room::new(4);
    let member = newcomer(0).meta_is_granted(true);
    let _ = room.apply(Input::Join { member, replaces: None }).unwrap();
    let update = Input::Update { peer: peer(0), meta: meta(1) };
    assert_eq!(room.apply(update), Err(ApplyError::NotAllowed));
    assert_eq!(room.roster().get(peer(0)).unwrap().meta, meta(0));
}

#[test]
fn a_ghost_does_not_count_against_its_own_return() {
    let mut room = Room::new(1);
    let join = |who, replaces: Option<u32>| Input::Join {
        member: newcomer(who),
        replaces: replaces.map(ticket),
    };
    let _ = room.apply(join(0, None)).unwrap();
    assert_eq!(room.apply(join(1, None)), Err(ApplyError::RoomFull));
    let _ = room.apply(join(1, Some(0))).unwrap();
    assert_eq!(roster(&room), [newcomer(1)]);
}

/// Whoever is told that a peer is gone may answer it at once: its connection must not get that.
#[test]
fn who_goes_is_dismissed_before_the_others_hear_of_it() {
    let mut room = Room::new(4);
    for who in 0..2 {
        let _ = room.apply(Input::Join { member: newcomer(who), replaces: None }).unwrap();
    }
    let effects = room.apply(Input::Leave { peer: peer(0), reason: LeaveReason::Left }).unwrap();
    assert!(
        matches!(
            effects.iter().as_slice(),
            [Effect::Disconnect(..), Effect::Event(Event::Left(..))]
        ),
        "{effects:?}"
    );
}

#[test]
fn a_status_that_is_none_is_told_nobody() {
    let mut room = Room::new(4);
    let _ = room.apply(Input::Join { member: newcomer(0), replaces: None }).unwrap();
    let status = Input::Status { peer: peer(0), status: Status::Here };
    assert_eq!(room.apply(status).unwrap().iter().len(), 0);
}

#[test]
fn a_ticket_is_presented_as_text_and_kept_as_a_hash() {
    assert_eq!(TicketHash::of(&ticket_text(3)), Some(ticket(3)));
    assert_ne!(ticket(3), ticket(4));
}

fn play(history: Vec<Input>, capacity: usize) -> RecordedRoom {
    let mut room = RecordedRoom::new(capacity);
    for input in history {
        // Refused or not: what a member knows must be right.
        let _ = room.apply(input);
    }
    room
}

fn roster(room: &Room) -> Vec<Member> {
    room.roster().iter().cloned().collect()
}

fn newcomer(who: u32) -> Member {
    Member::new(peer(who), meta(0), Permissions::default(), ticket(who))
}

fn meta(n: u32) -> Meta {
    Meta::new(&n).expect("a number is JSON")
}
