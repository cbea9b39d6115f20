//! Participants come and go.

use std::{io, rc::Rc, time::Duration};

use tokio::time::{Instant, sleep};

use super::{Meter, Tally};
use crate::{
    metrics::Metrics,
    payload::Payload,
    peer::{Peer, Target},
    process::Process,
};

/// Each joins one of the rooms, sends to whoever is there, and leaves; every other one by losing its
/// connection. An operation is such a stay.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Churn {
    /// For how long, in seconds.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// How many are there at a time.
    #[arg(long, default_value_t = 32)]
    at_once: usize,
    /// How many rooms they use.
    #[arg(long, default_value_t = 1_000)]
    rooms: usize,
    /// Stays per second, at most.
    #[arg(long, default_value_t = 100_000.0)]
    rate: f64,
}

impl Churn {
    pub(crate) async fn run(&self, target: Target, server: Process) -> io::Result<Metrics> {
        let tally = Tally::new();
        for line in 0..self.at_once {
            tally.spawn(self.clone().stays(target, line, tally.clone()));
        }
        // By then, all that grows to its size has done so.
        let quarter = Duration::from_secs_f64(self.seconds / 4.0);
        sleep(quarter).await;
        let meter = Meter::start(server, tally.delivered.get())?;
        let before = server.usage()?.resident as f64;
        sleep(3 * quarter).await;
        let mut metrics = meter.stop(tally.delivered.get())?;
        tally.check()?;
        tally.stopping.set(true);
        let growth = server.usage()?.resident as f64 - before;
        metrics.set("resident_before_kib", before / 1024.0);
        metrics.set("growth_kib", growth / 1024.0);
        metrics.set("growth_bytes_per_stay", growth / metrics.get("operations"));
        Ok(metrics)
    }

    async fn stays(self, target: Target, line: usize, tally: Rc<Tally>) -> io::Result<()> {
        let payload = Payload::description(512);
        let gap = Duration::from_secs_f64(self.at_once as f64 / self.rate);
        // Any order will do that spreads over the rooms.
        let mut number = line;
        while !tally.stopping.get() {
            let began = Instant::now();
            number = (number + STEP) % self.rooms;
            let peer = Peer::join(target, &format!("churn-{number}"), line).await?;
            if target.protocol.has_broadcast() {
                peer.send(&peer.broadcast(target.protocol, &[], &payload))?;
            }
            if number.is_multiple_of(2) {
                peer.leave().await;
            } else {
                drop(peer);
            }
            tally.took(began.elapsed());
            tokio::time::sleep_until(began + gap).await;
        }
        Ok(())
    }
}

/// No divisor of a number of rooms that somebody would choose.
const STEP: usize = 7_919;
