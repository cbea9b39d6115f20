//! Many join, or resume, at once.

use std::io;

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time::{Instant, sleep};

use super::idle::{AT_ONCE, join_all};
use crate::{
    metrics::Metrics,
    peer::{Peer, Target},
    process::Process,
    protocol::Protocol,
    recorder::{Meter, POLL_INTERVAL, Recorder},
};

/// An operation is a join.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct JoinStorm {
    /// How many connections, in rooms of two.
    #[arg(long, default_value_t = 2_000)]
    connections: usize,
}

/// All sockets are lost at once, then all sessions resume. An operation is a resume.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ResumeStorm {
    /// How many sessions, in rooms of two.
    #[arg(long, default_value_t = 5_000)]
    sessions: usize,
}

impl JoinStorm {
    pub(crate) async fn run(&self, target: Target, server: Process) -> io::Result<Metrics> {
        // The first connections make a server allocate what it needs only once.
        drop(join_all(target, self.connections / 4, "first", &Recorder::new().latency).await?);
        sleep(POLL_INTERVAL).await;
        let recorder = Recorder::new();
        let meter = Meter::start(server, 0)?;
        let peers = join_all(target, self.connections, "storm", &recorder.latency).await?;
        let mut metrics = meter.stop(peers.len() as u64)?;
        metrics.latency(&recorder.latency.borrow());
        Ok(metrics)
    }
}

impl ResumeStorm {
    pub(crate) async fn run(&self, target: Target, server: Process) -> io::Result<Metrics> {
        if target.protocol != Protocol::MeetSignal {
            return Err(io::Error::other("only meet-signal has sessions"));
        }
        let meter = Meter::start(server, 0)?;
        let latency = &Recorder::new().latency;
        let peers = join_all(target, self.sessions, "storm", latency).await?;
        let total = peers.len() as u64;
        let first = meter.stop(total)?;

        let sessions: Vec<_> =
            peers.iter().map(|(peer, room)| (peer.session(), room.clone())).collect();
        let meter = Meter::start(server, 0)?;
        drop(peers);
        wait_idle(server).await?;
        let loss = meter.stop(total)?;

        let recorder = Recorder::new();
        let meter = Meter::start(server, 0)?;
        // As many at a time as when they joined, so that the two can be compared.
        let resumes = stream::iter(sessions).map(async |(session, room)| {
            let began = Instant::now();
            let (mut peer, is_full) = Peer::resume(target, &room, &session).await?;
            recorder.latency.borrow_mut().record(began.elapsed());
            recorder.spawn(async move { peer.run().await });
            io::Result::Ok(is_full)
        });
        let resumes: Vec<_> = resumes.buffer_unordered(AT_ONCE).try_collect().await?;
        recorder.check()?;
        let mut metrics = meter.stop(total)?;
        metrics.latency(&recorder.latency.borrow());
        metrics.count("full", resumes.iter().filter(|is_full| **is_full).count() as u64);
        metrics.set("first_join_cpu_us", first.get("cpu_us"));
        metrics.set("loss_cpu_us", loss.get("cpu_us"));
        Ok(metrics)
    }
}

/// Waits until a server uses no more CPU.
async fn wait_idle(server: Process) -> io::Result<()> {
    let mut before = server.usage()?.cpu;
    loop {
        sleep(10 * POLL_INTERVAL).await;
        let now = server.usage()?.cpu;
        if now == before {
            return Ok(());
        }
        before = now;
    }
}
