//! What participants do to a server.

mod calls;
mod churn;
mod crowd;
mod fan_out;
mod relay;
mod storm;

use std::{
    cell::{Cell, RefCell},
    future::Future,
    io,
    rc::Rc,
    time::Duration,
};

use clap::Subcommand;
use tokio::{
    task::spawn_local,
    time::{Instant, sleep, timeout},
};

use crate::{
    metrics::{Latency, Metrics},
    peer::{Peer, Target},
    process::{Process, Usage},
};

/// What is done, and how much of it.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Scenario {
    /// Rooms of two that send to each other.
    Relay(relay::Relay),
    /// Calls from the first connection to the last leave.
    Calls(calls::Calls),
    /// One room, in which one sends to all others.
    FanOut(fan_out::FanOut),
    /// Connections that do nothing.
    Idle(crowd::Idle),
    /// Many join at once.
    JoinStorm(storm::JoinStorm),
    /// Many lose their sockets at once, and come back.
    ResumeStorm(storm::ResumeStorm),
    /// Participants come and go.
    Churn(churn::Churn),
}

impl Scenario {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Relay(_) => "relay",
            Self::Calls(_) => "calls",
            Self::FanOut(_) => "fan-out",
            Self::Idle(_) => "idle",
            Self::JoinStorm(_) => "join-storm",
            Self::ResumeStorm(_) => "resume-storm",
            Self::Churn(_) => "churn",
        }
    }

    /// How long a message is, where all are of one length.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Relay(relay) => relay.bytes,
            _ => 0,
        }
    }

    pub(crate) async fn run(&self, target: Target, server: Process) -> io::Result<Metrics> {
        match self {
            Self::Relay(relay) => relay.run(target, server).await,
            Self::Calls(calls) => calls.run(target, server).await,
            Self::FanOut(fan_out) => fan_out.run(target, server).await,
            Self::Idle(idle) => idle.run(target, server).await,
            Self::JoinStorm(storm) => storm.run(target, server).await,
            Self::ResumeStorm(storm) => storm.run(target, server).await,
            Self::Churn(churn) => churn.run(target, server).await,
        }
    }
}

/// What the tasks of a scenario have done together.
struct Tally {
    sent: Cell<u64>,
    delivered: Cell<u64>,
    /// Whether what is done is measured; before that, the server warms up.
    measuring: Cell<bool>,
    stopping: Cell<bool>,
    latency: RefCell<Latency>,
    failure: RefCell<Option<String>>,
}

impl Tally {
    fn new() -> Rc<Self> {
        Rc::new(Self {
            sent: Cell::default(),
            delivered: Cell::default(),
            measuring: Cell::default(),
            stopping: Cell::default(),
            latency: RefCell::new(Latency::new()),
            failure: RefCell::default(),
        })
    }

    fn sending(&self, messages: u64) {
        self.sent.set(self.sent.get() + messages);
    }

    fn took(&self, time: Duration) {
        self.delivered.set(self.delivered.get() + 1);
        if self.measuring.get() {
            self.latency.borrow_mut().record(time);
        }
    }

    /// Has a task do something that has to go well until the scenario is stopping.
    fn spawn(self: &Rc<Self>, task: impl Future<Output = io::Result<()>> + 'static) {
        let tally = self.clone();
        spawn_local(async move {
            if let Err(error) = task.await
                && !tally.stopping.get()
            {
                tally.failure.borrow_mut().get_or_insert(error.to_string());
            }
        });
    }

    /// Fails if a task has failed.
    fn check(&self) -> io::Result<()> {
        match &*self.failure.borrow() {
            Some(failure) => Err(io::Error::other(failure.clone())),
            None => Ok(()),
        }
    }

    /// Waits until all that was sent is delivered.
    async fn settle(&self) -> io::Result<()> {
        let settled = async {
            while self.delivered.get() < self.sent.get() && self.failure.borrow().is_none() {
                sleep(POLL).await;
            }
        };
        let _ = timeout(PATIENCE, settled).await;
        // What comes twice comes right after.
        sleep(POLL).await;
        self.check()?;
        let (sent, delivered) = (self.sent.get(), self.delivered.get());
        if sent != delivered {
            return Err(io::Error::other(format!("{sent} sent, {delivered} delivered")));
        }
        Ok(())
    }

    /// Measures for some time, after some more to warm up.
    async fn measure(&self, server: Process, time: Time) -> io::Result<Metrics> {
        sleep(time.warm_up()).await;
        let meter = Meter::start(server, self.delivered.get())?;
        self.measuring.set(true);
        sleep(time.seconds()).await;
        self.measuring.set(false);
        meter.stop(self.delivered.get())
    }

    /// Stops, and makes sure that nothing is lost.
    async fn finish(&self, mut metrics: Metrics) -> io::Result<Metrics> {
        self.stopping.set(true);
        self.settle().await?;
        metrics.latency(&self.latency.borrow());
        metrics.count("sent", self.sent.get());
        metrics.count("delivered", self.delivered.get());
        Ok(metrics)
    }
}

/// How long a scenario takes.
#[derive(Debug, Clone, Copy, clap::Args)]
struct Time {
    /// How long is measured, in seconds.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
}

impl Time {
    fn seconds(self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    /// Enough for a just-in-time compiler.
    fn warm_up(self) -> Duration {
        self.seconds() / 3
    }
}

/// What a server uses between two moments.
struct Meter {
    server: Process,
    began: Instant,
    before: Usage,
    operations: u64,
}

impl Meter {
    /// Starts after so many operations.
    fn start(server: Process, operations: u64) -> io::Result<Self> {
        Ok(Self { server, began: Instant::now(), before: server.usage()?, operations })
    }

    /// Stops after so many operations.
    fn stop(self, operations: u64) -> io::Result<Metrics> {
        let after = self.server.usage()?;
        let seconds = self.began.elapsed().as_secs_f64();
        let cpu = (after.cpu - self.before.cpu).as_secs_f64();
        let operations = operations - self.operations;
        if operations == 0 {
            return Err(io::Error::other("nothing was done in the time that was measured"));
        }
        let mut metrics = Metrics::default();
        metrics.count("operations", operations);
        metrics.set("seconds", seconds);
        metrics.set("per_second", operations as f64 / seconds);
        metrics.set("cpu_us", cpu * 1e6 / operations as f64);
        metrics.set("cpu_share", cpu / seconds);
        metrics.set("resident_kib", after.resident as f64 / 1024.0);
        Ok(metrics)
    }
}

/// Two participants of one room. The first knows that the second is there.
async fn pair(target: Target, room: &str) -> io::Result<(Peer, Peer)> {
    let mut first = Peer::join(target, room, 0).await?;
    let second = Peer::join(target, room, 1).await?;
    first.announced().await?;
    Ok((first, second))
}

/// How often it is looked whether something is done.
const POLL: Duration = Duration::from_millis(20);

/// How long the last message may take.
const PATIENCE: Duration = Duration::from_secs(10);
