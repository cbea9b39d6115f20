//! One room, in which one sends to all others.

use std::{cell::Cell, io, rc::Rc, time::Instant};

use tokio::sync::Notify;

use super::{Tally, Time};
use crate::{
    metrics::Metrics,
    payload::Payload,
    peer::{Peer, Target},
    process::Process,
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
    /// How many messages are sent at once. The next ones are sent when all have them.
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
            sender.announced().await?;
        }
        let payload = Rc::new(Payload::description(self.bytes));
        let ids: Vec<_> = others.iter().map(|peer| peer.id().to_owned()).collect();
        let message = sender.broadcast(target.protocol, &ids, &payload);
        let (messages, voice) = (message.repeat(self.burst), sender.sender());

        let tally = Tally::new();
        let burst = Rc::new(Burst {
            sent_at: Instant::now().into(),
            left: Cell::default(),
            done: Notify::new(),
        });
        let deliveries = (self.burst * others.len()) as u64;
        // It answers what the server asks.
        tally.spawn(async move { sender.linger().await });
        for other in others {
            tally.spawn(listen(other, payload.clone(), burst.clone(), tally.clone()));
        }
        let sending = tally.clone();
        tally.spawn(async move {
            while !sending.stopping.get() {
                burst.left.set(deliveries);
                burst.sent_at.set(Instant::now());
                sending.sending(deliveries);
                voice.send(&messages)?;
                burst.done.notified().await;
            }
            Ok(())
        });
        let metrics = tally.measure(server, self.time).await?;
        tally.finish(metrics).await
    }
}

async fn listen(
    mut peer: Peer,
    payload: Rc<Payload>,
    burst: Rc<Burst>,
    tally: Rc<Tally>,
) -> io::Result<()> {
    loop {
        peer.relayed(&payload).await?;
        tally.took(burst.sent_at.get().elapsed());
        burst.left.set(burst.left.get().saturating_sub(1));
        if burst.left.get() == 0 {
            burst.done.notify_one();
        }
    }
}

const ROOM: &str = "fan-out";
