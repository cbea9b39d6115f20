//! A server on a port of its own.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::Duration,
};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::{
    App, Error, HttpServer,
    body::MessageBody,
    dev::{ServerHandle, ServiceFactory, ServiceRequest, ServiceResponse},
    rt::net::TcpStream,
    web::ServiceConfig,
};
use meet_signal_actix::{Hub, SignalService};
use socket2::{Domain, Socket, Type};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Stops when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    handle: ServerHandle,
}

/// Serves an application.
pub(crate) fn serve<F>(configure: F) -> Server
where
    F: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    serve_at(TcpListener::bind("127.0.0.1:0").expect("a port"), configure)
}

/// Serves the rooms of this hub at `/signal/{room}`.
pub(crate) fn serve_hub(hub: &Hub) -> Server {
    serve(rooms(hub))
}

pub(crate) fn serve_at<F>(listener: TcpListener, configure: F) -> Server
where
    F: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    run_at(listener, move || App::new().configure(configure.clone()))
}

/// Serves an application that is wrapped in middleware.
pub(crate) fn run<F, T, B>(application: F) -> Server
where
    F: Fn() -> App<T> + Clone + Send + 'static,
    T: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    B: MessageBody + 'static,
{
    run_at(TcpListener::bind("127.0.0.1:0").expect("a port"), application)
}

/// Two workers, so that two connections one after the other are on different ones.
fn run_at<F, T, B>(listener: TcpListener, application: F) -> Server
where
    F: Fn() -> App<T> + Clone + Send + 'static,
    T: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    B: MessageBody + 'static,
{
    let address = listener.local_addr().expect("it listens");
    let server = HttpServer::new(application)
        .workers(2)
        // Not masked by actix's own wait for peers that are still sending.
        .client_disconnect_timeout(Duration::ZERO)
        .disable_signals()
        .listen(listener)
        .expect("it listens")
        .run();
    let handle = server.handle();
    tokio::spawn(server);
    Server { address, handle }
}

/// A server that reports when actix drops a connection.
pub(crate) struct Observed {
    pub(crate) address: SocketAddr,
    pub(crate) ends: UnboundedReceiver<()>,
    handle: ServerHandle,
}

/// Reports it when it is dropped.
struct Connection(UnboundedSender<()>);

/// The variants of a test server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Tls,
    /// Plain, without `on_connect`: it does not reset the connections of peers that do not read.
    Unhooked,
}

/// Serves the rooms of this hub.
pub(crate) fn observed(hub: &Hub, listener: TcpListener, kind: Kind) -> Observed {
    let address = listener.local_addr().expect("it listens");
    let (ended, ends) = unbounded_channel();
    let rooms = rooms(hub);
    let server = HttpServer::new(move || App::new().configure(rooms.clone()))
        .on_connect(move |io, connection| {
            connection.insert(Connection(ended.clone()));
            match kind {
                Kind::Plain => meet_signal_actix::on_connect(io, connection),
                Kind::Tls => {
                    let tls = io.downcast_ref::<TlsStream<TcpStream>>().expect("TLS");
                    meet_signal_actix::on_connect_tcp(tls.get_ref().0, connection);
                }
                Kind::Unhooked => {}
            }
        })
        .workers(1)
        .disable_signals();
    let server = if kind == Kind::Tls {
        let config = meet_web::server_config(Ipv4Addr::LOCALHOST.into()).expect("a certificate");
        server.listen_rustls_0_23(listener, config)
    } else {
        server.listen(listener)
    };
    let server = server.expect("it listens").run();
    let handle = server.handle();
    tokio::spawn(server);
    Observed { address, ends, handle }
}

impl Drop for Observed {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

/// An application that has only rooms.
pub(crate) fn rooms(hub: &Hub) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    let hub = hub.clone();
    move |app| {
        app.service(SignalService::new(hub.clone()));
    }
}

/// A listener whose connections have small send buffers: the system's default is megabytes.
pub(crate) fn small_buffers() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_send_buffer_size(4096).expect("a size");
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a port");
    socket.listen(1024).expect("a port");
    socket
}

impl Drop for Server {
    fn drop(&mut self) {
        // The stop is sent at once; the future only waits for its completion.
        drop(self.handle.stop(false));
    }
}
