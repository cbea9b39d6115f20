//! The requirements on a room, by name: real hub and sessions with any history of several rooms,
//! their bounds and their clocks, against the [model](meet_signal_core::testing::model). What comes
//! of cuts in the middle of frames has tests of its own, in `tests/resume`.

mod logs;
mod stay;
mod world;

use std::time::Duration;

use meet_signal_core::{Grant, Meta, Permissions};
use proptest::{collection::vec, option, prelude::*, test_runner::RngAlgorithm};
use stay::Bounds;
use world::{Said, World};

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    Join { who: usize, room: usize, replaces: Option<usize>, rights: Rights },
    Say(usize, Said),
    Drain { who: usize, all: bool },
    Lose(usize),
    ComeBack(usize),
    Abort(usize),
    Pass(Duration),
    App { room: usize, to: Option<usize> },
    CloseRoom(usize),
}

#[derive(Debug, Clone, Copy)]
struct Rights {
    signal: bool,
    broadcast: bool,
    /// Its `meta` is the application's word.
    named: bool,
}

const PEOPLE: usize = 6;
const ROOMS: usize = 3;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = || 0..PEOPLE;
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
    let rights = (may(), may(), may()).prop_map(|(signal, broadcast, unnamed)| Rights {
        signal,
        broadcast,
        named: !unnamed,
    });
    let replaces = option::weighted(0.2, who());
    let step = prop_oneof![
        16 => (who(), room(), replaces, rights)
            .prop_map(|(who, room, replaces, rights)| Step::Join { who, room, replaces, rights }),
        40 => (who(), said).prop_map(|(who, said)| Step::Say(who, said)),
        16 => (who(), any::<bool>()).prop_map(|(who, all)| Step::Drain { who, all }),
        5 => who().prop_map(Step::Lose),
        6 => who().prop_map(Step::ComeBack),
        2 => who().prop_map(Step::Abort),
        8 => (0..900_u64).prop_map(|ms| Step::Pass(Duration::from_millis(ms))),
        4 => (room(), option::of(who())).prop_map(|(room, to)| Step::App { room, to }),
        1 => room().prop_map(Step::CloseRoom),
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
    room_peers: PEOPLE,
    sessions: PEOPLE,
    waiting: 100_000,
    per_second: 1_000_000,
    burst: 1_000_000,
    bad_messages: 1_000_000,
};

fn take(world: &mut World, step: &Step) {
    match *step {
        Step::Join { who, room, replaces, rights } => {
            let mut permissions = Permissions::NONE;
            permissions.signal = rights.signal;
            permissions.broadcast = rights.broadcast;
            let mut grant = Grant::new().permissions(permissions);
            if rights.named {
                grant = grant.meta(Meta::new(&"granted").expect("JSON"));
            }
            world.join(who, room, replaces, &grant);
        }
        Step::Say(who, said) => world.say(who, said),
        Step::Drain { who, all } => world.drain(who, all),
        Step::Lose(who) => world.lose(who),
        Step::ComeBack(who) => world.come_back(who),
        Step::Abort(who) => world.abort(who),
        Step::Pass(time) => world.pass(time),
        Step::App { room, to } => world.app(room, to),
        Step::CloseRoom(room) => world.close_room(room),
    }
}

/// Plays a history. Each step's outcome is held against the paper, each frame that comes as well.
fn play(steps: &[Step], bounds: Bounds) -> World {
    let mut world = World::new(PEOPLE, ROOMS, bounds);
    steps.iter().for_each(|step| take(&mut world, step));
    world
}

/// Plays a history in which everybody but this one reads at once.
fn play_with_slow(steps: &[Step], slow: usize, bounds: Bounds) -> World {
    let mut world = World::new(PEOPLE, ROOMS, bounds);
    for step in steps {
        // Whoever does not read does not find out, either, that it is to join again.
        let is_told = match step {
            Step::Drain { who, .. } => *who == slow,
            Step::CloseRoom(_) | Step::Join { replaces: Some(_), .. } => true,
            _ => false,
        };
        if !is_told {
            take(&mut world, step);
        }
        (0..PEOPLE).filter(|who| *who != slow).for_each(|who| world.drain(who, true));
    }
    world
}

/// Everybody who has a socket reads all there is.
fn settle(world: &mut World) {
    (0..world.people()).for_each(|who| world.drain(who, true));
    // Who was too slow has gone away, which the others hear of.
    (0..world.people()).for_each(|who| world.drain(who, true));
}

fn config() -> ProptestConfig {
    // A history is thousands of small choices: the default generator would take most of the time.
    ProptestConfig { rng_algorithm: RngAlgorithm::XorShift, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    /// Each member gets what the model says that it is told, to the letter, and answers to what it
    /// said; every call says what the model says; and nobody has more than the bounds allow.
    #[test]
    fn everything_is_as_on_paper_and_the_bounds_hold(steps in steps(), bounds in bounds()) {
        let mut world = World::new(PEOPLE, ROOMS, bounds);
        for step in &steps {
            take(&mut world, step);
            world.check();
        }
        settle(&mut world);
        world.check();
    }

    #[test]
    fn every_members_view_is_the_room(steps in steps(), bounds in bounds()) {
        let mut world = play(&steps, bounds);
        settle(&mut world);
        for stay in world.stays.iter().filter(|stay| stay.is_member() && stay.owed.is_empty()) {
            if stay.away_since.is_none() && !stay.overflowed {
                let members = world.rooms[stay.room].members();
                prop_assert_eq!(logs::view(stay.last_counting()), logs::others(members, stay.id));
            }
        }
    }

    #[test]
    fn each_peer_is_announced_exactly_once(steps in steps()) {
        let mut world = play(&steps, WIDE);
        settle(&mut world);
        for stay in &world.stays {
            let announced = logs::announced(&stay.log);
            prop_assert!(logs::are_distinct(&announced), "{:?}", announced);
            // Whoever is heard of was announced before.
            logs::view(&stay.log);
        }
    }

    #[test]
    fn there_is_exactly_one_leave_for_each_join(steps in steps()) {
        let mut world = play(&steps, WIDE);
        settle(&mut world);
        for stay in world.stays.iter().filter(|stay| stay.is_member() && stay.away_since.is_none()) {
            let there = logs::others(world.rooms[stay.room].members(), stay.id);
            let mut gone = logs::announced(&stay.log);
            gone.retain(|peer| !there.contains_key(peer));
            let mut left = logs::left(&stay.log);
            gone.sort();
            left.sort();
            prop_assert_eq!(left, gone);
        }
    }

    #[test]
    fn nobody_hears_itself(steps in steps(), bounds in bounds()) {
        let mut world = play(&steps, bounds);
        settle(&mut world);
        for stay in &world.stays {
            let mut about = stay.log.iter().flat_map(logs::about);
            prop_assert!(about.all(|peer| peer != stay.id.to_string()));
        }
    }

    /// What one sender said reaches each receiver in the order in which it was said, to one and to
    /// all alike.
    #[test]
    fn one_senders_frames_arrive_in_their_order(steps in steps(), bounds in bounds()) {
        let mut world = play(&steps, bounds);
        settle(&mut world);
        for stay in &world.stays {
            for sender in &world.stays {
                let said = logs::said(&stay.log, &sender.id.to_string());
                prop_assert!(said.is_sorted() && logs::are_distinct(&said), "{said:?}");
            }
        }
    }

    /// What several members of a room are told, they are told in one order.
    #[test]
    fn a_room_has_one_order(steps in steps(), bounds in bounds()) {
        let mut world = play(&steps, bounds);
        settle(&mut world);
        for one in &world.stays {
            let told = logs::events(&one.log);
            for other in world.stays.iter().filter(|other| other.room == one.room) {
                let other = logs::events(&other.log);
                let common = |told: &[String], of: &[String]| {
                    told.iter().filter(|event| of.contains(event)).cloned().collect::<Vec<_>>()
                };
                prop_assert_eq!(common(&told, &other), common(&other, &told));
            }
        }
    }

    /// Whoever is in no room, or in another one, gets nothing of it.
    #[test]
    fn no_frame_goes_to_who_is_no_member(steps in steps(), bounds in bounds()) {
        let mut world = play(&steps, bounds);
        settle(&mut world);
        for stay in &world.stays {
            let peers: Vec<_> = world.stays.iter().filter(|other| other.room == stay.room).collect();
            for about in stay.log.iter().flat_map(logs::about) {
                prop_assert!(peers.iter().any(|peer| peer.id.to_string() == about));
            }
            if let (Some(session), false) = (&stay.session, stay.is_member()) {
                let (waker, mut batch) = (std::task::Waker::noop(), Vec::new());
                let cx = std::task::Context::from_waker(waker);
                prop_assert!(session.poll_drain(&cx, usize::MAX, &mut batch).is_ready());
                prop_assert!(batch.is_empty());
            }
        }
    }

    #[test]
    fn an_emptied_hub_has_nothing_left(steps in steps(), bounds in bounds()) {
        let mut world = play(&steps, bounds);
        world.end();
        world.check();
        prop_assert_eq!(world.hub.sessions(), 0);
        prop_assert_eq!(world.hub.rooms(), []);
    }

    /// Whether one of them never reads, or at once, is nothing that the others can see: but that
    /// what is addressed to it comes back.
    #[test]
    fn a_slow_member_delays_nobody(steps in steps()) {
        let bounds = Bounds { waiting: 12, ..WIDE };
        // The first one may be cut and come back, too: then it reads nothing again.
        let slow = play_with_slow(&steps, 0, bounds);
        let quick = play_with_slow(&steps, PEOPLE, bounds);
        let (slow, quick) = (logs::anonymous(&slow.stays), logs::anonymous(&quick.stays));
        prop_assert_eq!(slow, quick);
    }
}
