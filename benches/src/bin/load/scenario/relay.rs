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

use crate::{
    metrics::Metrics,
    payload::Payload,
    peer::{Peer, Target},
    process::Process,
    recorder::{Recorder, Time},
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
    /// Without it, each room plays ping-pong, as fast as the server can.
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
            pairs.push(Peer::pair(target, &format!("relay-{number}")).await?);
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
        let recorder = Recorder::new();
        for (first, second) in pairs {
            let ping = first.direct(second.id(), &payload);
            let pong = second.direct(first.id(), &payload);
            let sent_at = Rc::new(Cell::new(Instant::now()));
            recorder.count_sent(1);
            first.send(&ping)?;
            for (peer, answer) in [(first, ping), (second, pong)] {
                let (recorder, payload, sent_at) =
                    (recorder.clone(), payload.clone(), sent_at.clone());
                recorder.clone().spawn(echo(peer, answer, payload, sent_at, recorder));
            }
        }
        let metrics = recorder.measure(server, self.time).await?;
        recorder.finish(metrics).await
    }

    async fn open_loop(
        &self,
        pairs: Vec<(Peer, Peer)>,
        payload: Rc<Payload>,
        rate: f64,
        server: Process,
    ) -> io::Result<Metrics> {
        let recorder = Recorder::new();
        let mut flows = Vec::new();
        for (first, second) in pairs {
            let there = Flow::new(&first, first.direct(second.id(), &payload));
            let back = Flow::new(&second, second.direct(first.id(), &payload));
            for (peer, flow) in [(first, &back), (second, &there)] {
                recorder.spawn(receive(peer, flow.clone(), payload.clone(), recorder.clone()));
            }
            flows.extend([there, back]);
        }
        let open_loop = OpenLoop::start(flows, Duration::from_secs_f64(1.0 / rate));
        let metrics = recorder.measure(server, self.time).await;
        let Sent { sent, late } = open_loop.stop()?;
        recorder.count_sent(sent);
        let mut metrics = recorder.finish(metrics?).await?;
        metrics.set("late_us", late.as_secs_f64() * 1e6 / sent as f64);
        Ok(metrics)
    }
}

/// Answers each message with the next one.
async fn echo(
    mut peer: Peer,
    answer: Vec<u8>,
    payload: Rc<Payload>,
    sent_at: Rc<Cell<Instant>>,
    recorder: Rc<Recorder>,
) -> io::Result<()> {
    loop {
        peer.expect(&payload).await?;
        recorder.record(sent_at.get().elapsed());
        if !recorder.stopping.get() {
            recorder.count_sent(1);
            sent_at.set(Instant::now());
            peer.send(&answer)?;
        }
    }
}

/// One direction of a room, in an open loop.
struct Flow {
    sender: Arc<Sender>,
    message: Vec<u8>,
    /// When those that are under way were due. Latencies count from then, which avoids coordinated
    /// omission: the time that a message waits because the one before is late is part of its latency.
    under_way: Mutex<VecDeque<Instant>>,
}

impl Flow {
    fn new(peer: &Peer, message: Vec<u8>) -> Arc<Self> {
        Arc::new(Self { sender: peer.sender(), message, under_way: Mutex::default() })
    }
}

async fn receive(
    mut peer: Peer,
    flow: Arc<Flow>,
    payload: Rc<Payload>,
    recorder: Rc<Recorder>,
) -> io::Result<()> {
    loop {
        peer.expect(&payload).await?;
        let due = flow.under_way.lock().expect("no panic under the lock").pop_front();
        recorder.record(due.ok_or_else(|| io::Error::other("more came than was sent"))?.elapsed());
    }
}

/// Sends at a fixed rate, from a thread of its own, because the runtime's timer has milliseconds.
struct OpenLoop {
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<Sent>>,
}

#[derive(Default)]
struct Sent {
    sent: u64,
    /// The sum of how late they were sent.
    late: Duration,
}

impl OpenLoop {
    fn start(flows: Vec<Arc<Flow>>, gap: Duration) -> Self {
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = stopping.clone();
        let thread = thread::spawn(move || {
            let mut total = Sent::default();
            let mut due = Instant::now();
            for flow in flows.iter().cycle() {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                flow.under_way.lock().expect("no panic under the lock").push_back(due);
                flow.sender.send(&flow.message)?;
                total.sent += 1;
                total.late += due.elapsed();
                due += gap;
            }
            Ok(total)
        });
        Self { stopping, thread }
    }

    fn stop(self) -> io::Result<Sent> {
        self.stopping.store(true, Ordering::Relaxed);
        self.thread.join().expect("sending does not panic")
    }
}
