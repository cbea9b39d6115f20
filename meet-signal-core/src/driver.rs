//! Runs one connection, and the session that it starts.
//!
//! One task per connection, with one loop. It is generic over [`Socket`], so every adapter has the
//! same limits, timeouts and close codes.

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
/// and keeps the session for the grace period after its socket is lost. Returns when the session
/// has ended or a newer connection has resumed it, and how that happened.
///
/// # Cancel safety
///
/// Dropping the future at any point drops the socket and leaves the room, unless a newer connection
/// has taken over the session.
pub fn serve<S: Socket, A: Authorize<M>, M>(
    hub: Hub,
    room: RoomId,
    authorize: A,
    socket: S,
) -> impl Future<Output = Outcome> {
    serve_with(hub, room, async move |request| authorize.authorize(request).await, socket)
}

/// [`serve`] for an application whose `Authorize` future is not `Send`.
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
            let error =
                ErrorFrame::rate_limited("too many connections of one address", CONNECT_RETRY);
            let exit = refuse(&hub, &mut socket, error, CloseReason::Unavailable).await;
            close(&hub, &mut socket, &exit).await;
            return outcome.ended(exit.into(), now());
        };
        // Boxed, because the handshake takes twice the memory of everything after it, and ends
        // early.
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
        match exit.or_hub_reason(&session) {
            Exit::Disconnected => session.away(now()),
            Exit::GoingAway => session.going_away(now()),
            exit @ Exit::Closed { .. } if exit.keeps_session() => {
                session.away(now());
                close(&hub, &mut socket, &exit).await;
            }
            // `Hub::drain` waits for the session: end it only after the client has the close
            // frame.
            exit @ Exit::Closed { reason: CloseReason::Draining { .. }, .. } => {
                close(&hub, &mut socket, &exit).await;
                return outcome.ended(exit.into(), now());
            }
            // Notify the other members before waiting for the client's close frame.
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

/// How the part of a connection that has a socket ends.
#[derive(Debug, Clone)]
enum Exit {
    /// The client's end is gone.
    Disconnected,
    /// The client's end is gone because its page is.
    GoingAway,
    /// This end closes.
    Closed {
        reason: CloseReason,
        /// Whether a write is in progress, which must complete before the close frame.
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

    /// The hub's close reason, if the hub has closed the session; it takes precedence.
    fn or_hub_reason(self, session: &Session) -> Self {
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

/// Waits, without a socket, until another connection resumes the session or the session ends.
async fn await_resume(session: Session) -> EndReason {
    if session.end() == Some(CloseReason::Left) {
        // Without a grace period, the loss of the socket ended the session.
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

/// Sends an error, and closes with this reason.
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
        // The write timeout has passed already, so closing does not wait for this write.
        Err(_) => Err(Exit::closed(CloseReason::TooSlow)),
    }
}

async fn close<S: Socket>(hub: &Hub, socket: &mut S, exit: &Exit) {
    let Exit::Closed { reason, is_writing } = exit else { return };
    let writing = if *is_writing { hub.limits().write_timeout() } else { Duration::ZERO };
    // A client that does not reply in time is closed without a reply.
    let _ = timeout(writing + CLOSE_TIMEOUT, socket.close(reason.clone())).await;
}

// tokio's clock, which a test can pause.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// How long the client may take to reply to a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The `retry_after` for an address with too many connections.
const CONNECT_RETRY: Duration = Duration::from_secs(5);
