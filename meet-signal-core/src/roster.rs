//! Who is in a room.

use crate::{
    PeerId, Permissions,
    message::{Meta, Status},
    ticket::TicketHash,
};

/// The members of a room in the order in which they joined.
///
/// A mesh has few members, so they lie in a row and are found by looking through the ids, which lie
/// beside them: for a handful that is faster than hashing, for a thousand it is small beside what a
/// broadcast to a thousand costs.
#[derive(Debug, Default)]
pub struct Roster {
    ids: Vec<PeerId>,
    members: Vec<Member>,
}

/// One of a room's members.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// Its id.
    pub id: PeerId,
    /// What it tells about itself.
    pub meta: Meta,
    /// Whether `meta` is the application's word about it, which it cannot change.
    pub meta_is_granted: bool,
    /// Whether its socket is there.
    pub status: Status,
    /// What it may do.
    pub permissions: Permissions,
    /// What proves that a connection is its own.
    pub ticket: TicketHash,
}

impl Member {
    /// A member whose socket is there.
    pub fn new(id: PeerId, meta: Meta, permissions: Permissions, ticket: TicketHash) -> Self {
        Self { id, meta, meta_is_granted: false, status: Status::Here, permissions, ticket }
    }

    /// Its `meta` is the application's word about it, or its own.
    #[must_use]
    pub fn meta_is_granted(mut self, granted: bool) -> Self {
        self.meta_is_granted = granted;
        self
    }
}

/// What the application sees of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberInfo {
    /// Its id.
    pub id: PeerId,
    /// What the others see of it.
    pub meta: Meta,
    /// Whether its socket is there.
    pub status: Status,
    /// What it may do.
    pub permissions: Permissions,
}

impl From<&Member> for MemberInfo {
    fn from(member: &Member) -> Self {
        let Member { id, meta, status, permissions, .. } = member;
        Self { id: *id, meta: meta.clone(), status: *status, permissions: *permissions }
    }
}

impl Roster {
    pub(crate) fn push(&mut self, member: Member) {
        debug_assert!(!self.contains(member.id), "ids are random");
        self.ids.push(member.id);
        self.members.push(member);
    }

    pub(crate) fn remove(&mut self, id: PeerId) -> Option<Member> {
        let at = self.position(id)?;
        self.ids.remove(at);
        Some(self.members.remove(at))
    }

    pub(crate) fn get_mut(&mut self, id: PeerId) -> Option<&mut Member> {
        let at = self.position(id)?;
        Some(&mut self.members[at])
    }

    /// The member with this id.
    pub fn get(&self, id: PeerId) -> Option<&Member> {
        let at = self.position(id)?;
        Some(&self.members[at])
    }

    /// Whether somebody with this id is a member.
    pub fn contains(&self, id: PeerId) -> bool {
        self.position(id).is_some()
    }

    /// The members in the order in which they joined.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.members.iter()
    }

    /// How many there are, away ones too.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(crate) fn find_by_ticket(&self, ticket: TicketHash) -> Option<PeerId> {
        self.members.iter().find(|member| member.ticket == ticket).map(|member| member.id)
    }

    fn position(&self, id: PeerId) -> Option<usize> {
        self.ids.iter().position(|other| *other == id)
    }
}
