//! From the upgrade to the welcome.

use std::pin::pin;

use tokio::{
    select,
    time::{Duration, Instant, interval_at, sleep_until, timeout_at},
};

use super::{End, now, refuse, send};
use crate::{
    AuthRequest, Authorize, CloseReason, Denied, ErrorCode, Frame, Grant, Hub, JoinRequest,
    ResumeError, RoomId, Secret, Session,
    hub::{AddressKey, Return},
    intake::{InboundLimiter, Read, Rejected},
    message::{ClientMessage, ErrorFrame, Join, Meta, Resume, ServerMessage},
    socket::{Incoming, Socket},
};

/// What a connection that was let in begins with.
pub(super) struct First<T> {
    pub(super) welcome: Frame,
    /// What the client has sent meanwhile.
    pub(super) held: Vec<T>,
}

type Joined<T> = (Session, First<T>);

pub(super) async fn join<S: Socket, A: Authorize>(
    hub: &Hub,
    room: RoomId,
    authorize: A,
    socket: &mut S,
) -> Result<Joined<S::Text>, End> {
    let limits = hub.limits();
    let mut intake = InboundLimiter::new(limits, now());
    let deadline = Instant::now() + limits.join_timeout();
    loop {
        let incoming = timeout_at(deadline, socket.recv())
            .await
            .map_err(|_| End::closed(CloseReason::ProtocolViolation))?;
        let text = match incoming {
            Incoming::Text(text) => text,
            other => {
                count(&mut intake, &other)?;
                continue;
            }
        };
        let frame = Read::new(text.as_ref(), limits).map_err(End::closed)?;
        let error = match intake.judge(frame, now()) {
            Ok(ClientMessage::Join(join)) => {
                return enter(hub, room, authorize, intake, &join, socket).await;
            }
            Ok(ClientMessage::Leave { ticket: Some(ticket) }) => {
                hub.leave(&room, ticket.expose());
                return Err(End::closed(CloseReason::Left));
            }
            Ok(_) => ErrorFrame::new(ErrorCode::NotJoined, "the first message is `join`"),
            Err(Rejected::Answered(error)) => error,
            Err(Rejected::Ended(reason)) => return Err(End::closed(reason)),
        };
        send(hub, socket, &mut vec![ServerMessage::Error(error).encode()]).await?;
    }
}

/// Counts what is no message, or ends the connection.
fn count<T>(intake: &mut InboundLimiter, incoming: &Incoming<T>) -> Result<(), End> {
    let (frames, bytes) = match *incoming {
        Incoming::Partial { fragments, bytes } => (fragments, bytes),
        Incoming::ProtocolError(reason) => return Err(End::closed(reason)),
        Incoming::Closed | Incoming::GoingAway => return Err(End::Lost),
        Incoming::Control | Incoming::Text(_) => (1, 0),
    };
    intake.control(frames, bytes, now()).map_err(End::closed)
}

/// Goes on with the session that the client names; or else asks the application, then the hub.
async fn enter<S: Socket, A: Authorize>(
    hub: &Hub,
    room: RoomId,
    authorize: A,
    mut intake: InboundLimiter,
    join: &Join<'_>,
    socket: &mut S,
) -> Result<Joined<S::Text>, End> {
    let (limits, address) = (hub.limits(), socket.peer_address());
    if join.meta.is_some_and(|meta| meta.get().len() > limits.meta_bytes()) {
        let error = ErrorFrame::new(ErrorCode::TooLarge, "`meta` is too large");
        return Err(refuse(hub, socket, error, CloseReason::ProtocolViolation).await);
    }
    if let Some(Resume { ticket, received, .. }) = &join.resume {
        let back =
            Return { ticket: ticket.expose(), received: *received, intake: &intake, address };
        match hub.resume_with(&room, &back, now()) {
            Ok((session, welcome)) => return Ok((session, First { welcome, held: Vec::new() })),
            // A client without a session joins afresh, if it may.
            Err(ResumeError::UnknownTicket) => {}
            Err(refused) => {
                let wait = match refused {
                    ResumeError::TooOften { retry_after } => Some(retry_after),
                    _ => None,
                };
                let error = error(refused.code(), refused.to_string(), wait);
                return Err(refuse(hub, socket, error, refused.close_reason()).await);
            }
        }
    }
    let key = address.map(AddressKey::from);
    if let Some(Err(wait)) = key.map(|key| hub.addresses().join(key, now())) {
        let error = ErrorFrame::rate_limited("too many joins of one address", wait);
        return Err(refuse(hub, socket, error, CloseReason::Unavailable).await);
    }
    let meta = join.meta.map(|meta| Meta::from(meta.to_owned())).unwrap_or_default();
    let applicant = AuthRequest {
        room: room.clone(),
        token: join.token.clone().map(Secret::into_owned),
        meta: meta.clone(),
    };
    let mut held = Vec::new();
    let decision = pin!(authorize.authorize(applicant));
    let grant = match decide(hub, decision, &mut intake, &mut held, socket).await? {
        Ok(grant) => grant,
        Err(Denied { code, close, message }) => {
            if code != ErrorCode::Unavailable {
                key.inspect(|key| hub.addresses().refused(*key, now()));
            }
            return Err(refuse(hub, socket, ErrorFrame::new(code, message), close).await);
        }
    };
    let joining = JoinRequest::new(meta)
        .replaces(join.replaces.as_ref().map(Secret::expose))
        .address(address);
    match hub.join_with(room, joining, &grant, intake, now()) {
        Ok((session, welcome)) => Ok((session, First { welcome, held })),
        Err(refused) => {
            let error = error(refused.code(), refused.to_string(), refused.retry_after());
            Err(refuse(hub, socket, error, refused.close_reason()).await)
        }
    }
}

/// The error for what the hub refuses, with the time to wait where there is one.
fn error(code: ErrorCode, message: String, wait: Option<Duration>) -> ErrorFrame<'static> {
    match wait {
        Some(wait) => ErrorFrame::rate_limited(message, wait),
        None => ErrorFrame::new(code, message),
    }
}

/// Waits for the application's decision, as long as there is somebody whom it is about: nobody
/// joins for a connection that is gone.
async fn decide<S: Socket>(
    hub: &Hub,
    mut decision: impl Future<Output = Result<Grant, Denied>> + Unpin,
    intake: &mut InboundLimiter,
    held: &mut Vec<S::Text>,
    socket: &mut S,
) -> Result<Result<Grant, Denied>, End> {
    let mut deadline = pin!(sleep_until(Instant::now() + hub.limits().authorize_timeout()));
    let mut signs = interval_at(Instant::now() + SIGN_OF_LIFE, SIGN_OF_LIFE);
    let mut room = hub.limits().frame_bytes();
    loop {
        select! {
            biased;
            // What finds no room stays with the socket, where it costs the sender.
            incoming = socket.recv(), if room > 0 => match incoming {
                Incoming::Text(text) => match ClientMessage::parse(text.as_ref()) {
                    Ok(ClientMessage::Leave { .. }) => {
                        return Err(End::closed(CloseReason::Left));
                    }
                    // It answers a sign of life, and nothing is there to be acknowledged.
                    Ok(
                        ClientMessage::Probe | ClientMessage::Pong { .. } | ClientMessage::Ack { .. },
                    ) => count(intake, &Incoming::Text(text))?,
                    _ => {
                        room = room.saturating_sub(text.as_ref().len().max(HELD_LEAST));
                        held.push(text);
                    }
                },
                other => count(intake, &other)?,
            },
            decided = &mut decision => return Ok(decided),
            () = &mut deadline => {
                let message = "the application did not decide in time";
                return Ok(Err(Denied::unavailable(message)));
            }
            _ = signs.tick() => {
                send(hub, socket, &mut vec![ServerMessage::Ping { received: 0 }.encode()]).await?;
            }
        }
    }
}

/// How often a client hears that the application is still deciding: well within the 10 seconds after
/// which the bundled one gives up.
const SIGN_OF_LIFE: Duration = Duration::from_secs(3);

/// What each message counts for that is held while the application decides, so that there are few.
const HELD_LEAST: usize = 1024;
