//! The observer pair: two correct peers that exchange signals during an attack.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::sync::watch;

use crate::{
    is_measured,
    peer::{Peer, signal},
    priority,
    server::Adapter,
};

/// The test fails if they get an error, are closed, or miss a frame.
pub(crate) struct Pair {
    adapter: Adapter,
    thread: Option<JoinHandle<()>>,
    latencies: Arc<Mutex<Vec<Duration>>>,
    trips: watch::Receiver<usize>,
    stop: Arc<watch::Sender<bool>>,
    quiet: usize,
}

impl Pair {
    /// Joins a separate room, and exchanges signals for a while before the attack.
    pub(crate) async fn join(adapter: Adapter, server: SocketAddr) -> Self {
        let latencies = Arc::<Mutex<Vec<_>>>::default();
        let (trip, trips) = watch::channel(0);
        let (stop, stopped) = watch::channel(false);
        let kept = Arc::clone(&latencies);
        let thread = thread::spawn(move || {
            priority::first();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let talk = talk(server, &kept, &trip, &stopped);
            runtime.expect("a runtime").block_on(talk);
        });
        let thread = Some(thread);
        let mut pair = Self { adapter, thread, latencies, trips, stop: Arc::new(stop), quiet: 0 };
        let trips = if is_measured() { 10 * TRIPS } else { TRIPS };
        pair.goes_on(trips).await;
        pair.quiet = *pair.trips.borrow();
        pair
    }

    /// Waits for so many further round trips.
    pub(crate) async fn goes_on(&mut self, trips: usize) {
        let end = *self.trips.borrow() + trips;
        if self.trips.wait_for(|trips| *trips >= end).await.is_err() {
            self.end();
        }
    }

    /// Ends the attack: they have continued, and have received all frames. Prints their latencies.
    pub(crate) async fn held(mut self) {
        self.goes_on(TRIPS).await;
        let latencies = self.latencies.lock().expect("no thread panics").clone();
        let (quiet, attacked) = latencies.split_at(self.quiet);
        println!(
            "{:?}: p50/p99 {} quiet, {} attacked ({} round trips)",
            self.adapter,
            percentiles(quiet),
            percentiles(attacked),
            attacked.len()
        );
        self.end();
    }

    fn end(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the observer pair continues");
        }
    }
}

async fn talk(
    server: SocketAddr,
    latencies: &Mutex<Vec<Duration>>,
    trip: &watch::Sender<usize>,
    stopped: &watch::Receiver<bool>,
) {
    let (mut ada, welcome) = Peer::join(server, 2, ROOM).await;
    let to_ada = welcome["self"]["id"].clone();
    let (mut bob, welcome) = Peer::join(server, 3, ROOM).await;
    let to_bob = welcome["self"]["id"].clone();
    for number in 0.. {
        let began = Instant::now();
        ada.send(&signal(&to_bob, number)).await;
        heard(&mut bob, number).await;
        bob.send(&signal(&to_ada, number)).await;
        heard(&mut ada, number).await;
        latencies.lock().expect("no thread panics").push(began.elapsed());
        let _ = trip.send(number + 1);
        if *stopped.borrow() {
            return;
        }
        // Less than `rate_per_second`.
        tokio::time::sleep_until((began + PACE).into()).await;
    }
}

async fn heard(peer: &mut Peer, number: usize) {
    loop {
        let message =
            peer.next().await.unwrap_or_else(|end| panic!("the observer was closed: {end:?}"));
        assert_ne!(message["type"], "error", "{message}");
        if message["type"] == "signal" && message["data"].is_number() {
            assert_eq!(message["data"], Value::from(number), "no frame is missing");
            return;
        }
    }
}

fn percentiles(latencies: &[Duration]) -> String {
    let mut sorted = latencies.to_vec();
    sorted.sort();
    let at = |part: f64| sorted[((sorted.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    format!("{:.1}/{:.1} ms", at(0.5), at(0.99))
}

/// The number of round trips before the attack, and the minimum during it.
const TRIPS: usize = 30;

/// Their room, which an attacker may join, too.
pub(crate) const ROOM: &str = "pair";

const PACE: Duration = Duration::from_millis(20);
