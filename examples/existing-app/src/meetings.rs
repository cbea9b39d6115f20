//! The meetings of the teams: who may join, who was there, and who is blocked.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use meet_signal_core::{
    AppData, Denied, Duplicates, Events, Grant, Hub, Meta, ModerationError, Permissions, RoomId,
};
use serde_json::json;
use thiserror::Error;

use crate::{
    Person, Team,
    attendance::{Attendance, Visit},
    attendance_page,
};

/// The meetings of all teams. The room of a team has its slug as name.
#[derive(Debug)]
pub struct Meetings {
    hub: Hub,
    attendance: Mutex<Attendance>,
    /// The logins that are blocked, by room. A real site would have them in a database.
    blocked: Mutex<HashMap<String, BTreeSet<String>>>,
}

/// Keeps the attendance lists, and everybody in one meeting at a time.
///
/// There is one reader for all rooms. It gets all joins in one order, so of two joins of a person at
/// once, one is the newer one for it, and it ends the other. A handler that looked for the person in
/// other rooms and then joined could not do that: two of them can look before either has joined.
#[derive(Debug)]
#[must_use = "`run` keeps the lists"]
pub struct AttendanceReader {
    meetings: Arc<Meetings>,
    events: Events,
}

/// Why somebody is not blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotBlocked {
    /// Another member asks for it.
    #[error("only the host blocks and lets in again")]
    NotHost,
    /// No such peer is in the meeting.
    #[error("this person is not in the meeting")]
    NotThere,
    /// The host would lock itself out.
    #[error("hosts do not block themselves")]
    Host,
    /// The room has no place for another ban.
    #[error("not blocked: {0}")]
    Refused(ModerationError),
}

impl NotBlocked {
    /// The status of the response.
    pub fn status(self) -> u16 {
        match self {
            Self::NotHost => 403,
            Self::NotThere => 404,
            Self::Host | Self::Refused(_) => 409,
        }
    }
}

impl Meetings {
    /// The meetings in the rooms of a hub, and the reader of their events, which must run.
    pub fn new(hub: &Hub) -> (Arc<Self>, AttendanceReader) {
        let (rooms, events) = hub.events();
        let mut attendance = Attendance::default();
        let _ = attendance.snapshots(&rooms, SystemTime::now());
        let meetings = Arc::new(Self {
            hub: hub.clone(),
            attendance: Mutex::new(attendance),
            blocked: Mutex::default(),
        });
        (meetings.clone(), AttendanceReader { meetings, events })
    }

    /// What a member of a team may do in its meeting.
    ///
    /// # Errors
    ///
    /// The person is blocked.
    pub fn grant(&self, person: &Person, team: &Team) -> Result<Grant, Denied> {
        let blocked = lock(&self.blocked);
        if blocked.get(&team.slug).is_some_and(|logins| logins.contains(&person.login)) {
            return Err(Denied::banned(BLOCKED));
        }
        drop(blocked);
        let name = Meta::new(&json!({ "name": person.name })).expect("JSON");
        // For a reader that has missed the join.
        let now = AppData::new(&SystemTime::now()).expect("JSON");
        Ok(Grant::new()
            .identity(person.login.as_str())
            .data(now)
            .meta(name)
            .permissions(Permissions::default().moderate(team.is_hosted_by(person)))
            .duplicates(Duplicates::Replace))
    }

    /// The page about a team's meetings. The host may let in again there who is blocked.
    pub fn attendance_page(&self, person: &Person, team: &Team) -> String {
        let blocked = if team.is_hosted_by(person) {
            lock(&self.blocked).get(&team.slug).cloned().unwrap_or_default()
        } else {
            BTreeSet::new()
        };
        let attendance = lock(&self.attendance);
        let meetings = attendance.of(&team.slug);
        attendance_page::render(person, team, meetings, &blocked, SystemTime::now())
    }

    /// Removes the person of a peer from a team's meeting, and lets the person in no more.
    ///
    /// # Errors
    ///
    /// See [`NotBlocked`]. Nothing has changed.
    pub fn block(&self, person: &Person, team: &Team, peer: &str) -> Result<(), NotBlocked> {
        let room = host_room(person, team)?;
        let members = self.hub.roster(&room);
        let member = members.into_iter().find(|member| member.id.to_string() == peer);
        let identity = member.and_then(|member| member.identity).ok_or(NotBlocked::NotThere)?;
        if identity.as_str() == team.host {
            return Err(NotBlocked::Host);
        }
        // The hub's ban is in time for a join that `grant` has let pass. The site's own list lasts
        // longer: the hub forgets a room some time after its last member has left.
        let longest = self.hub.limits().longest_ban();
        let banned = self.hub.ban(&room, identity.clone(), longest, Some(BLOCKED));
        banned.map_err(NotBlocked::Refused)?;
        let mut blocked = lock(&self.blocked);
        blocked.entry(team.slug.clone()).or_default().insert(identity.as_str().to_owned());
        Ok(())
    }

    /// Lets a person in again.
    ///
    /// # Errors
    ///
    /// [`NotBlocked::NotHost`].
    pub fn unblock(&self, person: &Person, team: &Team, login: &str) -> Result<(), NotBlocked> {
        let room = host_room(person, team)?;
        if let Some(logins) = lock(&self.blocked).get_mut(&team.slug) {
            logins.remove(login);
        }
        self.hub.unban(&room, login);
        Ok(())
    }

    /// Ends visits of people who have joined another meeting since.
    fn end(&self, visits: impl IntoIterator<Item = Visit>) {
        for Visit { room, peer } in visits {
            // It may have left meanwhile, which ends it as well.
            let _ = self.hub.remove(&room, peer, Some(ELSEWHERE));
        }
    }
}

impl AttendanceReader {
    /// Reads events until it is dropped.
    pub async fn run(mut self) {
        loop {
            self.step().await;
        }
    }

    /// Reads one event, or goes on from the snapshots where it was too slow for the events.
    async fn step(&mut self) {
        let next = self.events.next().await;
        let older: Vec<_> = {
            let mut attendance = lock(&self.meetings.attendance);
            match next {
                Ok(event) => attendance.event(&event).into_iter().collect(),
                Err(lagged) => attendance.snapshots(&lagged.rooms, SystemTime::now()),
            }
        };
        self.meetings.end(older);
    }
}

/// The room of a team, for its host.
fn host_room(person: &Person, team: &Team) -> Result<RoomId, NotBlocked> {
    if !team.is_hosted_by(person) {
        return Err(NotBlocked::NotHost);
    }
    Ok(team.slug.parse().expect("a slug is a name of a room"))
}

/// What is locked is complete at any moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// What the page of a meeting shows. A page gets 123 bytes of it.
const BLOCKED: &str = "the host has blocked you from this meeting";
const ELSEWHERE: &str = "you have joined another meeting";

#[cfg(test)]
mod tests;
