//! Everybody at once.

use std::{cell::Cell, io, rc::Rc};

use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

use super::{Meter, Tally, crowd::gather};
use crate::{
    metrics::Metrics,
    peer::{Peer, Target},
    process::Process,
    protocol::Protocol,
};

/// An operation is a join.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct JoinStorm {
    /// How many connections, in rooms of two.
    #[arg(long, default_value_t = 2_000)]
    connections: usize,
}

/// Every socket is lost at once, and all come back at once. An operation is a return.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ResumeStorm {
    /// How many sessions, in rooms of two.
    #[arg(long, default_value_t = 5_000)]
    sessions: usize,
}

impl JoinStorm {
    pub(crate) async fn run(&self, target: Target, server: Process) -> io::Result<Metrics> {
        // The first are slow for reasons of their own.
        drop(gather(target, self.connections / 4, "first", &Tally::new()).await?);
        sleep(super::POLL).await;
        let tally = Tally::new();
        let meter = Meter::start(server, 0)?;
        let peers = gather(target, self.connections, "storm", &tally).await?;
        let mut metrics = meter.stop(peers.len() as u64)?;
        metrics.latency(&tally.latency.borrow());
        Ok(metrics)
    }
}

impl ResumeStorm {
    pub(crate) async fn run(&self, target: Target, server: Process) -> io::Result<Metrics> {
        if target.protocol != Protocol::MeetSignal {
            return Err(io::Error::other("nothing but meet-signal has sessions to come back to"));
        }
        let tally = Tally::new();
        let meter = Meter::start(server, 0)?;
        let peers = gather(target, self.sessions, "storm", &tally).await?;
        let first = meter.stop(peers.len() as u64)?;

        let sessions: Vec<_> =
            peers.iter().map(|(peer, room)| (peer.session(), room.clone())).collect();
        let meter = Meter::start(server, 0)?;
        drop(peers);
        quiet(server).await?;
        let loss = meter.stop(sessions.len() as u64)?;

        let back = Tally::new();
        let full = Rc::new(Cell::new(0));
        let total = sessions.len() as u64;
        let meter = Meter::start(server, 0)?;
        // As many connect at a time as when they joined, or else the two are not to be compared.
        let slots = Rc::new(Semaphore::new(64));
        for (session, room) in sessions {
            let (tally, full, slots) = (back.clone(), full.clone(), slots.clone());
            back.spawn(async move {
                let slot = slots.acquire().await.map_err(io::Error::other)?;
                let began = Instant::now();
                let (mut peer, is_full) = Peer::resume(target, &room, &session).await?;
                drop(slot);
                tally.latency.borrow_mut().record(began.elapsed());
                tally.delivered.set(tally.delivered.get() + 1);
                full.set(full.get() + u64::from(is_full));
                peer.linger().await
            });
        }
        while back.delivered.get() < total {
            back.check()?;
            sleep(super::POLL).await;
        }
        let mut metrics = meter.stop(total)?;
        metrics.latency(&back.latency.borrow());
        metrics.count("full", full.get());
        for (from, name, to) in
            [(&first, "cpu_us", "first_join_cpu_us"), (&loss, "cpu_us", "loss_cpu_us")]
        {
            metrics.set(to, from.get(name));
        }
        Ok(metrics)
    }
}

/// Waits until a server has done what it had to do.
async fn quiet(server: Process) -> io::Result<()> {
    let mut before = server.usage()?.cpu;
    loop {
        sleep(10 * super::POLL).await;
        let now = server.usage()?.cpu;
        if now == before {
            return Ok(());
        }
        before = now;
    }
}
