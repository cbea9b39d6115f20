//! What happens to the rooms.

use std::{
    task::{Context, Waker},
    time::{Duration, Instant},
};

use meet_signal_core::{
    Admission, AppData, Duplicates, Grant, Hub, JoinRequest, LeaveReason, Meta, Permissions,
    RoomId, Session,
};
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Join {
        room: usize,
        identity: Option<u8>,
        replaces: Option<usize>,
        admission: Admission,
        moderates: bool,
    },
    Leave(usize),
    /// The task that holds the session ends, or panics.
    Drop {
        session: usize,
        panics: bool,
    },
    Away(usize),
    Resume(usize),
    Update(usize, u8),
    Moderate {
        session: usize,
        what: u8,
    },
    /// A member sends a moderator's frame about another one, or about a peer in the lobby.
    Say {
        by: usize,
        about: usize,
        what: u8,
    },
    /// The application, about a lobby.
    Lobby {
        room: usize,
        what: u8,
    },
    Close(usize),
    Read,
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let session = || 0..12_usize;
    prop_oneof![
        6 => (
            0..3_usize,
            proptest::option::of(0..3_u8),
            proptest::option::of(session()),
            admission(),
            prop::bool::weighted(0.3),
        )
            .prop_map(|(room, identity, replaces, admission, moderates)| {
                Step::Join { room, identity, replaces, admission, moderates }
            }),
        2 => session().prop_map(Step::Leave),
        2 => (session(), prop::bool::weighted(0.2))
            .prop_map(|(session, panics)| Step::Drop { session, panics }),
        3 => session().prop_map(Step::Away),
        3 => session().prop_map(Step::Resume),
        2 => (session(), any::<u8>()).prop_map(|(session, n)| Step::Update(session, n)),
        4 => (session(), 0..8_u8).prop_map(|(session, what)| Step::Moderate { session, what }),
        3 => (session(), session(), 0..5_u8)
            .prop_map(|(by, about, what)| Step::Say { by, about, what }),
        2 => (0..3_usize, 0..4_u8).prop_map(|(room, what)| Step::Lobby { room, what }),
        1 => (0..3_usize).prop_map(Step::Close),
        3 => Just(Step::Read),
    ]
}

fn admission() -> impl Strategy<Value = Admission> {
    prop_oneof![
        4 => Just(Admission::ByRoom),
        1 => Just(Admission::Direct),
        2 => Just(Admission::ByModerator),
    ]
}

/// A session and its ticket.
pub(crate) struct Held {
    session: Session,
    ticket: String,
}

pub(crate) fn welcome(session: &Session) -> serde_json::Value {
    let mut batch = Vec::new();
    let _ = session.poll_drain(&Context::from_waker(Waker::noop()), 1, &mut batch);
    batch.first().map_or_else(Default::default, |frame| {
        serde_json::from_str(frame.as_str()).expect("a frame is JSON")
    })
}

pub(crate) fn take(hub: &Hub, sessions: &mut Vec<Option<Held>>, rooms: &[RoomId], step: Step) {
    let now = Instant::now();
    let held = |sessions: &Vec<Option<Held>>, at: usize| {
        sessions
            .get(at)
            .and_then(Option::as_ref)
            .map(|held| (held.session.room().clone(), held.session.id(), held.ticket.clone()))
    };
    match step {
        Step::Join { room, identity, replaces, admission, moderates } => {
            let permissions = Permissions::default().moderate(moderates);
            let mut grant = Grant::new().admission(admission).permissions(permissions);
            if let Some(identity) = identity {
                let rules = [Duplicates::Allow, Duplicates::Replace, Duplicates::Reject];
                let rule = rules[usize::from(identity)];
                grant = grant.identity(identity.to_string()).duplicates(rule);
            }
            let ticket = replaces.and_then(|at| held(sessions, at)).map(|(.., ticket)| ticket);
            let request = JoinRequest::default().replaces(ticket.as_deref());
            if let Ok(session) = hub.join(rooms[room].clone(), request, &grant, now) {
                let ticket = welcome(&session)["ticket"].as_str().expect("a ticket").to_owned();
                sessions.push(Some(Held { session, ticket }));
            }
        }
        Step::Leave(at) => {
            if let Some(held) = sessions.get_mut(at).and_then(Option::take) {
                held.session.leave(LeaveReason::Left);
            }
        }
        Step::Drop { session, panics } => {
            let held = sessions.get_mut(session).and_then(Option::take);
            if panics {
                let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    let _held = held;
                    std::panic::resume_unwind(Box::new(()));
                }));
                assert!(unwound.is_err());
            }
        }
        Step::Away(at) => {
            if let Some(Some(held)) = sessions.get(at) {
                held.session.away(now);
            }
        }
        Step::Resume(at) => {
            let Some((room, id, ticket)) = held(sessions, at) else { return };
            let all = [hub.roster(&room), hub.waiting(&room)].concat();
            let identity = all.iter().find(|it| it.id == id).map(|it| it.identity.clone());
            let mut grant = Grant::new().data(AppData::new(&at).expect("JSON"));
            match at % 3 {
                0 => grant = grant.admission(Admission::Direct),
                1 => grant = grant.meta(Meta::new(&at).expect("JSON")),
                _ => {}
            }
            if let Some(Some(identity)) = identity {
                grant = grant.identity(identity.as_str());
            }
            let resumed = if at % 2 == 0 {
                hub.resume(&room, &ticket, 0, now)
            } else {
                hub.resume_with_grant(&room, &ticket, 0, &grant, now)
            };
            if let Ok(session) = resumed {
                sessions[at] = Some(Held { session, ticket });
            }
        }
        Step::Update(at, n) => {
            if let Some(Some(held)) = sessions.get_mut(at) {
                let _ = held.session.receive(&format!(r#"{{"type":"update","meta":{n}}}"#), now);
            }
        }
        Step::Moderate { session, what } => {
            let Some((room, peer, _)) = held(sessions, session) else { return };
            match what {
                0 => drop(hub.remove(&room, peer, None)),
                1 => drop(hub.set_permissions(&room, peer, Permissions::NONE)),
                2 => drop(hub.set_meta(&room, peer, Meta::new(&"set").expect("JSON"))),
                3 => drop(hub.ban(&room, "1", Duration::from_millis(1), None)),
                4 => hub.lock(&room, true),
                5 => hub.lock(&room, false),
                6 => drop(hub.admit(&room, peer)),
                _ => drop(hub.deny(&room, peer, None)),
            }
        }
        Step::Say { by, about, what } => {
            let Some((_, peer, _)) = held(sessions, about) else { return };
            let Some(Some(by)) = sessions.get_mut(by) else { return };
            let text = match what {
                0 => format!(r#"{{"type":"admit","peer":"{peer}"}}"#),
                1 => format!(r#"{{"type":"deny","peer":"{peer}","reason":"no"}}"#),
                2 => r#"{"type":"admitAll"}"#.to_owned(),
                3 => r#"{"type":"lobby","enabled":true}"#.to_owned(),
                _ => r#"{"type":"lobby","enabled":false}"#.to_owned(),
            };
            let _ = by.session.receive(&text, now);
        }
        Step::Lobby { room, what } => match what {
            0 => drop(hub.admit_all(&rooms[room])),
            1 => hub.set_lobby(&rooms[room], false),
            _ => hub.set_lobby(&rooms[room], true),
        },
        Step::Close(room) => _ = hub.close_room(&rooms[room]),
        Step::Read => unreachable!("the test reads"),
    }
}
