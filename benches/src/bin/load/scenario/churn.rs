//! Participants join and leave.

use std::{io, rc::Rc, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    metrics::Metrics,
    payload::Payload,
    peer::{Peer, Target},
    process::Process,
    recorder::{Meter, Recorder},
};

/// Each joins one of the rooms, sends to all others there, and leaves; every other one by losing its
/// connection. An operation is all of that.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Churn {
    /// How long it takes, in seconds.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// How many participants at a time.
    #[arg(long, default_value_t = 32)]
    at_once: usize,
    /// How many rooms they use.
    #[arg(long, default_value_t = 1_000)]
    rooms: usize,
    /// Operations per second, at most.
    #[arg(long, default_value_t = 100_000.0)]
    rate: f64,
}

impl Churn {
    pub(crate) async fn run(&self, target: Target, server: Process) -> io::Result<Metrics> {
        let recorder = Recorder::new();
        for task in 0..self.at_once {
            recorder.spawn(self.clone().visit(target, task, recorder.clone()));
        }
        // By then, buffers and maps have their size.
        let quarter = Duration::from_secs_f64(self.seconds / 4.0);
        sleep(quarter).await;
        let meter = Meter::start(server, recorder.delivered.get())?;
        let before = server.usage()?.resident as f64;
        sleep(3 * quarter).await;
        let mut metrics = meter.stop(recorder.delivered.get())?;
        recorder.check()?;
        recorder.stopping.set(true);
        let growth = server.usage()?.resident as f64 - before;
        metrics.set("resident_before_kib", before / 1024.0);
        metrics.set("growth_kib", growth / 1024.0);
        metrics.set("growth_bytes_per_visit", growth / metrics.get("operations"));
        Ok(metrics)
    }

    async fn visit(self, target: Target, task: usize, recorder: Rc<Recorder>) -> io::Result<()> {
        let payload = Payload::description(512);
        let gap = Duration::from_secs_f64(self.at_once as f64 / self.rate);
        let mut number = task;
        while !recorder.stopping.get() {
            let began = Instant::now();
            number = (number + STEP) % self.rooms;
            let peer = Peer::join(target, &format!("churn-{number}"), task).await?;
            if target.protocol.has_broadcast() {
                peer.send(&peer.broadcast(target.protocol, &[], &payload))?;
            }
            if number.is_multiple_of(2) {
                peer.leave().await;
            } else {
                drop(peer);
            }
            recorder.record(began.elapsed());
            tokio::time::sleep_until(began + gap).await;
        }
        Ok(())
    }
}

/// A prime, so that the rooms are used in turn, whatever their number.
const STEP: usize = 7_919;
