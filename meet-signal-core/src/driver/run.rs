//! From the welcome to the end of the socket.

use std::{future::poll_fn, ops::ControlFlow, pin::pin};

use tokio::{
    select,
    task::yield_now,
    time::{Instant, sleep_until},
};

use super::{
    JoinReport,
    exit::{Exit, send},
    liveness::{HeartbeatAction, Liveness},
    outcome::{Outcome, Traffic},
    renewal::Renewal,
};
use crate::{
    Session,
    clock::now,
    message::ServerMessage,
    socket::{Incoming, Socket},
};

/// Relays in both directions. `held` are the messages that the client sent during the handshake.
pub(super) async fn run<S: Socket>(
    session: &mut Session,
    held: Vec<S::Text>,
    mut renewal: Renewal,
    socket: &mut S,
    (report, outcome): (&mut JoinReport<'_>, &mut Outcome),
) -> Exit {
    let hub = session.hub().clone();
    let mut liveness = Liveness::new(hub.limits(), now());
    let mut timer = pin!(sleep_until(Instant::now()));
    let mut batch = Vec::new();
    // The `welcome`: nothing else is sent before it.
    if let Err(reason) = poll_fn(|cx| session.poll_drain(cx, BATCH_BYTES, &mut batch)).await {
        return Exit::closed(reason);
    }
    report.check(session, outcome);
    for text in held {
        outcome.received.count(text.as_ref().len());
        if let ControlFlow::Break(reason) = session.receive(text.as_ref(), now()) {
            return Exit::closed(reason);
        }
    }
    let mut ping_is_due = false;
    let mut unacknowledged = Unacknowledged::default();
    let mut unyielded = 0;
    loop {
        if ping_is_due || session.takes_probe() || unacknowledged.is_due() {
            ping_is_due = false;
            unacknowledged = Unacknowledged::default();
            batch.push(ServerMessage::Ping { received: session.received() }.encode());
            liveness.pinged(now());
        }
        if unyielded > YIELD_BYTES {
            // Gives the receivers' tasks time to read.
            unyielded = 0;
            yield_now().await;
        }
        if !batch.is_empty() {
            let written = Traffic::of(&batch);
            select! {
                biased;
                sent = send(&hub, socket, &mut batch) => if let Err(exit) = sent {
                    return exit;
                },
                // Even while the socket accepts nothing. If the session goes on, no frame is
                // lost: the newer connection gets these frames, too.
                reason = poll_fn(|cx| session.poll_closed(cx)) => {
                    return Exit::Closed { reason, is_writing: true };
                }
            }
            outcome.sent.add(written);
            liveness.sent(written.bytes as usize, now());
            batch.shrink_to(IDLE_BATCH);
        }
        select! {
            incoming = socket.recv() => {
                let now = now();
                let handled = match incoming {
                    Incoming::Text(text) => {
                        liveness.heard(now);
                        unyielded += text.as_ref().len().max(YIELD_MIN);
                        unacknowledged.count(text.as_ref().len());
                        outcome.received.count(text.as_ref().len());
                        session.receive(text.as_ref(), now)
                    }
                    Incoming::Control => {
                        liveness.heard_control(now);
                        session.receive_control(now)
                    }
                    Incoming::Partial { fragments, bytes } => {
                        liveness.heard_fragment(now);
                        timer.as_mut().reset(Instant::now());
                        session.receive_partial(fragments, bytes, now)
                    }
                    Incoming::ProtocolError(reason) => ControlFlow::Break(reason),
                    Incoming::Closed => return Exit::Disconnected,
                    Incoming::GoingAway => return Exit::GoingAway,
                };
                if let ControlFlow::Break(reason) = handled {
                    return Exit::closed(reason);
                }
            },
            drained = poll_fn(|cx| session.poll_drain(cx, BATCH_BYTES, &mut batch)) => {
                if let Err(reason) = drained {
                    return Exit::closed(reason);
                }
                report.check(session, outcome);
            }
            never = poll_fn(|cx| renewal.poll(cx)) => match never {},
            () = &mut timer => match liveness.check(now()) {
                HeartbeatAction::Wait(until) => timer.as_mut().reset(until.into()),
                HeartbeatAction::Ping => ping_is_due = true,
                HeartbeatAction::Close(reason) => return Exit::closed(reason),
            },
        }
    }
}

/// What the client keeps for retransmission because no ping has acknowledged it. A client that
/// sends and receives all the time gets no heartbeat ping.
#[derive(Default)]
struct Unacknowledged {
    frames: usize,
    bytes: usize,
}

impl Unacknowledged {
    fn count(&mut self, bytes: usize) {
        self.frames += 1;
        self.bytes += bytes;
    }

    fn is_due(&self) -> bool {
        self.frames >= ACKNOWLEDGED_FRAMES || self.bytes >= ACKNOWLEDGED_BYTES
    }
}

/// After how many of the client's frames a ping acknowledges them: a client may keep at most a
/// thousand, and each ping costs it a reply.
const ACKNOWLEDGED_FRAMES: usize = 256;

/// The same in bytes.
const ACKNOWLEDGED_BYTES: usize = 128 * 1024;

/// How many bytes are written before the socket is read again: enough to write a burst at once, and
/// few enough that a ping is not late.
const BATCH_BYTES: usize = 64 * 1024;

/// After how many bytes of buffered messages to yield to other tasks: less than one member's share
/// of an outbox, so that a burst does not fill the outbox of a receiver that reads.
const YIELD_BYTES: usize = 32 * 1024;

/// The minimum that each message counts for, in bytes. It bounds their number.
const YIELD_MIN: usize = 512;

/// The capacity, in frames, that an idle connection keeps.
const IDLE_BATCH: usize = 8;
