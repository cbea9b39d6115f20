//! The room against its [model](meet_signal_core::testing::model), over arbitrary histories of inputs.
//!
//! These tests alone find an effect that is wrong although no client sees it: an event in the wrong
//! place, a connection that is ended twice.

use meet_signal_core::{
    LeaveReason, Meta, PeerId, Permissions, Status,
    testing::{
        ApplyError, Effect, Event, Input, KnockEnd, Member, Newcomer, Room, TicketHash,
        ids::{peer, ticket, ticket_text},
        model::{Delivery, History, Record, RecordedRoom, RoomModel, View},
        strategies,
    },
};
use proptest::prelude::*;

proptest! {
    /// The same inputs are refused, and change nothing; the same events happen, and every member
    /// receives the same in the same order; no more members are in the room than may be.
    #[test]
    fn a_room_agrees_with_the_model(
        history in strategies::history(1..80), capacity in 1..8_usize,
    ) {
        let (mut model, mut room) = (RoomModel::new(capacity), RecordedRoom::new(capacity));
        for input in history {
            let before = roster(room.room());
            let result = room.apply(input.clone());
            prop_assert_eq!(result, model.apply(&input));
            if result.is_err() {
                prop_assert_eq!(&before, &roster(room.room()));
            }
            prop_assert_eq!(&roster(room.room()), model.members());
            let waiting: Vec<_> = room.room().lobby().waiting().iter().cloned().collect();
            prop_assert_eq!(&waiting, &model.waiting());
            prop_assert!(waiting.len() <= capacity);
            prop_assert!(room.room().roster().len() <= capacity);
        }
        prop_assert_eq!(room.record(), model.record());
    }

    /// Each peer is announced to each member once: in what the member found, or later. If the peer is
    /// gone, it has left once.
    #[test]
    fn each_members_view_is_the_roster(history in strategies::history(1..80)) {
        let room = play(history, 8);
        let roster = roster(room.room());
        for member in &roster {
            let history = &room.record().histories[&member.id];
            let mut view = first_view(room.record(), member.id);
            for frame in history.deliveries.iter().cloned().filter_map(Delivery::into_frame) {
                view.handle(&serde_json::from_str(frame.as_str())?);
            }
            let waiting: Vec<_> = room.room().lobby().waiting().iter().cloned().collect();
            prop_assert_eq!(view, View::of(&roster, member.id).knocking(&waiting));
        }
    }

    /// After each input, the events from the first on pair: `Joined` with `Left`, `Opened` with
    /// `Closed`. Those that joined and have not left are the members.
    #[test]
    fn joins_pair_with_leaves_and_a_room_opens_and_closes(history in strategies::history(1..80)) {
        let mut room = RecordedRoom::new(8);
        for input in history {
            let _ = room.apply(input);
            let members: Vec<_> = room.room().roster().iter().map(|member| member.id).collect();
            prop_assert_eq!(room.record().members(), members);
        }
    }

    /// Every connection is ended once, when its member leaves.
    #[test]
    fn a_connection_is_ended_once_for_each_leave(history in strategies::history(1..80)) {
        let record = play(history, 8).record().clone();
        let disconnected: Vec<_> = record.disconnected.iter().map(|(id, _)| *id).collect();
        let left = record.events.iter().filter_map(|event| match event {
            Event::Left(id, _)
            | Event::KnockGone(id, KnockEnd::Denied | KnockEnd::Left(_)) => Some(*id),
            _ => None,
        });
        prop_assert_eq!(left.collect::<Vec<_>>(), disconnected);
    }
}

#[test]
fn without_permission_nothing_is_relayed() {
    let mut room = Room::new(4);
    for (who, permissions) in [(0, Permissions::NONE), (1, Permissions::default())] {
        let member = Member::new(peer(who), meta(0), permissions, ticket(who));
        let _ = room.apply(join(member)).unwrap();
    }
    let frame = Event::Updated(peer(0), meta(0)).into_frame().expect("members receive it");
    let signal = |from, to| Input::Signal { from: peer(from), to: peer(to), frame: frame.clone() };
    let broadcast = Input::Broadcast { from: peer(0), frame: frame.clone() };
    for input in [signal(0, 1), broadcast] {
        assert_eq!(room.apply(input.clone()), Err(ApplyError::NotAllowed), "{input:?}");
    }
    assert!(room.apply(signal(1, 0)).is_ok(), "a member that may not send may receive");
}

#[test]
fn a_granted_meta_cannot_be_changed() {
    let mut room = Room::new(4);
    let member = member(0).meta_is_granted(true);
    let _ = room.apply(join(member)).unwrap();
    let update = Input::Update { peer: peer(0), meta: meta(1) };
    assert_eq!(room.apply(update), Err(ApplyError::NotAllowed));
    assert_eq!(room.roster().get(peer(0)).unwrap().meta, meta(0));
}

#[test]
fn a_replaced_member_does_not_count_against_its_successor() {
    let mut room = Room::new(1);
    let join = |who, replaces: Option<u32>| {
        Input::Join(Newcomer::new(member(who)).replaces(replaces.map(ticket)))
    };
    let _ = room.apply(join(0, None)).unwrap();
    assert_eq!(room.apply(join(1, None)), Err(ApplyError::RoomFull));
    let _ = room.apply(join(1, Some(0))).unwrap();
    assert_eq!(roster(&room), [member(1)]);
}

/// A member may react to a `left` at once: the connection of the peer that left must not receive that.
#[test]
fn a_member_is_disconnected_before_the_others_receive_its_left() {
    let mut room = Room::new(4);
    for who in 0..2 {
        let _ = room.apply(join(member(who))).unwrap();
    }
    let effects = room.apply(Input::Leave { peer: peer(0), reason: LeaveReason::Left }).unwrap();
    let effects: Vec<_> = effects.into_iter().collect();
    let is_expected =
        |effects: &[_]| matches!(effects, [Effect::Disconnect(..), Effect::Event(Event::Left(..))]);
    assert!(is_expected(&effects), "{effects:?}");
}

#[test]
fn a_status_that_does_not_change_is_no_event() {
    let mut room = Room::new(4);
    let _ = room.apply(join(member(0))).unwrap();
    let status = Input::Status { peer: peer(0), status: Status::Here };
    assert_eq!(room.apply(status).unwrap().into_iter().count(), 0);
}

#[test]
fn a_ticket_is_presented_as_text_and_kept_as_a_hash() {
    assert_eq!(TicketHash::of(&ticket_text(3)), Some(ticket(3)));
    assert_ne!(ticket(3), ticket(4));
}

fn join(member: Member) -> Input {
    Input::Join(Newcomer::new(member))
}

fn play(history: Vec<Input>, capacity: usize) -> RecordedRoom {
    let mut room = RecordedRoom::new(capacity);
    for input in history {
        // An input that is refused changes nothing.
        let _ = room.apply(input);
    }
    room
}

/// What a member saw when it joined.
fn first_view(record: &Record, peer: PeerId) -> View {
    let History { mut found, knocking, .. } = record.histories[&peer].clone();
    let permissions = record.events.iter().find_map(|event| match event {
        Event::Joined(joined, _, permissions) if *joined == peer => Some(*permissions),
        _ => None,
    });
    found.push(Member::new(peer, meta(0), permissions.expect("it has joined"), ticket(0)));
    View::of(&found, peer).knocking(&knocking)
}

fn roster(room: &Room) -> Vec<Member> {
    room.roster().iter().cloned().collect()
}

fn member(who: u32) -> Member {
    Member::new(peer(who), meta(0), Permissions::default(), ticket(who))
}

fn meta(n: u32) -> Meta {
    Meta::new(&n).expect("a number is JSON")
}
