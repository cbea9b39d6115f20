//! The requirements on a room, by name: a hub with any history of several rooms, with limits of any size
//! and a clock, against the [model](meet_signal_core::testing::model).
//!
//! These tests alone find what is wrong with several rooms, with rates and the number of sessions, and
//! with the calls of the application. They take each client to receive what was sent to it;
//! connections that lose frames are in `tests/resume`.

mod harness;
mod logs;

use std::time::Duration;

use harness::{Bounds, Harness, Said};
use meet_signal_core::{Admission, Meta, Permissions, testing::model::View};
use proptest::{collection::vec, option, prelude::*, test_runner::RngAlgorithm};

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    Join { who: usize, room: usize, replaces: Option<usize>, rights: Rights },
    Say(usize, Said),
    Drain { who: usize, all: bool },
    Lose(usize),
    Resume(usize),
    Abort(usize),
    Pass(Duration),
    App { room: usize, to: Option<usize> },
    CloseRoom(usize),
    Decide { room: usize, who: usize, admits: bool },
    SetLobby { room: usize, enabled: bool },
}

#[derive(Debug, Clone, Copy)]
struct Rights {
    signal: bool,
    broadcast: bool,
    /// The application decides its `meta`.
    named: bool,
    /// Whether it waits in the lobby.
    admission: Admission,
}

const PARTICIPANTS: usize = 6;
const ROOMS: usize = 3;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = || 0..PARTICIPANTS;
    let room = || prop_oneof![4 => Just(0_usize), 1 => 1..ROOMS];
    let said = prop_oneof![
        8 => who().prop_map(Said::Signal),
        6 => Just(Said::Broadcast),
        3 => Just(Said::Update),
        2 => Just(Said::Acknowledge),
        2 => Just(Said::Nonsense),
        2 => Just(Said::Control),
        1 => Just(Said::Leave),
    ];
    let may = || prop::bool::weighted(0.9);
    let admission = prop_oneof![
        8 => Just(Admission::ByRoom),
        1 => Just(Admission::Direct),
        1 => Just(Admission::ByModerator),
    ];
    let rights = (may(), may(), may(), admission);
    let rights = rights.prop_map(|(signal, broadcast, unnamed, admission)| Rights {
        signal,
        broadcast,
        named: !unnamed,
        admission,
    });
    let replaces = option::weighted(0.2, who());
    let step = prop_oneof![
        16 => (who(), room(), replaces, rights)
            .prop_map(|(who, room, replaces, rights)| Step::Join { who, room, replaces, rights }),
        40 => (who(), said).prop_map(|(who, said)| Step::Say(who, said)),
        16 => (who(), any::<bool>()).prop_map(|(who, all)| Step::Drain { who, all }),
        5 => who().prop_map(Step::Lose),
        6 => who().prop_map(Step::Resume),
        2 => who().prop_map(Step::Abort),
        8 => (0..900_u64).prop_map(|ms| Step::Pass(Duration::from_millis(ms))),
        4 => (room(), option::of(who())).prop_map(|(room, to)| Step::App { room, to }),
        1 => room().prop_map(Step::CloseRoom),
        6 => (room(), who(), prop::bool::weighted(0.8))
            .prop_map(|(room, who, admits)| Step::Decide { room, who, admits }),
        2 => (room(), any::<bool>())
            .prop_map(|(room, enabled)| Step::SetLobby { room, enabled }),
    ];
    vec(step, 1..150)
}

fn bounds() -> impl Strategy<Value = Bounds> {
    (1..6_usize, 1..8_usize, 1..40_usize, (1..40_u32, 1..12_u32), 0..4_u32).prop_map(
        |(room_peers, sessions, waiting, (per_second, burst), bad_messages)| Bounds {
            room_peers,
            sessions,
            waiting,
            per_second,
            burst,
            bad_messages,
        },
    )
}

/// Bounds that are not reached.
const WIDE: Bounds = Bounds {
    room_peers: PARTICIPANTS,
    sessions: PARTICIPANTS,
    waiting: 100_000,
    per_second: 1_000_000,
    burst: 1_000_000,
    bad_messages: 1_000_000,
};

fn take(harness: &mut Harness, step: &Step) {
    match *step {
        Step::Join { who, room, replaces, rights } => {
            let permissions = Permissions::NONE.signal(rights.signal).broadcast(rights.broadcast);
            let meta = rights.named.then(|| Meta::new(&"granted").expect("JSON"));
            harness.join(who, room, replaces, (permissions, meta, rights.admission));
        }
        Step::Say(who, said) => harness.say(who, said),
        Step::Drain { who, all } => harness.drain(who, all),
        Step::Lose(who) => harness.lose(who),
        Step::Resume(who) => harness.resume(who),
        Step::Abort(who) => harness.abort(who),
        Step::Pass(time) => harness.pass(time),
        Step::App { room, to } => harness.app(room, to),
        Step::CloseRoom(room) => harness.close_room(room),
        Step::Decide { room, who, admits } => harness.decide(room, who, admits),
        Step::SetLobby { room, enabled } => harness.set_lobby(room, enabled),
    }
}

/// Plays a history. The harness compares the result of each step, and each frame, with the model.
fn play(steps: &[Step], bounds: Bounds) -> Harness {
    let mut harness = Harness::new(PARTICIPANTS, ROOMS, bounds);
    steps.iter().for_each(|step| take(&mut harness, step));
    harness
}

/// Plays a history in which every participant but this one receives each frame at once.
fn play_with_slow(steps: &[Step], slow: usize, bounds: Bounds) -> Harness {
    let mut harness = Harness::new(PARTICIPANTS, ROOMS, bounds);
    for step in steps {
        // A client that does not read does not learn either that it is to join again.
        let is_skipped = match step {
            Step::Drain { who, .. } => *who == slow,
            Step::CloseRoom(_)
            | Step::Join { replaces: Some(_), .. }
            | Step::Decide { admits: false, .. } => true,
            _ => false,
        };
        if !is_skipped {
            take(&mut harness, step);
        }
        (0..PARTICIPANTS).filter(|who| *who != slow).for_each(|who| harness.drain(who, true));
    }
    harness
}

fn config() -> ProptestConfig {
    // A history is thousands of small choices, for which the default generator is slow.
    ProptestConfig { rng_algorithm: RngAlgorithm::XorShift, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    /// Each call returns what the model returns, each member receives the frames that the model
    /// expects, and the limits hold.
    #[test]
    fn a_hub_agrees_with_the_model_and_the_bounds_hold(steps in steps(), bounds in bounds()) {
        let mut harness = Harness::new(PARTICIPANTS, ROOMS, bounds);
        for step in &steps {
            take(&mut harness, step);
            harness.check();
        }
        harness.settle();
        harness.check();
    }

    /// Each client knows the room from its frames: each peer is announced to it once, in a `welcome` or a
    /// `joined`, and if the peer is gone, it has left once.
    #[test]
    fn every_members_view_is_the_room(steps in steps(), bounds in bounds()) {
        let mut harness = play(&steps, bounds);
        harness.settle();
        for membership in &harness.memberships {
            if harness.is_up_to_date(membership) {
                let members = harness.rooms[membership.room].members();
                let mut view = View::default();
                membership.log.iter().for_each(|frame| view.handle(frame));
                prop_assert_eq!(view, View::of(members, membership.id));
            }
        }
    }

    /// Signals and broadcasts of one sender reach each receiver in the order in which they were sent.
    #[test]
    fn one_senders_frames_arrive_in_their_order(steps in steps(), bounds in bounds()) {
        let mut harness = play(&steps, bounds);
        harness.settle();
        for membership in &harness.memberships {
            for sender in &harness.memberships {
                let said = logs::said(&membership.log, &sender.id.to_string());
                prop_assert!(said.is_sorted_by(|earlier, later| earlier < later), "{said:?}");
            }
        }
    }

    /// Frames that several members of a room receive, they receive in one order.
    #[test]
    fn a_room_has_one_order(steps in steps(), bounds in bounds()) {
        let mut harness = play(&steps, bounds);
        harness.settle();
        for one in &harness.memberships {
            let received = logs::events(&one.log);
            for other in harness.memberships.iter().filter(|other| other.room == one.room) {
                let other = logs::events(&other.log);
                let common = |events: &[String], of: &[String]| {
                    events.iter().filter(|event| of.contains(event)).cloned().collect::<Vec<_>>()
                };
                prop_assert_eq!(common(&received, &other), common(&other, &received));
            }
        }
    }

    /// Each frame is from, or about, another member of the room. A peer that is no member any more
    /// receives nothing.
    #[test]
    fn frames_stay_in_their_room_and_go_to_others(steps in steps(), bounds in bounds()) {
        let mut harness = play(&steps, bounds);
        harness.settle();
        for membership in &harness.memberships {
            let others: Vec<_> = harness
                .memberships
                .iter()
                .filter(|other| other.room == membership.room && other.id != membership.id)
                .map(|other| other.id.to_string())
                .collect();
            let mut about = membership.log.iter().flat_map(logs::about);
            prop_assert!(about.all(|peer| others.contains(&peer)));
            if let (Some(session), Some(_)) = (&membership.session, harness.end_of(membership)) {
                let (drained, batch) = harness::poll(session, usize::MAX);
                prop_assert!(drained.is_ready() && batch.is_empty());
            }
        }
    }

    #[test]
    fn an_emptied_hub_has_nothing_left(steps in steps(), bounds in bounds()) {
        let mut harness = play(&steps, bounds);
        harness.end();
        harness.check();
        prop_assert_eq!(harness.hub.sessions(), 0);
        prop_assert_eq!(harness.hub.rooms(), []);
    }

    /// Whether one member never reads or reads at once makes no difference to the others, except that
    /// messages to it are refused.
    #[test]
    fn a_slow_member_delays_no_other(steps in steps()) {
        let bounds = Bounds { waiting: 12, ..WIDE };
        // The first participant may also be cut off and resume: then again it reads nothing.
        let slow = play_with_slow(&steps, 0, bounds);
        let quick = play_with_slow(&steps, PARTICIPANTS, bounds);
        let (slow, quick) = (logs::anonymous(&slow.memberships), logs::anonymous(&quick.memberships));
        prop_assert_eq!(slow, quick);
    }
}

/// The member keeps its connection, and the application gets an error.
#[test]
fn a_full_queue_refuses_what_the_application_sends_to_one_member() {
    let mut harness = Harness::new(1, 1, Bounds { waiting: 1, ..WIDE });
    harness.join(0, 0, None, (Permissions::default(), None, Admission::ByRoom));
    (0..2).for_each(|_| harness.app(0, Some(0)));
    harness.drain(0, true);
    harness.check();
}
