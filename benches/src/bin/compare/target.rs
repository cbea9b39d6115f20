//! What meet-signal is to reach.

use crate::results::{Key, Results, Spread};

/// One claim, and what became of it.
pub(crate) struct Target {
    pub(crate) claim: String,
    pub(crate) bound: Bound,
    pub(crate) measured: Option<Spread>,
    pub(crate) what: What,
}

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What {
    Number(Key<'static>),
    /// The first one, divided by the second.
    Ratio(Key<'static>, Key<'static>),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// No bound: a number to be read beside the others.
    None,
}

impl Target {
    pub(crate) fn is_met(&self) -> Option<bool> {
        let median = self.measured?.median;
        match self.bound {
            Bound::AtMost(bound) => Some(median <= bound),
            Bound::AtLeast(bound) => Some(median >= bound),
            Bound::None => None,
        }
    }

    /// By how much it is missed.
    pub(crate) fn missed_by(&self) -> Option<f64> {
        let median = self.measured?.median;
        let factor = match self.bound {
            Bound::AtMost(bound) => median / bound,
            Bound::AtLeast(bound) => bound / median,
            Bound::None => return None,
        };
        (factor > 1.0).then_some(factor - 1.0)
    }
}

pub(crate) fn targets(results: &Results) -> Vec<Target> {
    let mut targets = Vec::new();
    let mut add = |claim: String, bound, what| {
        let measured = match what {
            What::Number(key) => results.get(key),
            What::Ratio(of, to) => results.ratio(of, to),
        };
        targets.push(Target { claim, bound, measured, what });
    };
    let cpu = |scenario: &'static str, server: &'static str| (scenario, server, "cpu_us");

    let relay = |server| cpu("relay", server);
    add(
        "relay, axum: × the TCP copy".into(),
        Bound::AtMost(1.4),
        What::Ratio(relay("axum"), relay("tcp")),
    );
    for (floor, what) in [
        ("bare", "one task for both"),
        ("bare-tasks", "a task and a channel each"),
        ("bare-default", "a task and a channel each, axum's own buffers"),
    ] {
        add(
            format!("relay, axum: × bare WebSockets, {what}"),
            Bound::AtMost(1.1),
            What::Ratio(relay("axum"), relay(floor)),
        );
    }
    add(
        "relay, actix: × axum".into(),
        Bound::AtMost(1.25),
        What::Ratio(relay("actix"), relay("axum")),
    );
    for (peer, bound) in PEERS {
        add(
            format!("relay: {peer} × axum"),
            bound.map_or(Bound::None, Bound::AtLeast),
            What::Ratio(relay(peer), relay("axum")),
        );
    }
    for (peer, _) in PEERS {
        let p99 = |server| ("relay-open-loop", server, "p99_us");
        add(
            format!("p99 at 4,000 messages/s: axum × {peer}"),
            Bound::AtMost(1.0),
            What::Ratio(p99("axum"), p99(peer)),
        );
    }
    for (server, bound) in [("axum", 7.0), ("actix", 12.0)] {
        add(
            format!("idle, in a room, resumable: KiB per connection, {server}"),
            Bound::AtMost(bound),
            What::Number(("idle", server, "kib_per_connection")),
        );
    }
    let allocations = |metric| ("in-process", "in-process", metric);
    add(
        "broadcast: allocations for 512 receivers × for 8".into(),
        Bound::AtMost(1.0),
        What::Ratio(
            allocations("allocations_broadcast_to_512"),
            allocations("allocations_broadcast_to_8"),
        ),
    );
    add(
        "fan-out to 49, axum: × one loop over bare WebSockets".into(),
        Bound::AtMost(1.1),
        What::Ratio(cpu("fan-out", "axum"), cpu("fan-out", "bare-loop")),
    );
    add(
        "bursts of 10 to 49, axum: × one loop over bare WebSockets".into(),
        Bound::AtMost(1.1),
        What::Ratio(cpu("fan-out-bursts", "axum"), cpu("fan-out-bursts", "bare-loop")),
    );
    add(
        "fan-out to 49: axum × Socket.IO".into(),
        Bound::AtMost(1.0 / 3.0),
        What::Ratio(cpu("fan-out", "axum"), cpu("fan-out", "socket.io")),
    );
    add(
        "one flush for a burst, axum: a delivery in a burst of 10 × a single one".into(),
        Bound::AtMost(0.5),
        What::Ratio(cpu("fan-out-bursts", "axum"), cpu("fan-out", "axum")),
    );
    for (peer, _) in PEERS {
        let bound = if RUST.contains(&peer) { 1.3 } else { 3.0 };
        add(
            format!("calls: {peer} × axum"),
            Bound::AtLeast(bound),
            What::Ratio(cpu("calls", peer), cpu("calls", "axum")),
        );
    }
    let core = |metric| ("in-process", "in-process", metric);
    add(
        "a join beside 100,000 rooms × beside one".into(),
        Bound::AtMost(1.25),
        What::Ratio(core("join_beside_100000_rooms_ns"), core("join_beside_1_room_ns")),
    );
    add(
        "a join to 512 members × to 64 (linear would be 8)".into(),
        Bound::AtMost(8.8),
        What::Ratio(core("join_room_of_512_ns"), core("join_room_of_64_ns")),
    );
    add(
        "5,000 lost sessions: how many are back `full`".into(),
        Bound::AtLeast(5_000.0),
        What::Number(("resume-storm", "axum", "full")),
    );
    add(
        "5,000 lost sessions: a return × a first join".into(),
        Bound::AtMost(1.3),
        What::Ratio(cpu("resume-storm", "axum"), ("resume-storm", "axum", "first_join_cpu_us")),
    );
    add(
        "churn: memory at the end × after a quarter of the time".into(),
        Bound::AtMost(1.05),
        What::Ratio(("churn", "axum", "resident_kib"), ("churn", "axum", "resident_before_kib")),
    );
    targets
}

/// The peers, and how many times the CPU per message of meet-signal theirs should be at least.
const PEERS: [(&str, Option<f64>); 6] = [
    ("socketioxide", Some(1.5)),
    ("matchbox", Some(2.5)),
    ("peerjs", Some(3.0)),
    ("fastapi", Some(5.0)),
    ("socket.io", Some(5.0)),
    ("y-webrtc", None),
];

const RUST: [&str; 2] = ["socketioxide", "matchbox"];
