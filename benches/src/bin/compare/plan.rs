//! What is played to whom.

use crate::server::{Kind, Server};

/// A scenario with its arguments.
pub(crate) struct Plan {
    /// In RESULTS.md, and for `--only`.
    pub(crate) name: &'static str,
    /// The generator's arguments; with those that make it short.
    full: &'static [&'static str],
    smoke: &'static [&'static str],
    /// Whether it takes the time that it is given.
    timed: bool,
    audience: Recipients,
    /// Played only if it is asked for by its name, or for a moment.
    pub(crate) on_request: bool,
    /// What meet-signal's own server is started with.
    pub(crate) server: &'static [&'static str],
}

#[derive(PartialEq, Eq)]
enum Recipients {
    /// Whoever brings messages from one to another.
    Everybody,
    /// Whoever knows who joins.
    Rooms,
    /// Rooms, and the floor that sends to many.
    FanOut,
    /// meet-signal alone: nobody else has it.
    Own,
    /// What is measured without a server.
    InProcess,
}

pub(crate) fn plans() -> Vec<Plan> {
    vec![
        Plan::new("relay", &["relay", "--pairs", "60", "--bytes", "2048"], Recipients::Everybody)
            .smoke(&["relay", "--pairs", "4"]),
        Plan::new(
            "relay-open-loop",
            &["relay", "--pairs", "60", "--bytes", "2048", "--rate", "4000"],
            Recipients::Everybody,
        )
        .smoke(&["relay", "--pairs", "4", "--rate", "500"]),
        Plan::new("calls", &["calls"], Recipients::Rooms).smoke(&["calls", "--at-once", "2"]),
        Plan::new("fan-out", &["fan-out", "--members", "50"], Recipients::FanOut).smoke(&[
            "fan-out",
            "--members",
            "5",
        ]),
        Plan::new(
            "fan-out-bursts",
            &["fan-out", "--members", "50", "--burst", "10"],
            Recipients::FanOut,
        )
        .smoke(&["fan-out", "--members", "5", "--burst", "10"]),
        Plan::new("idle", &["idle", "--connections", "2000"], Recipients::Rooms).smoke(&[
            "idle",
            "--connections",
            "20",
        ]),
        Plan::new("join-storm", &["join-storm", "--connections", "2000"], Recipients::Rooms)
            .untimed()
            .smoke(&["join-storm", "--connections", "40"]),
        Plan::new("resume-storm", &["resume-storm", "--sessions", "5000"], Recipients::Own)
            .untimed()
            .smoke(&["resume-storm", "--sessions", "40"]),
        // Whoever loses its socket stays for the grace period: so long, memory has to grow.
        Plan::new("churn", &["churn", "--rate", "150"], Recipients::Own)
            .on_request()
            .server(&["--grace", "1"])
            .smoke(&["churn", "--at-once", "4"]),
        Plan::new("in-process", &[], Recipients::InProcess),
    ]
}

impl Plan {
    fn new(name: &'static str, full: &'static [&'static str], audience: Recipients) -> Self {
        Self { name, full, smoke: full, timed: true, audience, on_request: false, server: &[] }
    }

    fn smoke(mut self, smoke: &'static [&'static str]) -> Self {
        self.smoke = smoke;
        self
    }

    fn untimed(mut self) -> Self {
        self.timed = false;
        self
    }

    fn on_request(mut self) -> Self {
        self.on_request = true;
        self
    }

    fn server(mut self, arguments: &'static [&'static str]) -> Self {
        self.server = arguments;
        self
    }

    pub(crate) fn is_for(&self, server: &Server) -> bool {
        match server.kind {
            Kind::Own => self.audience != Recipients::InProcess,
            Kind::Peer => !matches!(self.audience, Recipients::Own | Recipients::InProcess),
            Kind::Bytes | Kind::Reduced => self.audience == Recipients::Everybody,
            Kind::Frames => matches!(self.audience, Recipients::Everybody | Recipients::Rooms),
            Kind::FanOut => self.audience == Recipients::FanOut,
            Kind::InProcess => self.audience == Recipients::InProcess,
        }
    }

    pub(crate) fn arguments(&self, seconds: f64, smoke: bool) -> Vec<String> {
        let given = if smoke { self.smoke } else { self.full };
        let mut arguments: Vec<_> = given.iter().map(|it| (*it).to_owned()).collect();
        if self.timed {
            arguments.extend(["--seconds".to_owned(), seconds.to_string()]);
        }
        arguments
    }
}
