//! The page with the attendance lists of a team's meetings.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use minijinja::{Value, context};
use time::OffsetDateTime;

use crate::{
    Person, Team,
    attendance::{Attendee, Ending, Meeting, State},
    page,
};

/// The page for `person`. Only the host sees who is blocked.
pub(crate) fn render<'a>(
    person: &Person,
    team: &Team,
    meetings: impl Iterator<Item = &'a Meeting>,
    blocked: &BTreeSet<String>,
    now: SystemTime,
) -> String {
    let meetings: Vec<_> = meetings.map(|meeting| row_group(meeting, team, now)).collect();
    let blocked: Vec<_> =
        blocked.iter().map(|login| context! { login, name => team.name_of(login) }).collect();
    let (person, team) = (person.clone(), team.clone());
    page("attendance.html", context! { person, team, meetings, blocked })
}

fn row_group(meeting: &Meeting, team: &Team, now: SystemTime) -> Value {
    let attendees = meeting.attendees.iter().map(|attendee| row(attendee, team, now));
    context! {
        from => time(meeting.from),
        until => meeting.until.map(time),
        attendees => attendees.collect::<Vec<_>>(),
    }
}

fn row(attendee: &Attendee, team: &Team, now: SystemTime) -> Value {
    let login = attendee.person.as_str();
    context! {
        login,
        name => team.name_of(login),
        came => time(attendee.came),
        length => length(attendee.length(now)),
        is_estimate => attendee.is_estimate,
        state => text(attendee.state()),
    }
}

fn text(state: State) -> &'static str {
    match state {
        State::Here => "in the meeting",
        State::Away => "connection lost, may return",
        State::Left(Ending::Left) => "left",
        State::Left(Ending::ConnectionLost) => "left: connection lost",
        State::Left(Ending::Removed) => "removed by the host",
        State::Left(Ending::Elsewhere) => "left for another meeting",
        State::Left(Ending::Replaced) => "left: opened the page again",
        State::Left(Ending::Closed) => "left: the meeting was ended",
        State::Left(Ending::Unnoticed) => "left: not known how",
    }
}

/// Two forms of a time: for programs (RFC 3339) and for people.
fn time(time: SystemTime) -> Value {
    let time = OffsetDateTime::from(time);
    let (date, hour, minute, second) = (time.date(), time.hour(), time.minute(), time.second());
    context! {
        machine => format!("{date}T{hour:02}:{minute:02}:{second:02}Z"),
        text => format!("{date}, {hour:02}:{minute:02} UTC"),
    }
}

fn length(length: Duration) -> String {
    let seconds = length.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, _) => format!("{minutes} min {seconds} s"),
        _ => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_two_units_at_most() {
        let texts = [0, 59, 60, 3599, 3600, 90_061].map(|it| length(Duration::from_secs(it)));
        assert_eq!(texts, ["0 s", "59 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "25 h 1 min"]);
    }

    #[test]
    fn times_have_a_form_for_programs() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_001);
        let time = time(at);
        assert_eq!(time.get_attr("machine").unwrap().to_string(), "2023-11-14T22:13:21Z");
        assert_eq!(time.get_attr("text").unwrap().to_string(), "2023-11-14, 22:13 UTC");
    }
}
