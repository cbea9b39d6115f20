//! The life of one connection, and of the session that it starts.
//!
//! One loop, one task for each connection. It is written once, over [`Socket`], so that every
//! adapter has the same limits, timeouts and close codes.

mod handshake;
mod liveness;
mod outcome;
mod run;

use std::future::poll_fn;

use tokio::time::{Duration, Instant, timeout};

pub use outcome::{EndReason, Outcome, Traffic};

use crate::{
    AuthRequest, Authorize, CloseReason, Denied, Frame, Grant, Hub, LeaveReason, LocalAuthorize,
    RoomId, Session,
    hub::Lease,
    message::{ErrorFrame, ServerMessage},
    socket::Socket,
};

/// Serves one connection: lets it join `room` or resume a session there, relays in both directions,
/// and after the loss of its socket keeps the session for the grace period. Returns when the session
/// has ended or a newer connection has resumed it, and says how.
///
/// # Cancel safety
///
/// Dropping the future drops the socket and leaves the room, at whatever point it is; unless a newer
/// connection has the session.
pub fn serve<S: Socket, A: Authorize<M>, M>(
    hub: Hub,
    room: RoomId,
    authorize: A,
    socket: S,
) -> impl Future<Output = Outcome> {
    serve_with(hub, room, async move |request| authorize.authorize(request).await, socket)
}

/// [`serve`] for an application whose decision stays on its thread.
///
/// # Cancel safety
///
/// As [`serve`]'s.
pub fn serve_local<S: Socket, A: LocalAuthorize<M>, M>(
    hub: Hub,
    room: RoomId,
    authorize: A,
    socket: S,
) -> impl Future<Output = Outcome> {
    serve_with(hub, room, async move |request| authorize.authorize_local(request).await, socket)
}

#[expect(clippy::manual_async_fn, reason = "an `async fn` has two places for each argument")]
fn serve_with<S: Socket>(
    hub: Hub,
    room: RoomId,
    authorize: impl AsyncFnOnce(AuthRequest) -> Result<Grant, Denied>,
    mut socket: S,
) -> impl Future<Output = Outcome> {
    async move {
        let mut outcome = Outcome::new(now());
        let Ok(lease) = connect(&hub, &socket) else {
            let error = ErrorFrame::rate_limited("too many connections of one address", CROWDED);
            let exit = refuse(&hub, &mut socket, error, CloseReason::Unavailable).await;
            close(&hub, &mut socket, &exit).await;
            return outcome.ended(exit.into(), now());
        };
        // Boxed, since the handshake takes twice the memory of everything after it, and is soon over.
        let joined = Box::pin(handshake::handshake(&hub, room, authorize, &mut socket)).await;
        let (mut session, held) = match joined {
            Ok(joined) => joined,
            Err(exit) => {
                close(&hub, &mut socket, &exit).await;
                return outcome.ended(exit.into(), now());
            }
        };
        outcome.peer = Some(session.id());
        let exit = run::run(&mut session, held, &mut socket, &mut outcome).await;
        match exit.or_as_decided(&session) {
            Exit::Disconnected => session.away(now()),
            Exit::GoingAway => session.going_away(now()),
            exit @ Exit::Closed { .. } if exit.keeps_session() => {
                session.away(now());
                close(&hub, &mut socket, &exit).await;
            }
            // A server that stops waits for its sessions: this one ends when the client has been told.
            exit @ Exit::Closed { reason: CloseReason::Draining { .. }, .. } => {
                close(&hub, &mut socket, &exit).await;
                return outcome.ended(exit.into(), now());
            }
            // The others hear of it at once, not when the client has answered.
            exit @ Exit::Closed { .. } => {
                session.leave(LeaveReason::Closed);
                close(&hub, &mut socket, &exit).await;
                return outcome.ended(exit.into(), now());
            }
        }
        drop((socket, lease));
        let reason = await_resume(session).await;
        outcome.ended(reason, now())
    }
}

/// How the part of a connection's life ends that has a socket.
#[derive(Debug, Clone)]
enum Exit {
    /// The other end is gone.
    Disconnected,
    /// The other end is gone, since its page is.
    GoingAway,
    /// This end closes.
    Closed {
        reason: CloseReason,
        /// What was being written when it was decided still has to go out before the close frame.
        is_writing: bool,
    },
}

impl Exit {
    fn closed(reason: CloseReason) -> Self {
        Self::Closed { reason, is_writing: false }
    }

    fn keeps_session(&self) -> bool {
        matches!(self, Self::Closed { reason, .. } if reason.keeps_session())
    }

    /// The hub's reason, if the hub has decided on one: that is what the client is told.
    fn or_as_decided(self, session: &Session) -> Self {
        match (self, session.end()) {
            (Self::Closed { is_writing, .. }, Some(reason)) => Self::Closed { reason, is_writing },
            (exit, _) => exit,
        }
    }
}

/// Counts the connection for its address.
fn connect<S: Socket>(hub: &Hub, socket: &S) -> Result<Option<Lease>, TooMany> {
    let Some(address) = socket.peer_address() else { return Ok(None) };
    hub.addresses().connect(address.into(), now()).map(Some).ok_or(TooMany)
}

struct TooMany;

/// From the end of the socket until the session is resumed by another connection, or ends.
async fn await_resume(session: Session) -> EndReason {
    if session.end() == Some(CloseReason::Left) {
        // Without a grace period, the loss of its socket was its end.
        return EndReason::TimedOut;
    }
    let grace = session.grace();
    match timeout(grace, poll_fn(|cx| session.poll_closed(cx))).await {
        Ok(reason) => EndReason::Closed(reason),
        Err(_) => {
            session.leave(LeaveReason::Timeout);
            EndReason::TimedOut
        }
    }
}

/// Says why, before closing for that reason.
async fn refuse<S: Socket>(
    hub: &Hub,
    socket: &mut S,
    error: ErrorFrame<'_>,
    reason: CloseReason,
) -> Exit {
    match send(hub, socket, &mut vec![ServerMessage::Error(error).encode()]).await {
        Ok(()) => Exit::closed(reason),
        Err(exit) => exit,
    }
}

async fn send<S: Socket>(hub: &Hub, socket: &mut S, batch: &mut Vec<Frame>) -> Result<(), Exit> {
    let bytes = batch.iter().map(Frame::len).sum();
    let longest = hub.limits().write_timeout() + hub.limits().reading_time(bytes);
    match timeout(longest, socket.send(batch)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Exit::Disconnected),
        // It has had its time for what is being written.
        Err(_) => Err(Exit::closed(CloseReason::TooSlow)),
    }
}

async fn close<S: Socket>(hub: &Hub, socket: &mut S, exit: &Exit) {
    let Exit::Closed { reason, is_writing } = exit else { return };
    let writing = if *is_writing { hub.limits().write_timeout() } else { Duration::ZERO };
    // A client that does not answer in time is closed without an answer.
    let _ = timeout(writing + CLOSE_TIMEOUT, socket.close(reason.clone())).await;
}

// tokio's clock, which a test can pause.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// How long the other end may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// After how long a client of an address with too many connections may try again.
const CROWDED: Duration = Duration::from_secs(5);
