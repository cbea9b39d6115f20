//! Many who join, and do nothing.

use std::{cell::RefCell, io, rc::Rc, time::Duration};

use tokio::time::{Instant, sleep};

use super::{Meter, Tally, Time};
use crate::{
    metrics::Metrics,
    peer::{Peer, Target},
    process::Process,
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
        // A server that has served nobody yet has not everything that it needs once.
        gather(target, FIRST, "first", &Tally::new()).await?;
        let before = server.usage()?.resident;
        let tally = Tally::new();
        let peers = gather(target, self.connections, "idle", &tally).await?;
        let connections = peers.len() as f64;
        for (mut peer, _) in peers {
            tally.spawn(async move { peer.linger().await });
        }
        sleep(SETTLE).await;
        let resident = server.usage()?.resident.saturating_sub(before) as f64;
        let meter = Meter::start(server, 0)?;
        sleep(self.time.seconds()).await;
        let seconds = self.time.seconds().as_secs_f64();
        let mut metrics = meter.stop((connections * seconds) as u64)?;
        tally.check()?;
        metrics.set("kib_per_connection", resident / 1024.0 / connections);
        Ok(metrics)
    }
}

/// Has so many join, in rooms of two, a few at a time. Their order is that of their rooms.
pub(super) async fn gather(
    target: Target,
    count: usize,
    room: &'static str,
    tally: &Rc<Tally>,
) -> io::Result<Vec<(Peer, String)>> {
    let next = Rc::new(RefCell::new(0..count.div_ceil(2)));
    let peers = Rc::new(RefCell::new(Vec::with_capacity(count)));
    for _ in 0..AT_ONCE {
        let (next, peers, tally) = (next.clone(), peers.clone(), tally.clone());
        tally.clone().spawn(async move {
            loop {
                let Some(number) = next.borrow_mut().next() else { return Ok(()) };
                let room = format!("{room}-{number}");
                for number in 0..2 {
                    let began = Instant::now();
                    tally.sending(1);
                    let peer = Peer::join(target, &room, number).await?;
                    tally.latency.borrow_mut().record(began.elapsed());
                    tally.delivered.set(tally.delivered.get() + 1);
                    peers.borrow_mut().push((peer, room.clone()));
                }
            }
        });
    }
    while peers.borrow().len() < 2 * count.div_ceil(2) {
        tally.check()?;
        sleep(LOOK).await;
    }
    Ok(peers.take())
}

/// How many of those that gather connect at the same time.
const AT_ONCE: usize = 64;

const FIRST: usize = 20;

/// What a server does after a join, it has done by then.
const SETTLE: Duration = Duration::from_secs(1);

const LOOK: Duration = Duration::from_millis(2);
