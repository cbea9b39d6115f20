//! Many join, and send nothing.

use std::{cell::RefCell, io, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time::{Instant, sleep};

use crate::{
    metrics::{Latency, Metrics},
    peer::{Peer, Target},
    process::Process,
    recorder::{Meter, Recorder, Time},
};

/// An operation is a connection for a second.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Idle {
    /// How many connections, in rooms of two.
    #[arg(long, default_value_t = 2_000)]
    connections: usize,
    #[command(flatten)]
    time: Time,
}

impl Idle {
    pub(crate) async fn run(&self, target: Target, server: Process) -> io::Result<Metrics> {
        let recorder = Recorder::new();
        // The first connections make a server allocate what it needs only once.
        drop(join_all(target, FIRST, "first", &recorder.latency).await?);
        let before = server.usage()?.resident;
        let peers = join_all(target, self.connections, "idle", &recorder.latency).await?;
        let connections = peers.len() as f64;
        for (mut peer, _) in peers {
            recorder.spawn(async move { peer.run().await });
        }
        sleep(SETTLE).await;
        let resident = server.usage()?.resident.saturating_sub(before) as f64;
        let meter = Meter::start(server, 0)?;
        sleep(self.time.seconds()).await;
        let seconds = self.time.seconds().as_secs_f64();
        let mut metrics = meter.stop((connections * seconds) as u64)?;
        recorder.check()?;
        metrics.set("kib_per_connection", resident / 1024.0 / connections);
        Ok(metrics)
    }
}

/// Makes so many join, in rooms of two, and returns each with its room.
pub(super) async fn join_all(
    target: Target,
    count: usize,
    room: &str,
    latency: &RefCell<Latency>,
) -> io::Result<Vec<(Peer, String)>> {
    let rooms = stream::iter(0..count.div_ceil(2)).map(async |number| {
        let room = format!("{room}-{number}");
        let mut peers = Vec::with_capacity(2);
        for number in 0..2 {
            let began = Instant::now();
            let peer = Peer::join(target, &room, number).await?;
            latency.borrow_mut().record(began.elapsed());
            peers.push((peer, room.clone()));
        }
        io::Result::Ok(peers)
    });
    let peers: Vec<_> = rooms.buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(peers.into_iter().flatten().collect())
}

/// How many connect at the same time.
pub(super) const AT_ONCE: usize = 64;

const FIRST: usize = 20;

/// By then, a server has done what it does after a join.
const SETTLE: Duration = Duration::from_secs(1);
