//! Rooms of two that send to each other.

use std::{
    cell::Cell,
    collections::VecDeque,
    io,
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{Tally, Time, pair};
use crate::{
    metrics::Metrics,
    payload::Payload,
    peer::{Peer, Target},
    process::Process,
    websocket::Sender,
};

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Relay {
    /// How many rooms.
    #[arg(long, default_value_t = 60)]
    pairs: usize,
    /// Bytes of payload in a message.
    #[arg(long, default_value_t = 2048)]
    pub(crate) bytes: usize,
    /// Messages per second in all rooms together, sent whether or not the ones before have arrived.
    /// Without it, each room plays ping-pong, and is as fast as the server.
    #[arg(long)]
    rate: Option<f64>,
    #[command(flatten)]
    time: Time,
}

impl Relay {
    pub(crate) async fn run(&self, target: Target, server: Process) -> io::Result<Metrics> {
        let payload = Rc::new(Payload::description(self.bytes));
        let mut pairs = Vec::with_capacity(self.pairs);
        for number in 0..self.pairs {
            pairs.push(pair(target, &format!("relay-{number}")).await?);
        }
        match self.rate {
            Some(rate) => self.open_loop(pairs, payload, rate, server).await,
            None => self.ping_pong(pairs, payload, server).await,
        }
    }

    async fn ping_pong(
        &self,
        pairs: Vec<(Peer, Peer)>,
        payload: Rc<Payload>,
        server: Process,
    ) -> io::Result<Metrics> {
        let tally = Tally::new();
        for (first, second) in pairs {
            let ping = first.direct(second.id(), &payload);
            let pong = second.direct(first.id(), &payload);
            let sent_at = Rc::new(Cell::new(Instant::now()));
            tally.sending(1);
            first.send(&ping)?;
            for (peer, answer) in [(first, ping), (second, pong)] {
                let (tally, payload, sent_at) = (tally.clone(), payload.clone(), sent_at.clone());
                tally.clone().spawn(bounce(peer, answer, payload, sent_at, tally));
            }
        }
        let metrics = tally.measure(server, self.time).await?;
        tally.finish(metrics).await
    }

    async fn open_loop(
        &self,
        pairs: Vec<(Peer, Peer)>,
        payload: Rc<Payload>,
        rate: f64,
        server: Process,
    ) -> io::Result<Metrics> {
        let tally = Tally::new();
        let mut lanes = Vec::new();
        for (first, second) in pairs {
            let there = Lane::new(&first, first.direct(second.id(), &payload));
            let back = Lane::new(&second, second.direct(first.id(), &payload));
            for (peer, lane) in [(first, &back), (second, &there)] {
                tally.spawn(take(peer, lane.clone(), payload.clone(), tally.clone()));
            }
            lanes.extend([there, back]);
        }
        let pace = Pace::start(lanes, Duration::from_secs_f64(1.0 / rate));
        let metrics = tally.measure(server, self.time).await;
        let Paced { sent, late } = pace.stop()?;
        tally.sending(sent);
        let mut metrics = tally.finish(metrics?).await?;
        metrics.set("late_us", late.as_secs_f64() * 1e6 / sent as f64);
        Ok(metrics)
    }
}

/// Answers each message with the next one.
async fn bounce(
    mut peer: Peer,
    answer: Vec<u8>,
    payload: Rc<Payload>,
    sent_at: Rc<Cell<Instant>>,
    tally: Rc<Tally>,
) -> io::Result<()> {
    loop {
        peer.relayed(&payload).await?;
        tally.took(sent_at.get().elapsed());
        if !tally.stopping.get() {
            tally.sending(1);
            sent_at.set(Instant::now());
            peer.send(&answer)?;
        }
    }
}

/// One direction of a room, in an open loop.
struct Lane {
    sender: Arc<Sender>,
    message: Vec<u8>,
    /// When those that are under way should have been sent. Counted from there, the time that a
    /// message waits because the one before is late is part of its latency: no omission is
    /// coordinated.
    under_way: Mutex<VecDeque<Instant>>,
}

impl Lane {
    fn new(peer: &Peer, message: Vec<u8>) -> Arc<Self> {
        Arc::new(Self { sender: peer.sender(), message, under_way: Mutex::default() })
    }
}

async fn take(
    mut peer: Peer,
    lane: Arc<Lane>,
    payload: Rc<Payload>,
    tally: Rc<Tally>,
) -> io::Result<()> {
    loop {
        peer.relayed(&payload).await?;
        let due = lane.under_way.lock().expect("no panic under the lock").pop_front();
        tally.took(due.ok_or_else(|| io::Error::other("more came than was sent"))?.elapsed());
    }
}

/// Sends at even distances, from a thread of its own: the runtime's timer has milliseconds.
struct Pace {
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<Paced>>,
}

#[derive(Default)]
struct Paced {
    sent: u64,
    /// How late all of them were sent, together.
    late: Duration,
}

impl Pace {
    fn start(lanes: Vec<Arc<Lane>>, gap: Duration) -> Self {
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = stopping.clone();
        let thread = thread::spawn(move || {
            let mut paced = Paced::default();
            let mut due = Instant::now();
            for lane in lanes.iter().cycle() {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                lane.under_way.lock().expect("no panic under the lock").push_back(due);
                lane.sender.send(&lane.message)?;
                paced.sent += 1;
                paced.late += due.elapsed();
                due += gap;
            }
            Ok(paced)
        });
        Self { stopping, thread }
    }

    fn stop(self) -> io::Result<Paced> {
        self.stopping.store(true, Ordering::Relaxed);
        self.thread.join().expect("sending does not panic")
    }
}
