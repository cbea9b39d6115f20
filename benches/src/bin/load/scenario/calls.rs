//! Calls from the first connection to the last leave.

use std::{io, rc::Rc, time::Instant};

use super::{Tally, Time, pair};
use crate::{
    metrics::Metrics,
    payload::Payload,
    peer::{Peer, Target},
    process::Process,
};

/// Each call: both connect and join, the first offers, the second answers, both send twelve
/// candidates, both leave. An operation is a call.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Calls {
    /// How many calls there are at a time.
    #[arg(long, default_value_t = 16)]
    at_once: usize,
    /// Bytes of an offer, and of an answer.
    #[arg(long, default_value_t = 3 * 1024)]
    bytes: usize,
    #[command(flatten)]
    time: Time,
}

impl Calls {
    pub(crate) async fn run(&self, target: Target, server: Process) -> io::Result<Metrics> {
        let tally = Tally::new();
        let description = Rc::new(Payload::description(self.bytes));
        for line in 0..self.at_once {
            tally.spawn(calls(target, line, description.clone(), tally.clone()));
        }
        let metrics = tally.measure(server, self.time).await?;
        tally.finish(metrics).await
    }
}

/// One call after the other.
async fn calls(
    target: Target,
    line: usize,
    description: Rc<Payload>,
    tally: Rc<Tally>,
) -> io::Result<()> {
    let candidate = Payload::candidate();
    let mut number = 0;
    while !tally.stopping.get() {
        tally.sending(1);
        let began = Instant::now();
        let (mut caller, mut callee) = pair(target, &format!("call-{line}-{number}")).await?;
        caller.send(&caller.direct(callee.id(), &description))?;
        callee.relayed(&description).await?;
        callee.send(&callee.direct(caller.id(), &description))?;
        let there = caller.direct(callee.id(), &candidate);
        let back = callee.direct(caller.id(), &candidate);
        // Candidates come as they are found, not all at once.
        caller.relayed(&description).await?;
        for _ in 0..CANDIDATES {
            caller.send(&there)?;
            callee.send(&back)?;
            tokio::try_join!(caller.relayed(&candidate), callee.relayed(&candidate))?;
        }
        tally.took(began.elapsed());
        leave_both(caller, callee).await;
        number += 1;
    }
    Ok(())
}

async fn leave_both(caller: Peer, callee: Peer) {
    callee.leave().await;
    caller.leave().await;
}

/// Of each participant.
const CANDIDATES: usize = 12;
