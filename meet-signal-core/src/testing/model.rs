//! A room as a person would keep it on paper, and a real one whose members are vectors.
//!
//! Both take the same [`Input`]s. They agree if they refuse the same ones, and have the same
//! [`Record`] at the end. See the [example](super#a-room-against-its-model).

use std::collections::BTreeMap;

use crate::{
    CloseReason, Frame, LeaveReason, PeerId, Status,
    room::{ApplyError, Effect, Event, Input, Recipients, Room},
    roster::Member,
};

/// The reference: who is in the room, in order, and what each was told.
#[derive(Debug, Clone)]
pub struct Model {
    capacity: usize,
    members: Vec<Member>,
    record: Record,
}

/// The real [`Room`], whose effects are carried out with vectors: what a hub does with outboxes.
#[derive(Debug)]
pub struct RecordedRoom {
    room: Room,
    record: Record,
}

/// All that a room's members were told, those who left too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// What each was told while it was a member.
    pub told: BTreeMap<PeerId, History>,
    /// Whose connection was ended, and why, in this order.
    pub dismissed: Vec<(PeerId, CloseReason)>,
}

/// Something that one member receives.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a room has nothing else")]
pub enum Delivery {
    /// An event of the room.
    Event(Event),
    /// A frame of another member or of the application.
    Frame(Frame),
}

impl Delivery {
    /// The frame that the member's connection sends.
    ///
    /// # Panics
    ///
    /// It is an event at which a room has no members.
    pub fn into_frame(self) -> Frame {
        match self {
            Self::Event(event) => event.into_frame().expect("an event that is sent has a frame"),
            Self::Frame(frame) => frame,
        }
    }
}

/// What one member was told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct History {
    /// Who was there when it joined, in the order in which they had joined.
    pub found: Vec<Member>,
    /// What it was told since.
    pub events: Vec<Delivery>,
}

impl Model {
    /// An empty room for `capacity` members.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, members: Vec::new(), record: Record::default() }
    }

    /// Takes one step.
    ///
    /// # Errors
    ///
    /// The input is refused, and the room is as it was.
    pub fn apply(&mut self, input: &Input) -> Result<(), ApplyError> {
        match input.clone() {
            Input::Join { member, replaces } => {
                let ghost = self.members.iter().find(|member| Some(member.ticket) == replaces);
                let ghost = ghost.map(|ghost| ghost.id);
                if self.members.len() - usize::from(ghost.is_some()) >= self.capacity {
                    return Err(ApplyError::RoomFull);
                }
                if let Some(ghost) = ghost {
                    self.remove(ghost, LeaveReason::Replaced, CloseReason::TakenOver)?;
                }
                self.tell_all(
                    None,
                    &Delivery::Event(Event::Joined(member.id, member.meta.clone())),
                );
                self.record.begin(member.id, self.members.clone());
                self.members.push(member);
            }
            Input::Leave { peer, reason } => self.remove(peer, reason, CloseReason::Left)?,
            Input::Status { peer, status } => {
                if std::mem::replace(&mut self.member(peer)?.status, status) != status {
                    self.tell_all(Some(peer), &Delivery::Event(Event::Status(peer, status)));
                }
            }
            Input::Update { peer, meta } => {
                let member = self.member(peer)?;
                (!member.meta_is_granted).then_some(()).ok_or(ApplyError::NotAllowed)?;
                member.meta = meta.clone();
                self.tell_all(Some(peer), &Delivery::Event(Event::Updated(peer, meta)));
            }
            Input::Signal { from, to, frame } => {
                let may = self.member(from)?.permissions.signal;
                may.then_some(()).ok_or(ApplyError::NotAllowed)?;
                self.member(to).ok().filter(|_| to != from).ok_or(ApplyError::NoSuchPeer)?;
                self.record.tell(to, Delivery::Frame(frame));
            }
            Input::Broadcast { from, frame } => {
                let may = self.member(from)?.permissions.broadcast;
                may.then_some(()).ok_or(ApplyError::NotAllowed)?;
                self.tell_all(Some(from), &Delivery::Frame(frame));
            }
            Input::App { to: Some(to), frame } => {
                self.member(to).map_err(|_| ApplyError::NoSuchPeer)?;
                self.record.tell(to, Delivery::Frame(frame));
            }
            Input::App { to: None, frame } => self.tell_all(None, &Delivery::Frame(frame)),
            Input::Close => {
                let gone =
                    self.members.drain(..).map(|member| (member.id, CloseReason::RoomClosed));
                self.record.dismissed.extend(gone);
            }
        }
        Ok(())
    }

    /// Who is in the room, in the order in which they joined.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// What everybody was told.
    pub fn record(&self) -> &Record {
        &self.record
    }

    fn member(&mut self, id: PeerId) -> Result<&mut Member, ApplyError> {
        self.members.iter_mut().find(|member| member.id == id).ok_or(ApplyError::NotAMember)
    }

    fn remove(
        &mut self,
        id: PeerId,
        reason: LeaveReason,
        close: CloseReason,
    ) -> Result<(), ApplyError> {
        self.member(id)?;
        self.members.retain(|member| member.id != id);
        self.record.dismissed.push((id, close));
        self.tell_all(None, &Delivery::Event(Event::Left(id, reason)));
        Ok(())
    }

    fn tell_all(&mut self, but: Option<PeerId>, event: &Delivery) {
        for member in self.members.iter().filter(|member| Some(member.id) != but) {
            self.record.tell(member.id, event.clone());
        }
    }
}

impl RecordedRoom {
    /// An empty room for `capacity` members.
    pub fn new(capacity: usize) -> Self {
        Self { room: Room::new(capacity), record: Record::default() }
    }

    /// Takes one step, and carries its effects out.
    ///
    /// # Errors
    ///
    /// The input is refused, and the room is as it was.
    ///
    /// # Panics
    ///
    /// An effect tells somebody who is no member.
    pub fn apply(&mut self, input: Input) -> Result<(), ApplyError> {
        let newcomer = match &input {
            Input::Join { member, .. } => Some(member.id),
            _ => None,
        };
        for effect in self.room.apply(input)? {
            match effect {
                Effect::Send(recipients, frame) => {
                    self.tell(recipients, newcomer, &Delivery::Frame(frame));
                }
                Effect::Event(Event::Opened | Event::Closed) => {}
                Effect::Event(event) => {
                    let recipients = event.subject().map_or(Recipients::All, Recipients::AllBut);
                    self.tell(recipients, newcomer, &Delivery::Event(event));
                }
                Effect::Disconnect(peer, reason) => self.record.dismissed.push((peer, reason)),
            }
        }
        if let Some(newcomer) = newcomer {
            let others = self.room.roster().iter().filter(|member| member.id != newcomer);
            self.record.begin(newcomer, others.cloned().collect());
        }
        Ok(())
    }

    /// The room.
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// What everybody was told.
    pub fn record(&self) -> &Record {
        &self.record
    }

    fn tell(&mut self, recipients: Recipients, newcomer: Option<PeerId>, event: &Delivery) {
        if let Recipients::One(peer) = recipients {
            assert!(self.room.roster().contains(peer), "{peer} is told something and no member");
        }
        // A newcomer's history begins with what it finds.
        let members = self.room.roster().iter().filter(|member| Some(member.id) != newcomer);
        for member in members {
            let hears = match recipients {
                Recipients::One(peer) => peer == member.id,
                Recipients::AllBut(peer) => peer != member.id,
                Recipients::All => true,
            };
            if hears {
                self.record.tell(member.id, event.clone());
            }
        }
    }
}

impl Record {
    fn begin(&mut self, peer: PeerId, found: Vec<Member>) {
        self.told.insert(peer, History { found, events: Vec::new() });
    }

    fn tell(&mut self, peer: PeerId, event: Delivery) {
        self.told.entry(peer).or_default().events.push(event);
    }
}

impl History {
    /// Who is there now, and whether its socket is, as somebody puts it together from what it was
    /// told.
    ///
    /// # Panics
    ///
    /// The history is none: somebody is announced twice, or heard of unannounced.
    pub fn view(&self) -> BTreeMap<PeerId, Status> {
        let mut view: BTreeMap<_, _> =
            self.found.iter().map(|member| (member.id, member.status)).collect();
        for event in &self.events {
            match event {
                Delivery::Event(Event::Joined(peer, _)) => {
                    let known = view.insert(*peer, Status::Here);
                    assert!(known.is_none(), "{peer} is announced twice");
                }
                Delivery::Event(Event::Left(peer, _)) => {
                    assert!(view.remove(peer).is_some(), "{peer} leaves unannounced");
                }
                Delivery::Event(Event::Status(peer, status)) => {
                    *view.get_mut(peer).expect("whoever has a status was announced") = *status;
                }
                Delivery::Event(Event::Updated(peer, _)) => {
                    assert!(view.contains_key(peer), "{peer} changes unannounced");
                }
                Delivery::Frame(_) | Delivery::Event(Event::Opened | Event::Closed) => {}
            }
        }
        view
    }
}
