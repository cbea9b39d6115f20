//! The core's driver as a Node addon, for tests in memory: the test has the other end of each
//! connection, and says what time it is.
//!
//! Nothing runs by itself. Each method runs the tasks of all connections until none can go on, and
//! what they have sent is there to be taken.

mod event;
mod executor;
mod settings;
mod socket;

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use meet_signal_core::{
    AuthRequest, CloseReason, Denied, Grant, Hub, IceServer, LocalAuthorize, LocalDecision,
    OriginPolicy, RoomId, driver,
    handshake::{HELLO_SUBPROTOCOL, Handshake},
    is_going_away,
    socket::Incoming,
};
use napi::{Error, Result};
use napi_derive::napi;
use tokio::sync::oneshot;

use self::{
    event::{Event, Events},
    executor::Executor,
    settings::Decision,
    socket::{MemorySocket, Wire},
};

type Decisions = Rc<RefCell<HashMap<u32, oneshot::Sender<std::result::Result<Grant, Denied>>>>>;

/// A server, its clock and its connections.
#[napi]
pub struct Core {
    executor: Executor,
    hub: Hub,
    wires: HashMap<u32, Wire>,
    decisions: Decisions,
    events: Events,
    tasks: u32,
}

/// A connection whose handshake was accepted.
#[napi(object, object_from_js = false)]
pub struct Connection {
    /// Its number.
    pub id: u32,
    /// What the answer has in `Sec-WebSocket-Protocol`, or nothing.
    pub subprotocol: &'static str,
}

/// Somebody in a room.
#[napi(object, object_from_js = false)]
pub struct RoomMember {
    /// The id of the peer.
    pub id: String,
    /// Its `meta` as JSON.
    pub meta: String,
}

#[napi]
impl Core {
    /// A server with these limits, at the time 0.
    #[napi(constructor)]
    pub fn new(limits: HashMap<String, f64>) -> Result<Self> {
        Ok(Self {
            hub: Hub::new(settings::limits(limits)?),
            executor: Executor::new()?,
            wires: HashMap::new(),
            decisions: Decisions::default(),
            events: Events::default(),
            tasks: 0,
        })
    }

    /// Another process at the same time: connections and sessions are gone, without an event.
    #[napi]
    pub fn restart(&mut self, limits: HashMap<String, f64>) -> Result<()> {
        self.hub = Hub::new(settings::limits(limits)?);
        self.executor.clear();
        self.wires.clear();
        self.decisions.borrow_mut().clear();
        self.events.borrow_mut().clear();
        Ok(())
    }

    /// Drains the server; connections from now on are another one's, with these limits.
    #[napi]
    pub fn drain(&mut self, limits: HashMap<String, f64>) -> Result<()> {
        let hub = std::mem::replace(&mut self.hub, Hub::new(settings::limits(limits)?));
        let id = self.next_task();
        self.executor.spawn(id, async move { hub.drain().await });
        Ok(())
    }

    /// A handshake; null where the answer is an HTTP error. With `granted`, the application has decided
    /// before the join, with these URLs of ICE servers.
    #[napi]
    pub fn connect(
        &mut self,
        room: String,
        subprotocols: Vec<String>,
        granted: Option<Vec<String>>,
    ) -> Option<Connection> {
        let offered = subprotocols.iter().map(|name| ("sec-websocket-protocol", name.as_bytes()));
        let accepted =
            Handshake::new(None, offered).hello().check(&room, &OriginPolicy::any()).ok()?;
        let id = self.next_task();
        let (wire, events) = (Wire::default(), self.events.clone());
        let awaits_hello = accepted.subprotocol == Some(HELLO_SUBPROTOCOL);
        let socket = MemorySocket::new(id, wire.clone(), events.clone(), awaits_hello);
        self.wires.insert(id, wire);
        let granted = granted.map(|urls| {
            let servers: Vec<_> = urls.into_iter().map(IceServer::stun).collect();
            Grant::new().ice_servers(servers)
        });
        let decisions = self.decisions.clone();
        let authorize = Application { connection: id, decisions, events, granted };
        let serving = driver::serve_local(self.hub.clone(), accepted.room, authorize, socket);
        self.executor.spawn(id, async {
            serving.await;
        });
        Some(Connection { id, subprotocol: accepted.subprotocol.unwrap_or_default() })
    }

    /// Decides about the join of a connection, if it still waits.
    #[napi]
    pub fn decide(&mut self, connection: u32, decision: Decision) -> Result<()> {
        let decision = decision.into_result()?;
        if let Some(sender) = self.decisions.borrow_mut().remove(&connection) {
            // A connection that is gone does not wait.
            let _ = sender.send(decision);
        }
        self.executor.run();
        Ok(())
    }

    /// A frame arrives.
    #[napi]
    pub fn receive(&mut self, connection: u32, text: String) {
        self.deliver(connection, Incoming::Text(text));
    }

    /// The other end is gone, by a close frame with this code or without one (1006).
    #[napi]
    pub fn closed(&mut self, connection: u32, code: u16) {
        let goes = is_going_away(code);
        self.deliver(connection, if goes { Incoming::GoingAway } else { Incoming::Closed });
        self.wires.remove(&connection);
    }

    /// Whether the other end takes nothing from now on, so that the server's writes wait.
    #[napi]
    pub fn block(&mut self, connection: u32, blocked: bool) {
        if let Some(wire) = self.wires.get(&connection) {
            wire.block(blocked);
        }
        self.executor.run();
    }

    /// The server closes a connection, for a reason that keeps the session, or for one that ends it.
    #[napi]
    pub fn close(&mut self, connection: u32, keeps_session: bool) {
        let reason = if keeps_session { CloseReason::Unavailable } else { CloseReason::Denied };
        self.deliver(connection, Incoming::ProtocolError(reason));
    }

    /// Ends the task of a connection, and with it the session that it has or had last.
    #[napi]
    pub fn abort(&mut self, connection: u32) {
        self.executor.abort(connection);
        self.wires.remove(&connection);
    }

    /// The application sends JSON to a peer.
    #[napi]
    pub fn send(&mut self, room: String, peer: String, data: String) -> Result<()> {
        let peer = peer.parse().map_err(|_| Error::from_reason("no peer id"))?;
        let sent = self.hub.send(&parse(&room)?, peer, &settings::json(data)?);
        self.executor.run();
        sent.map_err(|error| Error::from_reason(error.to_string()))
    }

    /// The application changes the `meta` of a peer.
    #[napi]
    pub fn set_meta(&mut self, room: String, peer: String, meta: String) -> Result<()> {
        let peer = peer.parse().map_err(|_| Error::from_reason("no peer id"))?;
        let set = self.hub.set_meta(&parse(&room)?, peer, settings::json(meta)?.into());
        self.executor.run();
        set.map_err(|error| Error::from_reason(error.to_string()))
    }

    /// Who is in a room, in the order of joining.
    #[napi]
    pub fn roster(&self, room: String) -> Result<Vec<RoomMember>> {
        let members = self.hub.roster(&parse(&room)?).into_iter();
        let shown = members
            .map(|each| RoomMember { id: each.id.to_string(), meta: each.meta.as_json().into() });
        Ok(shown.collect())
    }

    /// Lets time pass until `to`, or until something is due before. Gives the time that it is. Both
    /// are whole milliseconds since the start.
    #[napi]
    pub fn advance(&mut self, to: f64) -> f64 {
        self.executor.advance(to as u64) as f64
    }

    /// What has happened since the last call.
    #[napi]
    pub fn take(&mut self) -> Vec<Event> {
        self.events.take()
    }

    fn deliver(&mut self, connection: u32, incoming: Incoming<String>) {
        if let Some(wire) = self.wires.get(&connection) {
            wire.deliver(incoming);
        }
        self.executor.run();
    }

    fn next_task(&mut self) -> u32 {
        self.tasks += 1;
        self.tasks
    }
}

/// Asks the test.
struct Application {
    connection: u32,
    decisions: Decisions,
    events: Events,
    granted: Option<Grant>,
}

impl LocalAuthorize for Application {
    fn authorize_local(&self, request: AuthRequest) -> LocalDecision<'_> {
        let (sender, decision) = oneshot::channel();
        self.decisions.borrow_mut().insert(self.connection, sender);
        self.events.borrow_mut().push(Event::authorize(self.connection, &request));
        Box::pin(async { decision.await.unwrap_or(Err(Denied::unavailable("no decision came"))) })
    }

    fn granted_local(&self) -> Option<&Grant> {
        self.granted.as_ref()
    }
}

/// The name of the room in a segment of a URL's path, or nothing if it is not valid.
#[napi]
pub fn room_in_segment(segment: String) -> Option<String> {
    RoomId::from_segment(&segment).ok().map(|room| room.to_string())
}

fn parse(room: &str) -> Result<RoomId> {
    room.parse().map_err(|_| Error::from_reason("no name of a room"))
}
