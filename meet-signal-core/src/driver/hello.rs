//! What a client is told before its first message.

use tokio::time::timeout;

use super::renewal::{Answer, Asking, ask};
use crate::{
    Frame, Grant, Hub, PeerId, RoomId, hub::Provided, message::ServerMessage, socket::Socket, trace,
};

/// The `hello` of a connection, until it is sent.
pub(super) struct Hello {
    is_due: bool,
    granted: Option<Grant>,
    question: Option<Question>,
}

/// What the application's provider of ICE servers was asked before the client has joined.
pub(super) struct Question {
    /// The member that the client will become, if it joins with a new session.
    pub(super) peer: PeerId,
    pub(super) asking: Asking,
    pub(super) answered: Option<Option<Answer>>,
}

impl Hello {
    pub(super) fn new<S: Socket>(
        socket: &S,
        room: &RoomId,
        granted: Option<Grant>,
        trace: &trace::Connection,
    ) -> Self {
        let is_awaited = socket.awaits_hello();
        let provider = granted.as_ref().and_then(|grant| grant.ice_provider.as_ref());
        let is_complete = |grant: &Grant| !grant.ice_servers.is_empty() && provider.is_none();
        let is_due = is_awaited || granted.as_ref().is_some_and(is_complete);
        // Other clients may be about to resume: the provider is asked for their session then.
        let question = provider.filter(|_| is_awaited).map(|provider| {
            let peer = PeerId::random();
            let asking = ask(provider.clone(), room.clone(), peer, trace);
            Question { peer, asking, answered: None }
        });
        Self { is_due, granted, question }
    }

    pub(super) fn is_due(&self) -> bool {
        self.is_due
    }

    /// Waits for the provider, no longer than a `welcome` would.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the provider is asked once.
    pub(super) async fn frame(&mut self, hub: &Hub) -> Frame {
        let mut provided = Provided::default();
        if let Some(Question { asking, answered, .. }) = &mut self.question {
            if answered.is_none() {
                *answered = timeout(hub.limits().ice_servers_timeout(), asking).await.ok();
            }
            if let Some(Some(answer)) = answered {
                provided = answer.provided.clone();
            }
        }
        self.is_due = false;
        let servers = self.granted.as_ref().map(|grant| provided.after(&grant.ice_servers));
        ServerMessage::Hello { ice_servers: servers.as_deref() }.encode()
    }

    /// The client joins.
    pub(super) fn into_question(self) -> Option<Question> {
        self.question
    }
}
