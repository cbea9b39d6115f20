//! The TCP connection of a WebSocket, to close it when actix does not.
//!
//! If a peer does not read, actix's dispatcher waits for its write, which has no timeout, and does not
//! poll the response's body. Only an error of that write ends the connection, and only another
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

/// Resets the TCP connections of peers that do not read; pass it to
/// [`HttpServer::on_connect`](actix_web::HttpServer::on_connect).
///
/// A WebSocket that has not ended 3 s after the core has given it up (2 s after its close frame, or
/// later if a write was in progress) is reset: data that the peer has not read by then is discarded, in
/// actix's buffer and in the system's. Otherwise such a connection lasts until the system ends it.
///
/// It uses a descriptor for each WebSocket, and one for each other open connection that its worker
/// accepted in the 10 s before the latest one. An application that keeps an [`HttpRequest`] beyond its
/// connection keeps the descriptor, too. It has no effect on a connection that is upgraded later than
/// that, or for which no descriptor is left. It ignores connections that are not plain TCP: for TLS,
/// see [`on_connect_tcp`].
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

/// Like [`on_connect`], for an application's own function: for the TCP connection below TLS, or to keep
/// other data of the connection as well.
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

/// Part of the connection's data, so it is dropped with the connection: a descriptor that outlives it
/// would keep it open.
struct Connection {
    socket: Cell<Option<Socket>>,
    upgraded: Cell<bool>,
}

/// A handle to reset a connection, if it has not ended by itself.
pub(crate) struct ResetHandle(Weak<Connection>);

impl ResetHandle {
    /// The handle for the connection of an upgrade request. `None` if the application does not use
    /// [`on_connect`].
    pub(crate) fn of(request: &HttpRequest) -> Option<Self> {
        let connection = request.conn_data::<Rc<Connection>>()?;
        connection.upgraded.set(true);
        Some(Self(Rc::downgrade(connection)))
    }

    /// Resets the connection some seconds after the returned value is dropped. Until then, actix may
    /// write the remaining data.
    pub(crate) fn reset_after_drop(self) -> PendingReset {
        let (guard, dropped) = oneshot::channel();
        rt::spawn(async move {
            let _ = dropped.await;
            sleep(LAST_WRITES).await;
            if let Some(connection) = self.0.upgrade() {
                connection.reset();
            }
        });
        PendingReset(guard)
    }
}

/// Held as long as the core waits for the peer.
pub(crate) struct PendingReset(
    #[expect(dead_code, reason = "dropping it is the signal")] oneshot::Sender<()>,
);

impl Connection {
    fn reset(&self) {
        let Some(socket) = self.socket.take() else { return };
        // Either fails only if the connection has ended.
        let _ = socket.set_linger(Some(Duration::ZERO));
        let _ = socket.shutdown(Shutdown::Both);
    }
}

/// Closes the descriptors of connections that were not upgraded in time.
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
    /// The recent connections of this worker, in order. Each new connection removes the expired ones.
    static RECENT: RefCell<Recent> = const { RefCell::new(VecDeque::new()) };
}

type Recent = VecDeque<(Instant, Weak<Connection>)>;

/// How long a connection may take to become a WebSocket. Browsers open a new one for it, and the
/// upgrade is the first request; actix waits 5 s for that by default.
const FIRST_REQUEST: Duration = Duration::from_secs(10);

/// How long actix may take to write its buffer (48 KiB) and the slot (64 KiB) after the core has stopped
/// waiting for the peer.
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
    fn a_connection_that_is_not_upgraded_in_time_releases_its_descriptor() {
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
