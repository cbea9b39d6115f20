//! Counts and measures what a scenario does.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    io,
    rc::Rc,
    time::Duration,
};

use tokio::{
    task::spawn_local,
    time::{Instant, sleep, timeout},
};

use crate::{
    metrics::{Latency, Metrics},
    process::{Process, Usage},
};

/// Counts what the tasks of a scenario do, and records how long it takes.
pub(crate) struct Recorder {
    pub(crate) sent: Cell<u64>,
    pub(crate) delivered: Cell<u64>,
    /// Whether latencies are recorded. Before that, the server warms up.
    pub(crate) measuring: Cell<bool>,
    pub(crate) stopping: Cell<bool>,
    pub(crate) latency: RefCell<Latency>,
    failure: RefCell<Option<String>>,
}

impl Recorder {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            sent: Cell::default(),
            delivered: Cell::default(),
            measuring: Cell::default(),
            stopping: Cell::default(),
            latency: RefCell::new(Latency::new()),
            failure: RefCell::default(),
        })
    }

    pub(crate) fn count_sent(&self, messages: u64) {
        self.sent.set(self.sent.get() + messages);
    }

    pub(crate) fn record(&self, time: Duration) {
        self.delivered.set(self.delivered.get() + 1);
        if self.measuring.get() {
            self.latency.borrow_mut().record(time);
        }
    }

    /// Spawns a task that must not fail before the scenario is stopping.
    pub(crate) fn spawn(self: &Rc<Self>, task: impl Future<Output = io::Result<()>> + 'static) {
        let recorder = self.clone();
        spawn_local(async move {
            if let Err(error) = task.await
                && !recorder.stopping.get()
            {
                recorder.failure.borrow_mut().get_or_insert(error.to_string());
            }
        });
    }

    /// Fails if a task has failed.
    pub(crate) fn check(&self) -> io::Result<()> {
        match &*self.failure.borrow() {
            Some(failure) => Err(io::Error::other(failure.clone())),
            None => Ok(()),
        }
    }

    /// Waits until all messages are delivered.
    pub(crate) async fn wait_delivered(&self) -> io::Result<()> {
        let settled = async {
            while self.delivered.get() < self.sent.get() && self.failure.borrow().is_none() {
                sleep(POLL_INTERVAL).await;
            }
        };
        let _ = timeout(DELIVERY_TIMEOUT, settled).await;
        // A duplicate comes right after.
        sleep(POLL_INTERVAL).await;
        self.check()?;
        let (sent, delivered) = (self.sent.get(), self.delivered.get());
        if sent != delivered {
            return Err(io::Error::other(format!("{sent} sent, {delivered} delivered")));
        }
        Ok(())
    }

    /// Measures, after the server has warmed up.
    pub(crate) async fn measure(&self, server: Process, time: Time) -> io::Result<Metrics> {
        sleep(time.warm_up()).await;
        let meter = Meter::start(server, self.delivered.get())?;
        self.measuring.set(true);
        sleep(time.seconds()).await;
        self.measuring.set(false);
        meter.stop(self.delivered.get())
    }

    /// Stops, and checks that nothing was lost.
    pub(crate) async fn finish(&self, mut metrics: Metrics) -> io::Result<Metrics> {
        self.stopping.set(true);
        self.wait_delivered().await?;
        metrics.latency(&self.latency.borrow());
        metrics.count("sent", self.sent.get());
        metrics.count("delivered", self.delivered.get());
        Ok(metrics)
    }
}

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Time {
    /// How long a measurement takes, in seconds.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
}

impl Time {
    pub(crate) fn seconds(self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    /// Long enough for a just-in-time compiler.
    pub(crate) fn warm_up(self) -> Duration {
        self.seconds() / 3
    }
}

/// Measures what a server uses.
pub(crate) struct Meter {
    server: Process,
    began: Instant,
    before: Usage,
    operations: u64,
}

impl Meter {
    /// Starts after so many operations.
    pub(crate) fn start(server: Process, operations: u64) -> io::Result<Self> {
        Ok(Self { server, began: Instant::now(), before: server.usage()?, operations })
    }

    /// Stops after so many operations.
    pub(crate) fn stop(self, operations: u64) -> io::Result<Metrics> {
        let after = self.server.usage()?;
        let seconds = self.began.elapsed().as_secs_f64();
        let cpu = (after.cpu - self.before.cpu).as_secs_f64();
        let operations = operations - self.operations;
        if operations == 0 {
            return Err(io::Error::other("no operation completed while it was measured"));
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

pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(20);

const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);
