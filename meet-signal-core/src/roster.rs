//! The members of a room.

use crate::{
    AppData, Identity, PeerId, Permissions,
    message::{Meta, Status},
    ticket::TicketHash,
};

/// The members of a room in the order in which they joined.
///
/// A mesh has few members, so lookups scan a vector of ids: for a handful of members that is faster
/// than hashing, and for a thousand it costs little compared with a broadcast to a thousand.
#[derive(Debug, Default)]
pub struct Roster {
    ids: Vec<PeerId>,
    members: Vec<Member>,
}

/// A member of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// Its id.
    pub id: PeerId,
    /// Its `meta`.
    pub meta: Meta,
    /// Whether the application granted `meta`, so that the member cannot change it.
    pub meta_is_granted: bool,
    /// Whether it has a connection.
    pub status: Status,
    /// What it may do.
    pub permissions: Permissions,
    /// The hash of its ticket.
    pub ticket: TicketHash,
    /// The application's key of the user, if it gave one.
    pub identity: Option<Identity>,
    /// The application's own data about it.
    pub data: Option<AppData>,
    /// The application's last grant: what moderators have changed since lasts until it differs.
    pub granted: Granted,
}

/// The permissions and the `meta` of a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Granted {
    /// What the member may do.
    pub permissions: Permissions,
    /// Its `meta`; `None` if the member has its own, and may change it.
    pub meta: Option<Meta>,
}

impl Granted {
    /// A grant of these.
    pub fn new(permissions: Permissions, meta: Option<Meta>) -> Self {
        Self { permissions, meta }
    }
}

impl Member {
    /// A member with a connection.
    pub fn new(id: PeerId, meta: Meta, permissions: Permissions, ticket: TicketHash) -> Self {
        Self {
            id,
            meta,
            meta_is_granted: false,
            status: Status::Here,
            permissions,
            ticket,
            identity: None,
            data: None,
            granted: Granted { permissions, meta: None },
        }
    }

    /// Sets the application's key of the user.
    #[must_use]
    pub fn identity(mut self, identity: Option<Identity>) -> Self {
        self.identity = identity;
        self
    }

    /// Sets the application's own data.
    #[must_use]
    pub fn data(mut self, data: Option<AppData>) -> Self {
        self.data = data;
        self
    }

    /// Sets whether the application granted `meta`.
    #[must_use]
    pub fn meta_is_granted(mut self, granted: bool) -> Self {
        self.meta_is_granted = granted;
        self.granted.meta = granted.then(|| self.meta.clone());
        self
    }
}

impl Member {
    /// Takes the place of an older session of the same client. What moderators or the application have
    /// changed since the last grant lasts until a grant differs, as it does for a resume.
    pub(crate) fn succeed(&mut self, old: &Self) {
        if self.granted.permissions == old.granted.permissions {
            self.permissions = old.permissions;
        }
        if self.granted.meta == old.granted.meta && old.meta_is_granted {
            self.meta = old.meta.clone();
            self.meta_is_granted = true;
        }
    }
}

/// What the application sees of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberInfo {
    /// Its id.
    pub id: PeerId,
    /// The `meta` that the others see.
    pub meta: Meta,
    /// Whether it has a connection.
    pub status: Status,
    /// What it may do.
    pub permissions: Permissions,
    /// The application's key of the user, if it gave one: [`Grant::identity`](crate::Grant::identity).
    pub identity: Option<Identity>,
    /// The application's own data about it: [`Grant::data`](crate::Grant::data).
    pub data: Option<AppData>,
}

impl From<&Member> for MemberInfo {
    fn from(member: &Member) -> Self {
        let Member { id, meta, status, permissions, identity, data, .. } = member.clone();
        Self { id, meta, status, permissions, identity, data }
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

    /// Whether a member has this id.
    pub fn contains(&self, id: PeerId) -> bool {
        self.position(id).is_some()
    }

    /// The members in the order in which they joined.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.members.iter()
    }

    /// The number of members, including away ones.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are no members.
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
