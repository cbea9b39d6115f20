use std::{thread, time::Instant};

use futures_util::FutureExt;
use meet_signal_core::{JoinRequest, LeaveReason, Limits, RoomEventKind, Session};

use super::*;
use crate::{
    Site,
    attendance::{Attendee, Ending, State},
};

/// The meetings of the demo, with a hub that keeps this many events for a reader that is slow.
struct Demo {
    site: Site,
    hub: Hub,
    meetings: Arc<Meetings>,
    reader: AttendanceReader,
}

impl Demo {
    fn new(events: usize) -> Self {
        let hub = Hub::new(Limits::builder().events(events).build().unwrap());
        let (meetings, reader) = Meetings::new(&hub);
        Self { site: Site::demo(), hub, meetings, reader }
    }

    fn join(&self, login: &str, team: &str) -> Session {
        let (person, team) = (self.site.person(login).unwrap(), self.site.team(team).unwrap());
        let grant = self.meetings.grant(person, team).unwrap();
        let room = team.slug.parse().unwrap();
        self.hub.join(room, JoinRequest::default(), &grant, Instant::now()).unwrap()
    }

    /// Reads until there is no event left. Returns how many steps that took.
    fn read(&mut self) -> usize {
        let mut steps = 0;
        while self.reader.step().now_or_never().is_some() {
            steps += 1;
        }
        steps
    }

    fn present(&self, team: &str) -> Vec<String> {
        let roster = self.hub.roster(&team.parse().unwrap());
        let logins = roster.into_iter().map(|member| member.identity.unwrap());
        logins.map(|identity| identity.as_str().to_owned()).collect()
    }

    /// Of each meeting, the newest first: whether it goes on, and who was there.
    fn listed(&self, team: &str) -> Vec<(bool, Vec<Row>)> {
        let attendance = lock(&self.meetings.attendance);
        let row = |it: &Attendee| (it.person.as_str().to_owned(), it.state(), it.is_estimate);
        let meetings = attendance.of(team);
        let lists = meetings.map(|it| (it.until.is_none(), it.attendees.iter().map(row).collect()));
        lists.collect()
    }
}

/// The login, the state, and whether that is an estimate.
type Row = (String, State, bool);

fn row(login: &str, state: State, is_estimate: bool) -> Row {
    (login.to_owned(), state, is_estimate)
}

#[test]
fn the_list_follows_the_events() {
    let mut demo = Demo::new(64);
    assert_eq!(demo.listed("apollo"), []);
    let ada = demo.join("ada", "apollo");
    let bob = demo.join("bob", "apollo");
    demo.read();
    let both = vec![row("ada", State::Here, false), row("bob", State::Here, false)];
    assert_eq!(demo.listed("apollo"), [(true, both)]);

    let room = "apollo".parse().unwrap();
    demo.hub.remove(&room, bob.id(), None).unwrap();
    demo.read();
    let removed = row("bob", State::Left(Ending::Removed), false);
    assert_eq!(demo.listed("apollo")[0].1[1], removed);

    // Its connection is lost.
    ada.away(Instant::now());
    let again = demo.join("bob", "apollo");
    demo.read();
    let back = vec![row("ada", State::Away, false), row("bob", State::Here, false)];
    assert_eq!(demo.listed("apollo"), [(true, back)]);

    demo.hub.close_room(&room);
    drop(again);
    demo.read();
    let state = State::Left(Ending::Closed);
    let closed = vec![row("ada", state, false), row("bob", state, false)];
    assert_eq!(demo.listed("apollo"), [(false, closed)]);
}

#[test]
fn a_reader_that_lags_goes_on_from_the_snapshots() {
    let mut demo = Demo::new(2);
    let ada = demo.join("ada", "apollo");
    demo.read();
    // More events than the hub keeps: Ada leaves and Dot joins unnoticed, while gemini has met.
    let dot = demo.join("dot", "apollo");
    demo.hub.remove(&"apollo".parse().unwrap(), ada.id(), None).unwrap();
    let cy = demo.join("cy", "gemini");
    demo.hub.remove(&"gemini".parse().unwrap(), cy.id(), None).unwrap();
    assert_eq!(demo.read(), 1, "one step, which has missed all events");
    let apollo =
        vec![row("ada", State::Left(Ending::Unnoticed), true), row("dot", State::Here, true)];
    assert_eq!(demo.listed("apollo"), [(true, apollo.clone())]);
    assert_eq!(demo.listed("gemini"), []);

    // The next events follow upon them.
    dot.away(Instant::now());
    assert_eq!(demo.read(), 1);
    assert_eq!(demo.listed("apollo")[0].1[1], row("dot", State::Away, true));
    let _bob = demo.join("bob", "apollo");
    assert_eq!(demo.read(), 1);
    assert_eq!(demo.listed("apollo")[0].1[2], row("bob", State::Here, false));

    // The meeting has ended unnoticed.
    demo.hub.close_room(&"apollo".parse().unwrap());
    assert_eq!(demo.read(), 1);
    let (goes_on, rows) = demo.listed("apollo").remove(0);
    assert!(!goes_on);
    assert_eq!(rows[2], row("bob", State::Left(Ending::Unnoticed), true));
}

/// Both joins were decided and carried out before the site hears of either.
#[test]
fn of_two_joins_at_once_in_two_rooms_the_newer_one_stays() {
    let teams = ["apollo", "gemini"];
    for (older, newer) in [(0, 1), (1, 0)] {
        // With one event kept, the reader has missed both joins.
        for events in [64, 1] {
            let mut demo = Demo::new(events);
            let (older, newer) = (teams[older], teams[newer]);
            let sessions = (demo.join("bob", older), demo.join("bob", newer));
            assert_eq!((demo.present(older).len(), demo.present(newer).len()), (1, 1));
            demo.read();
            assert_eq!((demo.present(older).len(), demo.present(newer).len()), (0, 1));
            let [(false, rows)] = &demo.listed(older)[..] else { panic!("it has ended") };
            assert_eq!(rows[0].1, State::Left(Ending::Elsewhere), "{events} events");
            assert_eq!(demo.listed(newer)[0].1[0].1, State::Here, "{events} events");
            drop(sessions);
        }
    }
}

/// Threads join and leave two rooms, while the reader is slower than they are, or not.
#[test]
fn after_any_race_a_person_is_in_one_meeting_at_most() {
    for events in [1, 3, 1024] {
        let mut demo = Demo::new(events);
        let last_sessions = thread::scope(|scope| {
            let threads = ["apollo", "gemini"].map(|team| {
                let demo = &demo;
                scope.spawn(move || {
                    let mut session = demo.join("bob", team);
                    for _ in 0..50 {
                        session = demo.join("bob", team);
                    }
                    session
                })
            });
            threads.map(|thread| thread.join().unwrap())
        });
        demo.read();
        let present = [demo.present("apollo"), demo.present("gemini")].concat();
        assert_eq!(present, ["bob"], "{events} events");
        drop(last_sessions);
    }
}

#[test]
fn in_one_room_the_newer_page_replaces_the_older_one() {
    let mut demo = Demo::new(64);
    let (_, mut reader) = demo.hub.events();
    let older = demo.join("bob", "apollo");
    let newer = demo.join("bob", "apollo");
    demo.read();
    assert_eq!(demo.hub.roster(&"apollo".parse().unwrap())[0].id, newer.id());
    assert_eq!(demo.listed("apollo")[0].1, [row("bob", State::Here, false)]);
    let left = loop {
        let event = reader.next().now_or_never().unwrap().unwrap();
        if let RoomEventKind::Left { member, reason, .. } = event.kind {
            break (member.id, reason);
        }
    };
    assert_eq!(left, (older.id(), LeaveReason::Replaced));
}

#[test]
fn who_is_blocked_stays_out_until_the_host_allows_it() {
    let demo = Demo::new(64);
    let (ada, bob) = (demo.site.person("ada").unwrap(), demo.site.person("bob").unwrap());
    let apollo = demo.site.team("apollo").unwrap();
    let sessions = (demo.join("ada", "apollo"), demo.join("bob", "apollo"));
    let (ada_id, bob_id) = (sessions.0.id().to_string(), sessions.1.id().to_string());
    let meetings = demo.meetings.clone();
    // A join that was granted just before.
    let granted = meetings.grant(bob, apollo).unwrap();

    assert_eq!(meetings.block(bob, apollo, &ada_id), Err(NotBlocked::NotHost));
    assert_eq!(meetings.block(ada, apollo, &ada_id), Err(NotBlocked::Host));
    for missing in ["", "nobody", &bob_id[1..]] {
        assert_eq!(meetings.block(ada, apollo, missing), Err(NotBlocked::NotThere));
    }
    meetings.block(ada, apollo, &bob_id).unwrap();
    let now = Instant::now();
    let join = demo.hub.join("apollo".parse().unwrap(), JoinRequest::default(), &granted, now);
    assert!(join.is_err());
    assert!(meetings.grant(bob, apollo).is_err());
    assert!(meetings.grant(bob, demo.site.team("gemini").unwrap()).is_ok());
    assert!(meetings.attendance_page(ada, apollo).contains("Let Bob Kahn in again"));
    assert!(!meetings.attendance_page(bob, apollo).contains("in again"));

    assert_eq!(meetings.unblock(bob, apollo, "bob"), Err(NotBlocked::NotHost));
    meetings.unblock(ada, apollo, "bob").unwrap();
    let _again = demo.join("bob", "apollo");
    assert_eq!(demo.present("apollo"), ["ada", "bob"]);
    let page = meetings.attendance_page(ada, apollo);
    assert!(!page.contains("in again"), "{page}");
}
