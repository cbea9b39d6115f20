//! Runs one connection, and the session that it starts.
//!
//! One task per connection, with one loop. It is generic over [`Socket`], so every adapter has the
//! same limits, timeouts and close codes.

pub(crate) mod exit;
mod guard;
mod handshake;
mod hello;
mod liveness;
mod outcome;
mod renewal;
mod run;
mod watch;

use std::future::poll_fn;

use tokio::time::{Duration, timeout};

pub use outcome::{EndReason, Outcome, Traffic};
pub use watch::{Reporter, SessionWatch};

use crate::{
    AuthRequest, Authorize, CloseReason, Denied, Grant, Hub, LeaveReason, LocalAuthorize, Resumed,
    RoomId, Session,
    clock::now,
    hub::{Greeting, Lease},
    message::ErrorFrame,
    socket::Socket,
    trace,
};
use exit::{Exit, close};
use handshake::Rules;

/// Serves one connection: lets it join `room` or resume a session there, relays in both directions,
/// and keeps the session for the grace period after its socket is lost. When the session has ended
/// or a newer connection has resumed it, returns how that happened.
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
    Reporter::new().serve(hub, room, authorize, socket)
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
    Reporter::new().serve_local(hub, room, authorize, socket)
}

/// Refuses one connection, for an application whose own login has denied it before the upgrade: a
/// page learns nothing of a handshake that fails with an HTTP status. Sends the `error` of `denied`,
/// then closes with its code, without waiting for a message of the client. It resumes no session.
///
/// The connection, the attempt to join and the refusal count for the client's address, as with
/// [`serve`]; over one of these limits the client gets `rate-limited` instead. A client that does not
/// read is closed after [`Limits::write_timeout`](crate::Limits::write_timeout).
///
/// # Cancel safety
///
/// Dropping the future drops the socket.
pub fn refuse<S: Socket>(hub: Hub, denied: Denied, socket: S) -> impl Future<Output = Outcome> {
    Reporter::new().refuse(hub, denied, socket)
}

async fn refuse_with<S: Socket>(
    hub: Hub,
    denied: Denied,
    mut socket: S,
    mut reporter: Reporter,
) -> Outcome {
    let start = now();
    reporter.started(start);
    let trace = trace::Connection::opened(&hub, None, socket.peer_address());
    let lease = trace.within(connect(&hub, &mut socket)).await;
    let exit = match &lease {
        Ok(_) => trace.within(handshake::refuse_join(&hub, denied, &mut socket)).await,
        Err(exit) => exit.clone(),
    };
    trace.closed(&exit);
    close(&hub, &mut socket, &exit).await;
    drop((socket, lease));
    let outcome = Outcome::new().ended(exit.into(), now() - start);
    reporter.ended(&outcome);
    outcome
}

#[expect(clippy::manual_async_fn, reason = "an `async fn` has two places for each argument")]
fn serve_with<S: Socket>(
    hub: Hub,
    room: RoomId,
    rules: Rules<impl AsyncFnOnce(AuthRequest) -> Result<Grant, Denied>>,
    mut socket: S,
    mut reporter: Reporter,
) -> impl Future<Output = Outcome> {
    async move {
        let (start, mut outcome) = (now(), Outcome::new());
        reporter.started(start);
        let trace = trace::Connection::opened(&hub, Some(&room), socket.peer_address());
        let reason = 'served: {
            let lease = match trace.within(connect(&hub, &mut socket)).await {
                Ok(lease) => lease,
                Err(exit) => {
                    trace.closed(&exit);
                    close(&hub, &mut socket, &exit).await;
                    break 'served exit.into();
                }
            };
            // Boxed, because the handshake takes twice the memory of everything after it, and ends
            // early.
            let handshake = Box::pin(handshake::handshake(&hub, room, rules, &mut socket, &trace));
            let ((mut greeting, held), question) = match trace.within(handshake).await {
                Ok(entered) => entered,
                Err(exit) => {
                    trace.closed(&exit);
                    close(&hub, &mut socket, &exit).await;
                    break 'served exit.into();
                }
            };
            let mut report = JoinReport::begin(&reporter, &trace, &mut greeting, &mut outcome);
            let (mut session, renewal) =
                trace.within(renewal::greet(greeting, question, &trace)).await;
            let progress = (&mut report, &mut outcome);
            let exit = run::run(&mut session, held, renewal, &mut socket, progress).await;
            report.check(&mut session, &mut outcome);
            let exit = exit.or_hub_reason(&session);
            trace.closed(&exit);
            let exit = exit::explain(&hub, &mut socket, exit).await;
            let kept = match &exit {
                Exit::Disconnected => session.keep_without_socket(false, now()),
                Exit::GoingAway => session.keep_without_socket(true, now()),
                Exit::Closed { reason, .. } if reason.keeps_session() => {
                    let kept = session.keep_without_socket(false, now());
                    close(&hub, &mut socket, &exit).await;
                    kept
                }
                // `Hub::drain` waits for the session: end it only after the client has the close
                // frame.
                Exit::Closed { reason: CloseReason::Draining { .. }, .. } => {
                    close(&hub, &mut socket, &exit).await;
                    break 'served exit.into();
                }
                // Notify the other members before waiting for the client's close frame.
                Exit::Closed { .. } => {
                    session.leave(LeaveReason::Closed);
                    close(&hub, &mut socket, &exit).await;
                    break 'served exit.into();
                }
            };
            if kept == Some(true) {
                trace.away(&session, &exit);
            }
            drop((socket, lease));
            let closed = match exit {
                Exit::Closed { reason, .. } => Some(reason),
                Exit::Disconnected | Exit::GoingAway => None,
            };
            await_resume(session, kept, closed, (&mut report, &mut outcome)).await
        };
        let outcome = outcome.ended(reason, now() - start);
        reporter.ended(&outcome);
        outcome
    }
}

/// Reports that a session has joined: at once, or when it is admitted from the lobby.
struct JoinReport<'a> {
    reporter: &'a Reporter,
    trace: &'a trace::Connection,
    is_waiting: bool,
}

impl<'a> JoinReport<'a> {
    fn begin(
        reporter: &'a Reporter,
        trace: &'a trace::Connection,
        greeting: &mut Greeting,
        outcome: &mut Outcome,
    ) -> Self {
        let mut report = Self { reporter, trace, is_waiting: !greeting.has_welcome() };
        let resumed = greeting.resumed();
        let session = greeting.session_mut();
        if report.is_waiting {
            trace.waiting(session);
            report.check(session, outcome);
        } else {
            // It may have been admitted while it had no connection.
            let resumed = if session.takes_admission() { Resumed::No } else { resumed };
            report.joined(session, resumed, outcome);
        }
        report
    }

    /// Reports a session that has waited, and does so no longer.
    fn check(&mut self, session: &mut Session, outcome: &mut Outcome) {
        if self.is_waiting && session.takes_admission() {
            self.is_waiting = false;
            self.joined(session, Resumed::No, outcome);
        }
    }

    fn joined(&self, session: &mut Session, resumed: Resumed, outcome: &mut Outcome) {
        outcome.peer = Some(session.id());
        self.reporter.joined(session.id());
        self.trace.joined(session, resumed);
    }
}

/// Counts the connection for its address, or refuses it.
async fn connect<S: Socket>(hub: &Hub, socket: &mut S) -> Result<Option<Lease>, Exit> {
    let Some(address) = socket.peer_address() else { return Ok(None) };
    if let Some(lease) = hub.addresses().connect(address.into(), now()) {
        return Ok(Some(lease));
    }
    let error = ErrorFrame::rate_limited("too many connections of one address", CONNECT_RETRY);
    Err(exit::refuse(hub, socket, error, CloseReason::Unavailable).await)
}

/// Waits, without a socket, until another connection resumes the session or the session ends.
async fn await_resume(
    mut session: Session,
    kept: Option<bool>,
    closed: Option<CloseReason>,
    (report, outcome): (&mut JoinReport<'_>, &mut Outcome),
) -> EndReason {
    let timed_out = EndReason::TimedOut { closed };
    if kept == Some(false) {
        // Without a grace period, the loss of the socket ended the session.
        return timed_out;
    }
    let grace = session.grace();
    let closed_by_hub = timeout(grace, poll_fn(|cx| session.poll_closed(cx))).await;
    // It may have been admitted meanwhile.
    report.check(&mut session, outcome);
    if let Ok(reason) = closed_by_hub {
        return EndReason::Closed(reason);
    }
    if session.leave_once(LeaveReason::Timeout) {
        timed_out
    } else {
        EndReason::Closed(session.end().unwrap_or(CloseReason::TakenOver))
    }
}

/// The `retry_after` for an address with too many connections.
const CONNECT_RETRY: Duration = Duration::from_secs(5);
