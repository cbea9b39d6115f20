//! The handshake: from the first message to a session.

use std::pin::pin;

use tokio::{
    select,
    time::{Duration, Instant, interval_at, sleep_until, timeout_at},
};

use super::{
    exit::{Exit, explain, refuse, send, send_refusal},
    guard::Guarded,
    hello::{Hello, Question},
};
use crate::{
    AuthRequest, CloseReason, Denied, ErrorCode, Grant, Hub, JoinRequest, Meta, PeerId,
    PreviousSession, ResumeError, RoomId, Secret,
    clock::now,
    hub::{AddressKey, Greeting, ResumeRequest},
    inbound::{InboundLimiter, ParsedFrame, Rejection},
    message::{ClientMessage, ErrorFrame, Join, Resume, ServerMessage},
    socket::{Incoming, Socket},
    trace,
};

/// What the application decides.
pub(super) struct Rules<A> {
    pub(super) authorize: A,
    /// Whether it decides about resumes as well; `None` if it panicked when it was asked.
    pub(super) authorizes_resume: Option<bool>,
    /// What it has decided already.
    pub(super) granted: Option<Grant>,
}

/// A session without its welcome, and the messages that its client sent before the session existed.
type Joined<T> = (Greeting, Vec<T>);

/// Says `hello`, reads messages until there is a `join`, and handles it. Returns, too, what a provider
/// of ICE servers was asked before.
pub(super) async fn handshake<S: Socket>(
    hub: &Hub,
    room: RoomId,
    mut rules: Rules<impl AsyncFnOnce(AuthRequest) -> Result<Grant, Denied>>,
    socket: &mut S,
    trace: &trace::Connection,
) -> Result<(Joined<S::Text>, Option<Question>), Exit> {
    let limits = hub.limits();
    let mut limiter = InboundLimiter::new(limits, now());
    let deadline = Instant::now() + limits.join_timeout();
    let mut hello = Hello::new(socket, &room, rules.granted.take(), trace);
    loop {
        let incoming = select! {
            biased;
            frame = hello.frame(hub), if hello.is_due() => {
                send(hub, socket, &mut vec![frame]).await?;
                continue;
            }
            incoming = timeout_at(deadline, socket.recv()) => incoming,
        };
        let incoming = incoming.map_err(|_| Exit::closed(CloseReason::ProtocolViolation))?;
        let text = match incoming {
            Incoming::Text(text) => text,
            other => {
                count(&mut limiter, &other)?;
                continue;
            }
        };
        let frame = ParsedFrame::parse(text.as_ref(), limits).map_err(Exit::closed)?;
        let error = match limiter.check(frame, now()) {
            Ok(ClientMessage::Join(join)) => {
                let question = hello.into_question();
                let request = (&join, question.as_ref().map(|question| question.peer));
                let joined = resume_or_join(hub, room, rules, limiter, request, socket).await?;
                return Ok((joined, question));
            }
            Ok(ClientMessage::Leave { ticket: Some(ticket) }) => {
                hub.leave_by_ticket(&room, ticket.expose());
                return Err(Exit::closed(CloseReason::Left));
            }
            Ok(_) => ErrorFrame::new(ErrorCode::NotJoined, "the first message is `join`"),
            Err(Rejection::Reply(error)) => error,
            Err(Rejection::Close(reason)) => return Err(Exit::closed(reason)),
        };
        send(hub, socket, &mut vec![ServerMessage::Error(error).encode()]).await?;
    }
}

/// Counts an event that is not a message, or ends the connection.
fn count<T>(limiter: &mut InboundLimiter, incoming: &Incoming<T>) -> Result<(), Exit> {
    let (frames, bytes) = match *incoming {
        Incoming::Partial { fragments, bytes } => (fragments, bytes),
        Incoming::ProtocolError(ref reason) => return Err(Exit::closed(reason.clone())),
        Incoming::Closed | Incoming::GoingAway => return Err(Exit::Disconnected),
        Incoming::Control | Incoming::Text(_) => (1, 0),
    };
    limiter.check_control(frames, bytes, now()).map_err(Exit::closed)
}

/// Resumes the session that the client names, or joins with a new one, once the application has
/// decided.
async fn resume_or_join<S: Socket>(
    hub: &Hub,
    room: RoomId,
    rules: Rules<impl AsyncFnOnce(AuthRequest) -> Result<Grant, Denied>>,
    mut limiter: InboundLimiter,
    (join, peer): (&Join<'_>, Option<PeerId>),
    socket: &mut S,
) -> Result<Joined<S::Text>, Exit> {
    let (limits, address) = (hub.limits(), socket.peer_address());
    if join.meta.is_some_and(|meta| meta.get().len() > limits.meta_bytes()) {
        let error = ErrorFrame::new(ErrorCode::TooLarge, "`meta` is too large");
        return Err(refuse(hub, socket, error, CloseReason::ProtocolViolation).await);
    }
    if let Some(Resume { ticket, .. }) = &join.resume
        && let Some(reason) = hub.ended_by_ticket(&room, ticket.expose())
    {
        return Err(explain(hub, socket, Exit::closed(reason)).await);
    }
    let Some(authorizes_resume) = rules.authorizes_resume else {
        count_join(hub, false, socket).await?;
        return Err(deny_join(hub, &room, panicked(), socket).await);
    };
    if let (Some(resume), false) = (&join.resume, authorizes_resume) {
        // A client whose session is gone joins with a new one.
        let resumed = try_resume(hub, &room, resume, (&limiter, None), socket).await?;
        if let Some(greeting) = resumed {
            return Ok((greeting, Vec::new()));
        }
    }
    let previous = previous(hub, &room, authorizes_resume, join);
    let resumes = previous.as_ref().is_some_and(|previous| previous.resumes);
    count_join(hub, resumes, socket).await?;
    let meta = join.meta.map(|meta| Meta::from(meta.to_owned())).unwrap_or_default();
    let token = join.token.clone().map(Secret::into_owned);
    let request = AuthRequest { room: room.clone(), token, meta: meta.clone(), address, previous };
    let mut held = Vec::new();
    let decision = Guarded::new((rules.authorize)(request));
    let authorizing = trace::Authorizing::new();
    let decided = decide(hub, decision, &mut limiter, &mut held, socket).await;
    authorizing.decided(&decided);
    if let (Some(resume), true, Err(Exit::Closed { reason: CloseReason::Left, .. })) =
        (&join.resume, resumes, &decided)
    {
        // The client leaves the session that it was about to resume.
        hub.leave_by_ticket(&room, resume.ticket.expose());
    }
    let grant = match decided? {
        Ok(grant) => grant,
        Err(denied) => return Err(deny_join(hub, &room, denied, socket).await),
    };
    if let (Some(resume), true) = (&join.resume, resumes) {
        let resumed = try_resume(hub, &room, resume, (&limiter, Some(&grant)), socket).await?;
        return match resumed {
            Some(greeting) => Ok((greeting, held)),
            // It has ended meanwhile. The client asks again, for a new session.
            None => {
                let message = "the session has ended meanwhile";
                let error = ErrorFrame::new(ErrorCode::Unavailable, message);
                Err(refuse(hub, socket, error, CloseReason::Unavailable).await)
            }
        };
    }
    let mut request = JoinRequest::new(meta)
        .replaces(join.replaces.as_ref().map(Secret::expose))
        .offers(join.offers.as_slice())
        .address(address);
    request.peer = peer;
    match hub.join_with(room.clone(), request, &grant, limiter, now()) {
        Ok(greeting) => Ok((greeting, held)),
        Err(refused) => {
            hub.refused(&room, refused.code(), grant.identity.as_ref());
            let error = error(refused.code(), refused.to_string(), refused.retry_after());
            Err(refuse(hub, socket, error, refused.close_reason()).await)
        }
    }
}

/// The session that the client resumes, if that has to be authorized, or else replaces.
fn previous(
    hub: &Hub,
    room: &RoomId,
    authorizes_resume: bool,
    join: &Join<'_>,
) -> Option<PreviousSession> {
    let find = |ticket: &Secret<'_>, resumes| {
        let identity = hub.identity_by_ticket(room, ticket.expose())?;
        Some(PreviousSession { identity, resumes })
    };
    let resume = join.resume.as_ref().filter(|_| authorizes_resume);
    let resumed = resume.and_then(|resume| find(&resume.ticket, true));
    resumed.or_else(|| find(join.replaces.as_ref()?, false))
}

/// Resumes the session if the ticket is known.
async fn try_resume<S: Socket>(
    hub: &Hub,
    room: &RoomId,
    Resume { ticket, received, waiting, .. }: &Resume<'_>,
    (limiter, grant): (&InboundLimiter, Option<&Grant>),
    socket: &mut S,
) -> Result<Option<Greeting>, Exit> {
    let received = (!waiting).then_some(*received);
    let (ticket, address) = (ticket.expose(), socket.peer_address());
    let request = ResumeRequest { ticket, received, limiter, address, grant };
    match hub.resume_with(room, &request, now()) {
        Ok(greeting) => Ok(Some(greeting)),
        Err(ResumeError::UnknownTicket) => Ok(None),
        Err(ResumeError::Ended(reason)) => Err(explain(hub, socket, Exit::closed(reason)).await),
        Err(refused) => {
            if let (ResumeError::OtherIdentity, Some(address)) = (&refused, address) {
                hub.addresses().refused(address.into(), now());
            }
            hub.refused(room, refused.code(), grant.and_then(|grant| grant.identity.as_ref()));
            let wait = match refused {
                ResumeError::TooOften { retry_after } => Some(retry_after),
                _ => None,
            };
            let error = error(refused.code(), refused.to_string(), wait);
            Err(refuse(hub, socket, error, refused.close_reason()).await)
        }
    }
}

/// Refuses a connection that the application has denied before its first message.
pub(super) async fn refuse_join<S: Socket>(hub: &Hub, denied: Denied, socket: &mut S) -> Exit {
    match count_join(hub, false, socket).await {
        Ok(()) => deny(hub, denied, socket).await,
        Err(exit) => exit,
    }
}

/// Counts an attempt to join for the address of its connection; a resume is none, but is not
/// authorized any more after too many refusals.
async fn count_join<S: Socket>(hub: &Hub, resumes: bool, socket: &mut S) -> Result<(), Exit> {
    let key = socket.peer_address().map(AddressKey::from);
    let counted = key.map(|key| match resumes {
        true => hub.addresses().resume(key, now()),
        false => hub.addresses().join(key, now()),
    });
    let Some(Err(wait)) = counted else { return Ok(()) };
    let error = ErrorFrame::rate_limited("too many joins of one address", wait);
    Err(refuse(hub, socket, error, CloseReason::Unavailable).await)
}

/// Sends the application's refusal of a join, which the events of the room report.
async fn deny_join<S: Socket>(hub: &Hub, room: &RoomId, denied: Denied, socket: &mut S) -> Exit {
    hub.refused(room, denied.code, None);
    deny(hub, denied, socket).await
}

/// Counts and sends the application's refusal.
async fn deny<S: Socket>(hub: &Hub, denied: Denied, socket: &mut S) -> Exit {
    let Denied { code, close, message } = denied;
    let key = socket.peer_address().map(AddressKey::from);
    if let Some(key) = key.filter(|_| code != ErrorCode::Unavailable) {
        hub.addresses().refused(key, now());
    }
    trace::denied(code, &close);
    send_refusal(hub, socket, ErrorFrame::new(code, message), close).await
}

/// The error for a join that the hub refused, with the time to wait if it is known.
fn error(code: ErrorCode, message: String, wait: Option<Duration>) -> ErrorFrame<'static> {
    match wait {
        Some(wait) => ErrorFrame::rate_limited(message, wait),
        None => ErrorFrame::new(code, message),
    }
}

/// Waits for the application's decision while the connection lasts. If the connection ends, nobody
/// joins.
async fn decide<S: Socket>(
    hub: &Hub,
    mut decision: Guarded<impl Future<Output = Result<Grant, Denied>>>,
    limiter: &mut InboundLimiter,
    held: &mut Vec<S::Text>,
    socket: &mut S,
) -> Result<Result<Grant, Denied>, Exit> {
    let mut deadline = pin!(sleep_until(Instant::now() + hub.limits().authorize_timeout()));
    let mut signs = interval_at(Instant::now() + AUTHORIZE_PING, AUTHORIZE_PING);
    let mut room = hub.limits().frame_bytes();
    loop {
        select! {
            biased;
            // Messages beyond the bound stay in the socket, which applies backpressure to the
            // client.
            incoming = socket.recv(), if room > 0 => match incoming {
                Incoming::Text(text) => match ClientMessage::parse(text.as_ref()) {
                    Ok(ClientMessage::Leave { .. }) => {
                        return Err(Exit::closed(CloseReason::Left));
                    }
                    // A reply to a `ping`. No sequenced frame was sent that it could acknowledge.
                    Ok(
                        ClientMessage::Probe | ClientMessage::Pong { .. } | ClientMessage::Ack { .. },
                    ) => count(limiter, &Incoming::Text(text))?,
                    _ => {
                        room = room.saturating_sub(text.as_ref().len().max(HELD_MIN));
                        held.push(text);
                    }
                },
                other => count(limiter, &other)?,
            },
            decided = &mut decision => {
                return Ok(decided.unwrap_or_else(|| Err(panicked())));
            }
            () = &mut deadline => {
                trace::authorize_timed_out(hub.limits().authorize_timeout());
                let message = "the application did not decide in time";
                return Ok(Err(Denied::unavailable(message)));
            }
            _ = signs.tick() => {
                send(hub, socket, &mut vec![ServerMessage::Ping { received: 0 }.encode()]).await?;
            }
        }
    }
}

/// The refusal by an application that panicked. Its message says nothing of the panic, whose text may
/// be about other users.
fn panicked() -> Denied {
    Denied::unavailable("the application failed to decide")
}

/// The interval of the `ping`s during the application's decision: well below the 10 seconds after
/// which the bundled client gives up.
const AUTHORIZE_PING: Duration = Duration::from_secs(3);

/// The minimum that each held message counts for, in bytes. It bounds their number.
const HELD_MIN: usize = 1024;
