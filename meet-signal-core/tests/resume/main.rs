//! Sessions whose connections are cut, taken over and late in any order: real hub and sessions,
//! against a client that keeps the protocol and a model of a few obvious lines.

mod client;
mod paper;
mod threads;
mod world;

use paper::Bounds;
use proptest::{prelude::*, test_runner::RngAlgorithm};
use world::World;

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    Say(usize, Option<usize>),
    Acknowledge(usize),
    Leave(usize),
    /// The client asks on a new connection, whatever it has.
    Connect(usize),
    /// All that is under way on its newest wire arrives.
    Flow(usize),
    /// Something happens on one of its last wires.
    On {
        client: usize,
        back: usize,
        event: Event,
    },
    /// The application tells everybody something.
    App(u64),
}

#[derive(Debug, Clone)]
enum Event {
    ServerReads,
    ServerWrites {
        all: bool,
    },
    ServerNotices,
    ServerGivesUp,
    ClientReads,
    /// Of what is under way in either direction, so much still arrives.
    Cut {
        up: usize,
        down: usize,
    },
}

const CLIENTS: usize = 3;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let client = || 0..CLIENTS;
    // Mostly the newest wire; sometimes one that was given up long ago.
    let back = prop_oneof![4 => Just(0_usize), 3 => Just(1), 1 => 2..5_usize];
    let event = prop_oneof![
        12 => Just(Event::ServerReads),
        12 => any::<bool>().prop_map(|all| Event::ServerWrites { all }),
        3 => Just(Event::ServerNotices),
        1 => Just(Event::ServerGivesUp),
        12 => Just(Event::ClientReads),
        5 => (0..4_usize, 0..4_usize).prop_map(|(up, down)| Event::Cut { up, down }),
    ];
    let step = prop_oneof![
        8 => (client(), prop::option::of(client())).prop_map(|(a, b)| Step::Say(a, b)),
        4 => client().prop_map(Step::Acknowledge),
        1 => client().prop_map(Step::Leave),
        8 => client().prop_map(Step::Connect),
        10 => client().prop_map(Step::Flow),
        45 => (client(), back, event)
            .prop_map(|(client, back, event)| Step::On { client, back, event }),
        4 => any::<u64>().prop_map(Step::App),
    ];
    prop::collection::vec(step, 1..150)
}

fn bounds() -> impl Strategy<Value = Bounds> {
    (1..12_usize, 0..8_usize)
        .prop_map(|(waiting, unacknowledged)| Bounds { waiting, unacknowledged })
}

fn play(steps: &[Step], patient: bool, bounds: Bounds) -> World {
    let mut world = World::new(CLIENTS, patient, bounds);
    for step in steps {
        take(&mut world, step);
        world.check();
    }
    world
}

fn take(world: &mut World, step: &Step) {
    match *step {
        Step::Say(client, to) => world.say(client, to),
        Step::Acknowledge(client) => world.acknowledge(client),
        Step::Leave(client) => world.leave(client),
        Step::Connect(client) => world.connect(client),
        Step::Flow(client) => world.flow(client),
        Step::App(n) => world.app(n),
        Step::On { client, back, ref event } => {
            if let Some(at) = world.wire(client, back) {
                happen(world, at, event);
            }
        }
    }
}

fn happen(world: &mut World, at: usize, event: &Event) {
    match *event {
        Event::ServerReads => _ = world.server_reads(at),
        Event::ServerWrites { all } => _ = world.server_writes(at, all),
        Event::ServerNotices => world.server_notices(at),
        Event::ServerGivesUp => world.server_gives_up(at),
        Event::ClientReads => _ = world.client_reads(at),
        Event::Cut { up, down } => world.cut(at, up, down),
    }
}

fn config() -> ProptestConfig {
    // A history is thousands of small choices: the default generator would take most of the time.
    ProptestConfig { rng_algorithm: RngAlgorithm::XorShift, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    /// As long as no welcome says otherwise: what a client handles is what it is owed, each frame
    /// once and in order, and what the room takes is what the client said, each once and in order.
    /// When everything under way has arrived, all of it has.
    #[test]
    fn everything_is_handled_once_and_in_order(
        steps in steps(), patient in any::<bool>(), bounds in bounds(),
    ) {
        let mut world = play(&steps, patient, bounds);
        world.settle();
        world.check();
        world.check_settled();
    }

    /// A client is never told `full` where it lacks something, nor `partial` where it lacks nothing.
    #[test]
    fn full_is_said_exactly_where_nothing_is_missing(
        steps in steps(), patient in any::<bool>(), bounds in bounds(),
    ) {
        let mut world = play(&steps, patient, bounds);
        world.settle();
        for verdict in &world.verdicts {
            prop_assert_eq!(verdict.full, verdict.expected);
        }
    }

    /// Whatever is done with a connection that was taken over, nobody hears of it, and nothing is
    /// changed by it.
    #[test]
    fn an_old_connection_changes_nothing(steps in steps(), bounds in bounds()) {
        let mut world = play(&steps, false, bounds);
        world.drain();
        let before = (world.roster(), world.hub.sessions());
        world.misuse_old_connections();
        prop_assert_eq!((world.roster(), world.hub.sessions()), before);
        prop_assert_eq!(world.drain(), 0);
    }

    /// The roster of a welcome and the frames after it are one history, over all welcomes.
    #[test]
    fn a_client_sees_the_room_as_it_is(
        steps in steps(), patient in any::<bool>(), bounds in bounds(),
    ) {
        let mut world = play(&steps, patient, bounds);
        world.settle();
        let roster = world.roster();
        for client in &world.clients {
            let others = roster.iter().filter(|(id, _)| Some(id) != client.id.as_ref());
            prop_assert_eq!(&client.view, &others.cloned().collect());
        }
    }

    /// With room for all that can be said, and on a network that brings an attempt that was given up
    /// nowhere, no client is ever told that something may be missing.
    #[test]
    fn where_nothing_overflows_every_resume_is_full(steps in steps(), patient in any::<bool>()) {
        let bounds = Bounds { waiting: 100_000, unacknowledged: 100_000 };
        let mut world = World::new(CLIENTS, patient, bounds);
        for step in &steps {
            if let Step::Connect(client) = step
                && let Some(at) = world.wire(*client, 0)
            {
                world.cut(at, 0, 0);
            }
            take(&mut world, step);
        }
        world.settle();
        for verdict in &world.verdicts {
            prop_assert!(verdict.full);
        }
    }
}
