//! One room, in which one participant sends to all others.

use std::{cell::Cell, io, rc::Rc, time::Instant};

use tokio::sync::Notify;

use crate::{
    metrics::Metrics,
    payload::Payload,
    peer::{Peer, Target},
    process::Process,
    recorder::{Recorder, Time},
};

/// An operation is a delivery to one of them.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct FanOut {
    /// How many participants.
    #[arg(long, default_value_t = 50)]
    members: usize,
    /// Bytes of payload in a message.
    #[arg(long, default_value_t = 512)]
    bytes: usize,
    /// How many messages are sent at once. The next burst follows when all have received this one.
    #[arg(long, default_value_t = 1)]
    burst: usize,
    #[command(flatten)]
    time: Time,
}

struct Burst {
    sent_at: Cell<Instant>,
    left: Cell<u64>,
    done: Notify,
}

impl FanOut {
    pub(crate) async fn run(&self, target: Target, server: Process) -> io::Result<Metrics> {
        let mut sender = Peer::join(target, ROOM, 0).await?;
        let mut others = Vec::new();
        for number in 1..self.members {
            others.push(Peer::join(target, ROOM, number).await?);
            sender.peer_joined().await?;
        }
        let payload = Rc::new(Payload::description(self.bytes));
        let ids: Vec<_> = others.iter().map(|peer| peer.id().to_owned()).collect();
        let message = sender.broadcast(target.protocol, &ids, &payload);
        let (messages, handle) = (message.repeat(self.burst), sender.sender());

        let recorder = Recorder::new();
        let burst = Rc::new(Burst {
            sent_at: Instant::now().into(),
            left: Cell::default(),
            done: Notify::new(),
        });
        let deliveries = (self.burst * others.len()) as u64;
        recorder.spawn(async move { sender.run().await });
        for other in others {
            recorder.spawn(receive(other, payload.clone(), burst.clone(), recorder.clone()));
        }
        let sending = recorder.clone();
        recorder.spawn(async move {
            while !sending.stopping.get() {
                burst.left.set(deliveries);
                burst.sent_at.set(Instant::now());
                sending.count_sent(deliveries);
                handle.send(&messages)?;
                burst.done.notified().await;
            }
            Ok(())
        });
        let metrics = recorder.measure(server, self.time).await?;
        recorder.finish(metrics).await
    }
}

async fn receive(
    mut peer: Peer,
    payload: Rc<Payload>,
    burst: Rc<Burst>,
    recorder: Rc<Recorder>,
) -> io::Result<()> {
    loop {
        peer.expect(&payload).await?;
        recorder.record(burst.sent_at.get().elapsed());
        burst.left.set(burst.left.get().saturating_sub(1));
        if burst.left.get() == 0 {
            burst.done.notify_one();
        }
    }
}

const ROOM: &str = "fan-out";
