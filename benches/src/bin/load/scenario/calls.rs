//! Calls from the first connection to the last leave.

use std::{io, rc::Rc, time::Instant};

use crate::{
    metrics::Metrics,
    payload::Payload,
    peer::{Peer, Target},
    process::Process,
    recorder::{Recorder, Time},
};

/// Each call: both connect and join, the first offers, the second answers, both send twelve
/// candidates, both leave. An operation is a call.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Calls {
    /// How many calls at a time.
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
        let recorder = Recorder::new();
        let description = Rc::new(Payload::description(self.bytes));
        for task in 0..self.at_once {
            recorder.spawn(calls(target, task, description.clone(), recorder.clone()));
        }
        let metrics = recorder.measure(server, self.time).await?;
        recorder.finish(metrics).await
    }
}

/// Makes one call after the other.
async fn calls(
    target: Target,
    task: usize,
    description: Rc<Payload>,
    recorder: Rc<Recorder>,
) -> io::Result<()> {
    let candidate = Payload::candidate();
    let mut number = 0;
    while !recorder.stopping.get() {
        recorder.count_sent(1);
        let began = Instant::now();
        let (mut caller, mut callee) = Peer::pair(target, &format!("call-{task}-{number}")).await?;
        caller.send(&caller.direct(callee.id(), &description))?;
        callee.expect(&description).await?;
        callee.send(&callee.direct(caller.id(), &description))?;
        let there = caller.direct(callee.id(), &candidate);
        let back = callee.direct(caller.id(), &candidate);
        // A browser finds candidates one after the other.
        caller.expect(&description).await?;
        for _ in 0..CANDIDATES {
            caller.send(&there)?;
            callee.send(&back)?;
            tokio::try_join!(caller.expect(&candidate), callee.expect(&candidate))?;
        }
        recorder.record(began.elapsed());
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
