//! How a connection ends, and the writes that can end it.

use tokio::time::{Duration, timeout};

use crate::{
    CloseReason, ErrorCode, Frame, Hub, Reason, Session,
    message::{ErrorFrame, ServerMessage},
    socket::Socket,
    trace,
};

/// How the part of a connection that has a socket ends.
#[derive(Debug, Clone)]
pub(crate) enum Exit {
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
    pub(super) fn closed(reason: CloseReason) -> Self {
        Self::Closed { reason, is_writing: false }
    }

    /// The hub's close reason, if the hub has closed the session; it takes precedence.
    pub(super) fn or_hub_reason(self, session: &Session) -> Self {
        match (self, session.end()) {
            (Self::Closed { is_writing, .. }, Some(reason)) => Self::Closed { reason, is_writing },
            (exit, _) => exit,
        }
    }
}

/// Before the connection of a peer that was not admitted is closed, its client gets an `error`, as
/// for other joins that are refused.
pub(super) async fn explain<S: Socket>(hub: &Hub, socket: &mut S, exit: Exit) -> Exit {
    let Exit::Closed { reason: CloseReason::NotAdmitted { reason }, is_writing: false } = &exit
    else {
        return exit;
    };
    let message = reason.as_ref().map_or("not admitted", Reason::as_str).to_owned();
    let error = ErrorFrame::new(ErrorCode::Denied, message);
    match send(hub, socket, &mut vec![ServerMessage::Error(error).encode()]).await {
        // A client that does not read it is closed with the reason all the same.
        Ok(()) | Err(Exit::Closed { .. }) => exit,
        Err(lost) => lost,
    }
}

/// Refuses a join: sends an error, and closes with this reason.
pub(super) async fn refuse<S: Socket>(
    hub: &Hub,
    socket: &mut S,
    error: ErrorFrame<'_>,
    reason: CloseReason,
) -> Exit {
    trace::refused(&error, &reason);
    send_refusal(hub, socket, error, reason).await
}

/// Sends an error, and closes with this reason.
pub(super) async fn send_refusal<S: Socket>(
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

pub(super) async fn send<S: Socket>(
    hub: &Hub,
    socket: &mut S,
    batch: &mut Vec<Frame>,
) -> Result<(), Exit> {
    let bytes = batch.iter().map(Frame::len).sum();
    let longest = hub.limits().write_timeout() + hub.limits().reading_time(bytes);
    match timeout(longest, socket.send(batch)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Exit::Disconnected),
        // The write timeout has passed already, so closing does not wait for this write.
        Err(_) => Err(Exit::closed(CloseReason::TooSlow)),
    }
}

pub(super) async fn close<S: Socket>(hub: &Hub, socket: &mut S, exit: &Exit) {
    let Exit::Closed { reason, is_writing } = exit else { return };
    let writing = if *is_writing { hub.limits().write_timeout() } else { Duration::ZERO };
    // A client that does not reply in time is closed without a reply.
    let _ = timeout(writing + CLOSE_TIMEOUT, socket.close(reason.clone())).await;
}

/// How long the client may take to reply to a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
