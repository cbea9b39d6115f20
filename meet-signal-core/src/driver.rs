//! The life of one connection, and of the session that it starts.
//!
//! One loop, one task for each connection. It is written once, over [`Socket`], so that every
//! adapter has the same limits, timeouts and close codes.

mod joining;
mod liveness;
mod relaying;

use std::future::poll_fn;

use tokio::time::{Duration, Instant, timeout};

use crate::{
    Authorize, CloseReason, Frame, Hub, RoomId, Session,
    hub::Lease,
    message::{ErrorFrame, LeaveReason, ServerMessage},
    socket::Socket,
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
        let Ok(lease) = connect(&hub, &socket) else {
            let error = ErrorFrame::rate_limited("too many connections of one address", CROWDED);
            let end = refuse(&hub, &mut socket, error, CloseReason::Unavailable).await;
            return close(&hub, &mut socket, end).await;
        };
        // Boxed, since joining takes twice the room of everything after it, and is soon over.
        let joined = Box::pin(joining::join(&hub, room, authorize, &mut socket)).await;
        let (mut session, first) = match joined {
            Ok(joined) => joined,
            Err(end) => return close(&hub, &mut socket, end).await,
        };
        match relaying::relay(&mut session, first, &mut socket).await.decided(&session) {
            End::Lost => session.away(now()),
            End::GoingAway => session.going_away(now()),
            end @ End::Closed { reason, .. } if reason.keeps_session() => {
                session.away(now());
                close(&hub, &mut socket, end).await;
            }
            // A server that stops waits for its sessions: this one ends when the client has been told.
            end @ End::Closed { reason: CloseReason::Draining { .. }, .. } => {
                return close(&hub, &mut socket, end).await;
            }
            // The others hear of it at once, not when the client has answered.
            end @ End::Closed { .. } => {
                session.leave(LeaveReason::Closed);
                return close(&hub, &mut socket, end).await;
            }
        }
        drop((socket, lease));
        linger(session).await;
    }
}

/// How a connection ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// The other end is gone.
    Lost,
    /// The other end is gone, since its page is.
    GoingAway,
    /// This end closes.
    Closed {
        reason: CloseReason,
        /// What was being written when it was decided still has to go out before the close frame.
        is_writing: bool,
    },
}

impl End {
    fn closed(reason: CloseReason) -> Self {
        Self::Closed { reason, is_writing: false }
    }

    /// What the hub has decided is what the client is told, whatever else became of its socket.
    fn decided(self, session: &Session) -> Self {
        match (self, session.end()) {
            (Self::Closed { is_writing, .. }, Some(reason)) => Self::Closed { reason, is_writing },
            _ => self,
        }
    }
}

/// Counts the connection for its address.
fn connect<S: Socket>(hub: &Hub, socket: &S) -> Result<Option<Lease>, TooMany> {
    let Some(address) = socket.peer_address() else { return Ok(None) };
    hub.addresses().connect(address.into(), now()).map(Some).ok_or(TooMany)
}

struct TooMany;

/// From the end of the socket to the end of the session, or until another connection has it.
async fn linger(session: Session) {
    let grace = session.grace();
    if timeout(grace, poll_fn(|cx| session.poll_closed(cx))).await.is_err() {
        session.leave(LeaveReason::Timeout);
    }
}

/// Says why, before closing for that reason.
async fn refuse<S: Socket>(
    hub: &Hub,
    socket: &mut S,
    error: ErrorFrame<'_>,
    reason: CloseReason,
) -> End {
    match send(hub, socket, &mut vec![ServerMessage::Error(error).encode()]).await {
        Ok(()) => End::closed(reason),
        Err(end) => end,
    }
}

async fn send<S: Socket>(hub: &Hub, socket: &mut S, batch: &mut Vec<Frame>) -> Result<(), End> {
    let bytes = batch.iter().map(Frame::len).sum();
    let longest = hub.limits().write_timeout() + hub.limits().reading_time(bytes);
    match timeout(longest, socket.send(batch)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Lost),
        // It has had its time for what is being written.
        Err(_) => Err(End::closed(CloseReason::TooSlow)),
    }
}

async fn close<S: Socket>(hub: &Hub, socket: &mut S, end: End) {
    let End::Closed { reason, is_writing } = end else { return };
    let writing = if is_writing { hub.limits().write_timeout() } else { Duration::ZERO };
    // Whoever does not answer in time is closed without an answer.
    let _ = timeout(writing + CLOSE_TIMEOUT, socket.close(reason)).await;
}

// tokio's clock, which a test can pause.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// How long the other end may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// After how long a client of an address with too many connections may try again.
const CROWDED: Duration = Duration::from_secs(5);
