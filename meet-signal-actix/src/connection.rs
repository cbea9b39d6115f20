//! The TCP connection of a WebSocket, to end it where actix does not.
//!
//! Once a peer takes nothing, actix's dispatcher waits for its write, which has no timeout, and asks
//! the response's body for nothing. Only an error of that write ends it, and only somebody with a
//! descriptor of the same socket can cause one.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    collections::VecDeque,
    net::Shutdown,
    rc::{Rc, Weak},
    time::{Duration, Instant},
};

use actix_web::{
    HttpRequest,
    dev::Extensions,
    rt::{self, net::TcpStream, time::sleep},
};
use socket2::{SockRef, Socket};
use tokio::sync::oneshot;

/// Has peers that take nothing lose their TCP connection; pass it to
/// [`HttpServer::on_connect`](actix_web::HttpServer::on_connect).
///
/// A WebSocket that has not ended 3 s after the core has given it up (2 s after its close frame, and
/// later for a peer that has yet to take what was being written) is reset: what the peer has not
/// taken by then is discarded, in actix's buffer and in the system's. Without this, such a connection lasts
/// until the system gives it up.
///
/// It costs a descriptor: one for each WebSocket, and one for each other open connection that its
/// worker accepted in the 10 s before the latest one. An application that keeps an [`HttpRequest`]
/// beyond its connection keeps the descriptor, too. A connection whose upgrade comes later than that,
/// or for which there is no descriptor left, is as without this. Connections that are not plain TCP are
/// passed over: for TLS, see [`on_connect_tcp`].
///
/// ```no_run
/// # use actix_web::{App, HttpServer};
/// HttpServer::new(App::new).on_connect(meet_signal_actix::on_connect);
/// ```
pub fn on_connect(io: &dyn Any, connection: &mut Extensions) {
    if let Some(tcp) = io.downcast_ref() {
        on_connect_tcp(tcp, connection);
    }
}

/// Like [`on_connect`], for an application's own function: with the TCP connection below its TLS, say,
/// or beside what else the application keeps of a connection.
///
/// ```no_run
/// use actix_tls::accept::rustls_0_23::TlsStream;
/// use actix_web::{App, HttpServer, rt::net::TcpStream};
///
/// HttpServer::new(App::new).on_connect(|io, connection| {
///     if let Some(tls) = io.downcast_ref::<TlsStream<TcpStream>>() {
///         meet_signal_actix::on_connect_tcp(tls.get_ref().0, connection);
///     }
/// });
/// ```
pub fn on_connect_tcp(tcp: &TcpStream, connection: &mut Extensions) {
    let now = Instant::now();
    RECENT.with_borrow_mut(|recent| {
        release(recent, now);
        let Ok(socket) = SockRef::from(tcp).try_clone() else { return };
        let kept = Rc::new(Connection { socket: Cell::new(Some(socket)), upgraded: false.into() });
        recent.push_back((now, Rc::downgrade(&kept)));
        connection.insert(kept);
    });
}

/// What is kept in a connection's data, and so is dropped with the connection: a descriptor that
/// outlives it would keep it open.
struct Connection {
    socket: Cell<Option<Socket>>,
    upgraded: Cell<bool>,
}

/// A connection that can be ended, if it has not ended by itself.
pub(crate) struct Lifeline(Weak<Connection>);

impl Lifeline {
    /// Of the connection of a request that wants an upgrade. `None`: the application has not kept it.
    pub(crate) fn of(request: &HttpRequest) -> Option<Self> {
        let connection = request.conn_data::<Rc<Connection>>()?;
        connection.upgraded.set(true);
        Some(Self(Rc::downgrade(connection)))
    }

    /// Gives the connection some seconds for what is still to be written, once what this returns is
    /// dropped, and then ends it.
    pub(crate) fn end(self) -> Ending {
        let (ending, dropped) = oneshot::channel();
        rt::spawn(async move {
            let _ = dropped.await;
            sleep(LAST_WRITES).await;
            if let Some(connection) = self.0.upgrade() {
                connection.reset();
            }
        });
        Ending(ending)
    }
}

/// As long as it is there, the core still waits for the peer.
pub(crate) struct Ending(
    #[expect(dead_code, reason = "its end is what it says")] oneshot::Sender<()>,
);

impl Connection {
    fn reset(&self) {
        let Some(socket) = self.socket.take() else { return };
        // Either fails only where the connection is gone already.
        let _ = socket.set_linger(Some(Duration::ZERO));
        let _ = socket.shutdown(Shutdown::Both);
    }
}

/// Closes the descriptors of connections that have turned out to be ordinary ones.
fn release(recent: &mut Recent, now: Instant) {
    while let Some((since, connection)) = recent.front()
        && now.duration_since(*since) > FIRST_REQUEST
    {
        if let Some(connection) = connection.upgrade()
            && !connection.upgraded.get()
        {
            connection.socket.take();
        }
        recent.pop_front();
    }
}

thread_local! {
    /// The connections of this worker's last seconds, in order. Descriptors matter when there are
    /// new connections, which is when it is looked through.
    static RECENT: RefCell<Recent> = const { RefCell::new(VecDeque::new()) };
}

type Recent = VecDeque<(Instant, Weak<Connection>)>;

/// How long a connection may take to become a WebSocket. Browsers open one for it, and the upgrade is
/// the first request; actix waits 5 s for that, unless it is told otherwise.
const FIRST_REQUEST: Duration = Duration::from_secs(10);

/// How long actix may take for what is in its buffer (48 KiB) and in the slot (64 KiB), once the core
/// waits for the peer no more.
const LAST_WRITES: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use socket2::{Domain, Type};

    use super::*;

    fn connection(upgraded: bool) -> Rc<Connection> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        Rc::new(Connection { socket: Cell::new(Some(socket)), upgraded: upgraded.into() })
    }

    #[test]
    fn a_connection_that_is_not_upgraded_in_time_costs_no_descriptor_any_more() {
        let start = Instant::now();
        let connections = [(0, false), (0, true), (2, false)]
            .map(|(second, upgraded)| (second, connection(upgraded)));
        let mut recent: Recent = connections
            .iter()
            .map(|(second, kept)| (start + Duration::from_secs(*second), Rc::downgrade(kept)))
            .collect();
        let kept = || {
            connections.each_ref().map(|(_, connection)| {
                let socket = connection.socket.take();
                let kept = socket.is_some();
                connection.socket.set(socket);
                kept
            })
        };
        release(&mut recent, start + FIRST_REQUEST);
        assert_eq!((kept(), recent.len()), ([true, true, true], 3));
        release(&mut recent, start + FIRST_REQUEST + Duration::from_secs(1));
        assert_eq!((kept(), recent.len()), ([false, true, true], 1));
    }
}
