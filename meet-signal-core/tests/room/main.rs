//! The room against a model of a few obvious lines, over arbitrary histories.

mod ids;

use std::collections::BTreeMap;

use ids::{peer, ticket, ticket_text};
use meet_signal_core::{
    PeerId, Permissions,
    message::{LeaveReason, Meta, Status},
    room::{Audience, Effect, Event, Input, Refusal, Room},
    roster::Member,
    ticket::TicketHash,
};
use proptest::prelude::*;

/// What a member has been told since it joined, beginning with whom it found.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Found(Vec<PeerId>),
    Joined(PeerId),
    Left(PeerId, LeaveReason),
    Status(PeerId, Status),
    Updated(PeerId, String),
    Relayed(String),
}

/// A room as a person would keep it on paper: who is there, in order, and what each was told.
#[derive(Debug, Default)]
struct Model {
    capacity: usize,
    members: Vec<(PeerId, Status)>,
    histories: BTreeMap<PeerId, Vec<Told>>,
}

impl Model {
    fn is_member(&self, id: PeerId) -> bool {
        self.members.iter().any(|(member, _)| *member == id)
    }

    fn tell(&mut self, told: &Told, but: Option<PeerId>) {
        for (member, _) in self.members.iter().filter(|(member, _)| Some(*member) != but) {
            self.histories.entry(*member).or_default().push(told.clone());
        }
    }

    fn leave(&mut self, id: PeerId, reason: LeaveReason) -> Result<(), Refusal> {
        let at = self.members.iter().position(|(member, _)| *member == id);
        self.members.remove(at.ok_or(Refusal::NotAMember)?);
        self.tell(&Told::Left(id, reason), None);
        Ok(())
    }

    fn apply(&mut self, step: &Step) -> Result<(), Refusal> {
        match *step {
            Step::Join { who, replaces } => {
                let ghost = replaces.map(peer).filter(|ghost| self.is_member(*ghost));
                if self.members.len() - usize::from(ghost.is_some()) >= self.capacity {
                    return Err(Refusal::Full);
                }
                if let Some(ghost) = ghost {
                    self.leave(ghost, LeaveReason::Replaced)?;
                }
                let found = self.members.iter().map(|(member, _)| *member).collect();
                self.tell(&Told::Joined(peer(who)), None);
                self.members.push((peer(who), Status::Here));
                self.histories.insert(peer(who), vec![Told::Found(found)]);
            }
            Step::Leave(who) => self.leave(peer(who), LeaveReason::Left)?,
            Step::Status(who, status) => {
                let member = self.members.iter_mut().find(|(member, _)| *member == peer(who));
                let (_, old) = member.ok_or(Refusal::NotAMember)?;
                if std::mem::replace(old, status) != status {
                    self.tell(&Told::Status(peer(who), status), Some(peer(who)));
                }
            }
            Step::Update(who, n) => {
                self.is_member(peer(who)).then_some(()).ok_or(Refusal::NotAMember)?;
                self.tell(&Told::Updated(peer(who), n.to_string()), Some(peer(who)));
            }
            Step::Signal(from, to, n) => {
                self.is_member(peer(from)).then_some(()).ok_or(Refusal::NotAMember)?;
                let reached = from != to && self.is_member(peer(to));
                reached.then_some(()).ok_or(Refusal::NoSuchPeer)?;
                self.histories.entry(peer(to)).or_default().push(Told::Relayed(n.to_string()));
            }
            Step::Broadcast(from, n) => {
                self.is_member(peer(from)).then_some(()).ok_or(Refusal::NotAMember)?;
                self.tell(&Told::Relayed(n.to_string()), Some(peer(from)));
            }
            Step::App(to, n) => match to.map(peer) {
                None => self.tell(&Told::Relayed(n.to_string()), None),
                Some(to) => {
                    self.is_member(to).then_some(()).ok_or(Refusal::NoSuchPeer)?;
                    self.histories.entry(to).or_default().push(Told::Relayed(n.to_string()));
                }
            },
            Step::Close => self.members.clear(),
        }
        Ok(())
    }
}

#[derive(Debug, Clone)]
enum Step {
    Join { who: u8, replaces: Option<u8> },
    Leave(u8),
    Status(u8, Status),
    Update(u8, u8),
    Signal(u8, u8, u8),
    Broadcast(u8, u8),
    App(Option<u8>, u8),
    Close,
}

impl Step {
    fn input(&self) -> Input {
        let frame = |n: u8| Event::Updated(peer(0), meta(n)).into_frame();
        match *self {
            Self::Join { who, replaces } => Input::Join {
                member: Member::new(peer(who), meta(0), Permissions::default(), ticket(who)),
                replaces: replaces.map(ticket),
            },
            Self::Leave(who) => Input::Leave { peer: peer(who), reason: LeaveReason::Left },
            Self::Status(who, status) => Input::Status { peer: peer(who), status },
            Self::Update(who, n) => Input::Update { peer: peer(who), meta: meta(n) },
            Self::Signal(from, to, n) => {
                Input::Signal { from: peer(from), to: peer(to), frame: frame(n) }
            }
            Self::Broadcast(from, n) => Input::Broadcast { from: peer(from), frame: frame(n) },
            Self::App(to, n) => Input::App { to: to.map(peer), frame: frame(n) },
            Self::Close => Input::Close,
        }
    }
}

/// Who joins is new each time, as ids are; the rest may name anybody, or nobody that ever was.
fn history() -> impl Strategy<Value = Vec<Step>> {
    let who = 0..24_u8;
    let status = prop_oneof![Just(Status::Here), Just(Status::Away)];
    let step = prop_oneof![
        6 => prop::option::of(who.clone()).prop_map(|replaces| Step::Join { who: 0, replaces }),
        3 => who.clone().prop_map(Step::Leave),
        3 => (who.clone(), status).prop_map(|(who, status)| Step::Status(who, status)),
        2 => (who.clone(), any::<u8>()).prop_map(|(who, n)| Step::Update(who, n)),
        4 => (who.clone(), who.clone(), any::<u8>()).prop_map(|(a, b, n)| Step::Signal(a, b, n)),
        4 => (who.clone(), any::<u8>()).prop_map(|(who, n)| Step::Broadcast(who, n)),
        2 => (prop::option::of(who), any::<u8>()).prop_map(|(to, n)| Step::App(to, n)),
        1 => Just(Step::Close),
    ];
    prop::collection::vec(step, 1..80).prop_map(|mut steps| {
        let joins = steps.iter_mut().filter_map(|step| match step {
            Step::Join { who, .. } => Some(who),
            _ => None,
        });
        joins.zip(0..).for_each(|(who, fresh)| *who = fresh);
        steps
    })
}

/// Carries effects out with vectors: what the hub does with outboxes.
fn carry_out(room: &Room, effects: &[Effect], told: &mut BTreeMap<PeerId, Vec<Told>>) {
    for effect in effects {
        let Effect::Tell(audience, event) = effect else { continue };
        let event = match event.clone() {
            Event::Joined(id, _) => Told::Joined(id),
            Event::Left(id, reason) => Told::Left(id, reason),
            Event::Status(id, status) => Told::Status(id, status),
            Event::Updated(id, meta) => Told::Updated(id, meta.as_json().to_owned()),
            Event::Relayed(frame) => Told::Relayed(payload(frame.as_str())),
            other => panic!("a new event needs a place in the model: {other:?}"),
        };
        // Nobody but members is ever told anything: this would be a frame to a stranger.
        if let Audience::One(id) = audience {
            assert!(room.roster().contains(*id), "told somebody who is not a member");
        }
        for member in room.roster().iter() {
            let hears = match audience {
                Audience::One(id) => *id == member.id,
                Audience::AllBut(id) => *id != member.id,
                Audience::All => true,
                other => panic!("a new audience needs a place in the model: {other:?}"),
            };
            // A newcomer's history begins with what it found, which it is told last.
            if hears && told.contains_key(&member.id) {
                told.entry(member.id).or_default().push(event.clone());
            }
        }
    }
}

proptest! {
    /// Every member is told what the model says, in the same order; what is refused changes
    /// nothing; the bound holds; who left is gone.
    #[test]
    fn every_member_is_told_what_the_model_says(steps in history(), capacity in 1..8_usize) {
        let mut model = Model { capacity, ..Model::default() };
        let mut room = Room::new(capacity);
        let mut told = BTreeMap::new();

        for step in steps {
            let before = roster(&room);
            let result = room.apply(step.input());
            let expected = model.apply(&step);
            prop_assert_eq!(result.as_ref().map(|_| ()).map_err(|e| *e), expected);
            match result {
                Ok(effects) => carry_out(&room, &effects, &mut told),
                Err(_) => prop_assert_eq!(&before, &roster(&room)),
            }
            if let (Step::Join { who, .. }, Ok(())) = (&step, expected) {
                let found = before.iter().filter(|id| room.roster().contains(**id));
                told.insert(peer(*who), vec![Told::Found(found.copied().collect())]);
            }
            let members: Vec<_> = model.members.iter().map(|(id, _)| *id).collect();
            prop_assert_eq!(roster(&room), members);
            prop_assert!(room.roster().len() <= capacity);
        }
        prop_assert_eq!(told, model.histories);
    }

    /// Whoever is in the room at the end was announced to each of the others exactly once: found on
    /// joining, or told later. And for each join that a member knows of there is at most one leave,
    /// with exactly one where the peer is gone.
    #[test]
    fn each_peer_is_announced_once_and_leaves_once(steps in history()) {
        let mut room = Room::new(8);
        let mut told: BTreeMap<PeerId, Vec<Told>> = BTreeMap::new();
        for step in steps {
            let before = roster(&room);
            let Ok(effects) = room.apply(step.input()) else { continue };
            carry_out(&room, &effects, &mut told);
            if let Step::Join { who, .. } = step {
                let found = before.into_iter().filter(|id| room.roster().contains(*id)).collect();
                told.insert(peer(who), vec![Told::Found(found)]);
            }
        }
        for member in room.roster().iter() {
            let mut announced = BTreeMap::<PeerId, usize>::new();
            let mut gone = BTreeMap::<PeerId, usize>::new();
            for told in &told[&member.id] {
                match told {
                    Told::Found(ids) => ids.iter().for_each(|id| *announced.entry(*id).or_default() += 1),
                    Told::Joined(id) => *announced.entry(*id).or_default() += 1,
                    Told::Left(id, _) => *gone.entry(*id).or_default() += 1,
                    _ => {}
                }
            }
            prop_assert!(!announced.contains_key(&member.id), "nobody hears of itself");
            for (id, times) in announced {
                let left = gone.remove(&id).unwrap_or(0);
                prop_assert_eq!(times, 1);
                prop_assert_eq!(left, usize::from(!room.roster().contains(id)));
            }
            prop_assert!(gone.is_empty(), "a leave without a join");
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
    for step in [Step::Signal(0, 1, 0), Step::Broadcast(0, 0)] {
        assert_eq!(room.apply(step.input()), Err(Refusal::NotAllowed), "{step:?}");
    }
    assert!(room.apply(Step::Signal(1, 0, 0).input()).is_ok(), "who may not speak may listen");
}

#[test]
fn what_the_application_says_of_a_member_stays() {
    let mut room = Room::new(4);
    let member = Member::new(peer(0), meta(0), Permissions::default(), ticket(0));
    let member = member.meta_is_granted(true);
    let _ = room.apply(Input::Join { member, replaces: None }).unwrap();
    assert_eq!(room.apply(Step::Update(0, 1).input()), Err(Refusal::NotAllowed));
    assert_eq!(room.roster().get(peer(0)).unwrap().meta, meta(0));
}

#[test]
fn a_ghost_does_not_count_against_its_own_return() {
    let mut room = Room::new(1);
    let join = |who, replaces| Step::Join { who, replaces }.input();
    let _ = room.apply(join(0, None)).unwrap();
    assert_eq!(room.apply(join(1, None)), Err(Refusal::Full));
    let _ = room.apply(join(1, Some(0))).unwrap();
    assert_eq!(roster(&room), [peer(1)]);
}

#[test]
fn a_ticket_is_presented_as_text_and_kept_as_a_hash() {
    assert_eq!(TicketHash::of(&ticket_text(3)), Some(ticket(3)));
    assert_ne!(ticket(3), ticket(4));
}

fn roster(room: &Room) -> Vec<PeerId> {
    room.roster().iter().map(|member| member.id).collect()
}

fn meta(n: u8) -> Meta {
    Meta::new(&n).expect("a number is JSON")
}

/// The frames of this test are `updated` messages whose `meta` is a number.
fn payload(frame: &str) -> String {
    let (_, meta) = frame.rsplit_once(':').expect("a field");
    meta.trim_end_matches('}').to_owned()
}
