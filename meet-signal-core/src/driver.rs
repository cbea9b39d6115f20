//! The life of one connection, and of the session that it starts.
//!
//! One loop, one task for each connection. It is written once, over [`Socket`], so that every
//! adapter has the same limits, timeouts and close codes.

use std::{future::poll_fn, ops::ControlFlow, pin::pin, task::Poll};

use tokio::{
    select,
    time::{Duration, Instant, sleep_until, timeout, timeout_at},
};

use crate::{
    Applicant, Authorize, CloseReason, Denied, ErrorCode, Frame, Hub, Joining, ResumeError, RoomId,
    Session,
    intake::{Intake, Read, Rejected},
    liveness::{Liveness, Pulse},
    message::{ClientMessage, ErrorFrame, Join, LeaveReason, Meta, Resume, ServerMessage},
    socket::{Incoming, Socket},
};

/// Serves one connection until its session has ended or a newer connection has taken it over: lets
/// it join `room` or go on with a session there, relays in both directions, and after the loss of its
/// socket stays with the session for the grace period.
///
/// # Cancel safety
///
/// Dropping the future drops the socket and leaves the room, at whatever point it is; unless a newer
/// connection has the session.
#[expect(clippy::manual_async_fn, reason = "an `async fn` has two places for each argument")]
pub fn serve<S: Socket, A: Authorize>(
    hub: Hub,
    room: RoomId,
    authorize: A,
    mut socket: S,
) -> impl Future<Output = ()> {
    async move {
        // Boxed, since joining takes twice the room of everything after it, and is soon over.
        let admitted = Box::pin(admit(&hub, room, authorize, &mut socket)).await;
        let (mut session, welcome) = match admitted {
            Ok(admitted) => admitted,
            Err(End::Lost) => return,
            Err(End::Closed(reason)) => return close(&mut socket, reason).await,
        };
        match converse(&mut session, welcome, &mut socket).await {
            End::Lost => session.away(),
            End::Closed(reason) if reason.keeps_session() => {
                session.away();
                close(&mut socket, reason).await;
            }
            // A server that stops waits for its sessions: this one ends when the client has been told.
            End::Closed(reason @ CloseReason::Draining { .. }) => {
                return close(&mut socket, reason).await;
            }
            // The others hear of it at once, not when the client has answered.
            End::Closed(reason) => {
                session.leave(LeaveReason::Closed);
                return close(&mut socket, reason).await;
            }
        }
        drop(socket);
        linger(session).await;
    }
}

/// How a connection ends.
enum End {
    /// The other end is gone.
    Lost,
    /// This end closes.
    Closed(CloseReason),
}

type Admitted = (Session, Frame);

/// From the upgrade to the welcome.
async fn admit<S: Socket, A: Authorize>(
    hub: &Hub,
    room: RoomId,
    authorize: A,
    socket: &mut S,
) -> Result<Admitted, End> {
    let limits = hub.limits();
    let mut intake = Intake::new(limits, now());
    let deadline = Instant::now() + limits.join_timeout();
    loop {
        let incoming = timeout_at(deadline, socket.recv())
            .await
            .map_err(|_| End::Closed(CloseReason::ProtocolViolation))?;
        let text = match incoming {
            Incoming::Text(text) => text,
            Incoming::Control | Incoming::Partial { .. } => {
                intake.control(now()).map_err(End::Closed)?;
                continue;
            }
            Incoming::Refused(reason) => return Err(End::Closed(reason)),
            Incoming::Closed => return Err(End::Lost),
        };
        let frame = Read::new(text.as_ref(), limits).map_err(End::Closed)?;
        let error = match intake.judge(frame, now()) {
            Ok(ClientMessage::Join(join)) => {
                return enter(hub, room, authorize, intake, &join, socket).await;
            }
            Ok(_) => ErrorFrame::new(ErrorCode::NotJoined, "the first message is `join`"),
            Err(Rejected::Answered(error)) => error,
            Err(Rejected::Ended(reason)) => return Err(End::Closed(reason)),
        };
        tell(hub, socket, error).await?;
    }
}

/// Goes on with the session that the client names; or else asks the application, then the hub.
async fn enter<S: Socket, A: Authorize>(
    hub: &Hub,
    room: RoomId,
    authorize: A,
    intake: Intake,
    join: &Join<'_>,
    socket: &mut S,
) -> Result<Admitted, End> {
    if join.meta.is_some_and(|meta| meta.get().len() > hub.limits().meta_bytes()) {
        let error = ErrorFrame::new(ErrorCode::TooLarge, "`meta` is too large");
        tell(hub, socket, error).await?;
        return Err(End::Closed(CloseReason::ProtocolViolation));
    }
    if let Some(Resume { ticket, received, .. }) = &join.resume {
        match hub.resume(&room, ticket, *received, now()) {
            Ok(admitted) => return Ok(admitted),
            // Whoever is not known (any more) may come in as a stranger.
            Err(ResumeError::UnknownTicket) => {}
            Err(refused) => {
                let mut error = ErrorFrame::new(refused.code(), refused.to_string());
                if let ResumeError::TooOften { retry_after } = refused {
                    error = ErrorFrame::rate_limited(error.message, retry_after);
                }
                tell(hub, socket, error).await?;
                return Err(End::Closed(refused.close_reason()));
            }
        }
    }
    let meta = join.meta.map(|meta| Meta::from(meta.to_owned())).unwrap_or_default();
    let applicant = Applicant {
        room: room.clone(),
        token: join.token.as_deref().map(str::to_owned),
        meta: meta.clone(),
    };
    let grant = match authorize.authorize(applicant).await {
        Ok(grant) => grant,
        Err(Denied { code, close, message }) => {
            tell(hub, socket, ErrorFrame::new(code, message)).await?;
            return Err(End::Closed(close));
        }
    };
    let joining = Joining::new(meta).replaces(join.replaces.as_deref());
    match hub.join_with(room, joining, &grant, intake) {
        Ok(admitted) => Ok(admitted),
        Err(refused) => {
            tell(hub, socket, ErrorFrame::new(refused.code(), refused.to_string())).await?;
            Err(End::Closed(refused.close_reason()))
        }
    }
}

/// From the welcome to the end of the socket.
async fn converse<S: Socket>(session: &mut Session, welcome: Frame, socket: &mut S) -> End {
    let hub = session.hub().clone();
    let mut liveness = Liveness::new(hub.limits().heartbeat(), now());
    let mut timer = pin!(sleep_until(Instant::now()));
    let mut batch = vec![welcome];
    loop {
        if !batch.is_empty() {
            select! {
                biased;
                sent = send(&hub, socket, &mut batch) => if let Err(end) = sent {
                    return end;
                },
                // Not held back by a socket that takes nothing. The frames are not lost: the newer
                // connection gets them, too.
                () = taken_over(session) => return End::Closed(CloseReason::TakenOver),
            }
            liveness.sent(now());
            batch.shrink_to(IDLE_BATCH);
        }
        select! {
            incoming = socket.recv() => match incoming {
                Incoming::Text(text) => {
                    let now = now();
                    liveness.heard(now);
                    if let ControlFlow::Break(reason) = session.receive(text.as_ref(), now) {
                        return End::Closed(reason);
                    }
                }
                Incoming::Control | Incoming::Partial { .. } => {
                    let now = now();
                    liveness.heard(now);
                    if let ControlFlow::Break(reason) = session.receive_control(now) {
                        return End::Closed(reason);
                    }
                }
                Incoming::Refused(reason) => return End::Closed(reason),
                Incoming::Closed => return End::Lost,
            },
            drained = poll_fn(|cx| session.poll_drain(cx, BATCH_BYTES, &mut batch)) => {
                if let Err(reason) = drained {
                    return End::Closed(reason);
                }
            }
            () = &mut timer => match liveness.check(now()) {
                Pulse::Wait(until) => timer.as_mut().reset(until.into()),
                Pulse::Ping => {
                    batch.push(ServerMessage::Ping { received: session.received() }.encode());
                    liveness.pinged(now());
                }
                Pulse::Lost => return End::Closed(CloseReason::HeartbeatMissed),
            },
        }
    }
}

/// Waits until another connection has the session.
async fn taken_over(session: &Session) {
    poll_fn(|cx| match session.poll_closed(cx) {
        Poll::Ready(CloseReason::TakenOver) => Poll::Ready(()),
        // A session that was closed is not taken over any more.
        _ => Poll::Pending,
    })
    .await;
}

/// From the end of the socket to the end of the session, or until another connection has it.
async fn linger(session: Session) {
    let grace = session.hub().limits().grace();
    if timeout(grace, poll_fn(|cx| session.poll_closed(cx))).await.is_err() {
        session.leave(LeaveReason::Timeout);
    }
}

async fn tell<S: Socket>(hub: &Hub, socket: &mut S, error: ErrorFrame<'_>) -> Result<(), End> {
    send(hub, socket, &mut vec![ServerMessage::Error(error).encode()]).await
}

async fn send<S: Socket>(hub: &Hub, socket: &mut S, batch: &mut Vec<Frame>) -> Result<(), End> {
    match timeout(hub.limits().write_timeout(), socket.send(batch)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Lost),
        Err(_) => Err(End::Closed(CloseReason::TooSlow)),
    }
}

async fn close<S: Socket>(socket: &mut S, reason: CloseReason) {
    // Whoever does not answer in time is closed without an answer.
    let _ = timeout(CLOSE_TIMEOUT, socket.close(reason)).await;
}

// tokio's clock, which a test can pause.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// How much is written before the socket is looked at again: enough that a burst is one write, and
/// few enough that a ping is not late.
const BATCH_BYTES: usize = 64 * 1024;

/// How many frames' room an idle connection keeps.
const IDLE_BATCH: usize = 8;

/// How long the other end may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
