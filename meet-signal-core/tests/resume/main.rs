//! Sessions whose connections are cut, taken over and late in any order: a hub, against the
//! [model](meet_signal_core::testing::model) and clients that follow the protocol.
//!
//! These tests alone find frames that are lost or doubled on their way: between a write and its
//! arrival, and between a connection and the one that takes its session over.

mod client;
mod harness;
mod threads;

use harness::{Bounds, Harness};
use meet_signal_core::{Resumed, testing::model::View};
use proptest::{prelude::*, test_runner::RngAlgorithm};

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    Say(usize, Option<usize>),
    Acknowledge(usize),
    Leave(usize),
    /// The client joins on a new connection, even if it has one.
    Connect(usize),
    /// All that is under way on its newest wire arrives.
    Flow(usize),
    /// Something happens on one of its last wires.
    On {
        client: usize,
        back: usize,
        event: Event,
    },
    /// The application sends something to all members.
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
    // Most often the newest wire, sometimes one that was given up long ago.
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

fn play(steps: &[Step], read_on: bool, bounds: Bounds) -> Harness {
    let mut harness = Harness::new(CLIENTS, read_on, bounds);
    for step in steps {
        take(&mut harness, step);
        harness.check();
    }
    harness
}

fn take(harness: &mut Harness, step: &Step) {
    match *step {
        Step::Say(client, to) => harness.say(client, to),
        Step::Acknowledge(client) => harness.acknowledge(client),
        Step::Leave(client) => harness.leave(client),
        Step::Connect(client) => harness.connect(client),
        Step::Flow(client) => harness.flow(client),
        Step::App(n) => harness.app(n),
        Step::On { client, back, ref event } => {
            if let Some(at) = harness.wire(client, back) {
                happen(harness, at, event);
            }
        }
    }
}

fn happen(harness: &mut Harness, at: usize, event: &Event) {
    match *event {
        Event::ServerReads => _ = harness.server_reads(at),
        Event::ServerWrites { all } => _ = harness.server_writes(at, all),
        Event::ServerNotices => harness.server_notices(at),
        Event::ServerGivesUp => harness.server_gives_up(at),
        Event::ClientReads => _ = harness.client_reads(at),
        Event::Cut { up, down } => harness.cut(at, up, down),
    }
}

fn config() -> ProptestConfig {
    // A history is thousands of small choices, for which the default generator is slow.
    ProptestConfig { rng_algorithm: RngAlgorithm::XorShift, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    /// Until a welcome says otherwise, the client handles each frame of the model once and in order, and
    /// the room handles each message of the client once and in order. Once everything has arrived,
    /// nothing is missing. A welcome says `full` if, and only if, nothing is missing that the client has
    /// not handled.
    #[test]
    fn everything_is_handled_once_and_in_order(
        steps in steps(), read_on in any::<bool>(), bounds in bounds(),
    ) {
        let mut harness = play(&steps, read_on, bounds);
        harness.settle();
        harness.check();
        harness.check_settled();
    }

    /// Whatever happens on a connection that was taken over changes nothing.
    #[test]
    fn an_old_connection_changes_nothing(steps in steps(), bounds in bounds()) {
        let mut harness = play(&steps, false, bounds);
        harness.drain();
        let before = (harness.roster(), harness.hub.sessions());
        harness.misuse_old_connections();
        prop_assert_eq!((harness.roster(), harness.hub.sessions()), before);
        prop_assert_eq!(harness.drain(), 0);
    }

    /// The roster of a welcome and the frames after it are one history, over all welcomes.
    #[test]
    fn a_client_sees_the_room_as_it_is(
        steps in steps(), read_on in any::<bool>(), bounds in bounds(),
    ) {
        let mut harness = play(&steps, read_on, bounds);
        harness.settle();
        for client in &harness.clients {
            let me = client.id.expect("every client has joined");
            prop_assert_eq!(&client.view, &View::of(harness.model.members(), me));
        }
    }

    /// If no queue can overflow, and the frames of attempts that were given up do not arrive, every
    /// resume is a full one.
    #[test]
    fn every_resume_is_full_if_no_queue_overflows(steps in steps(), read_on in any::<bool>()) {
        let bounds = Bounds { waiting: 100_000, unacknowledged: 100_000 };
        let mut harness = Harness::new(CLIENTS, read_on, bounds);
        for step in &steps {
            if let Step::Connect(client) = step
                && let Some(at) = harness.wire(*client, 0)
            {
                harness.cut(at, 0, 0);
            }
            take(&mut harness, step);
        }
        harness.settle();
        prop_assert!(harness.resumed.iter().all(|resumed| *resumed == Resumed::Full));
    }
}
