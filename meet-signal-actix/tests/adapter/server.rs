//! A server on a port of its own.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::Duration,
};

use actix_web::{App, HttpServer, dev::ServerHandle, web::ServiceConfig};
use meet_signal_actix::{Hub, SignalScope};
use socket2::{Domain, Socket, Type};

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

/// Two workers, so that two connections one after the other are on different ones.
pub(crate) fn serve_at<F>(listener: TcpListener, configure: F) -> Server
where
    F: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let address = listener.local_addr().expect("it listens");
    let server = HttpServer::new(move || App::new().configure(configure.clone()))
        .workers(2)
        // Not to be saved by actix's own waiting for whoever is still sending.
        .client_disconnect_timeout(Duration::ZERO)
        .disable_signals()
        .listen(listener)
        .expect("it listens")
        .run();
    let handle = server.handle();
    tokio::spawn(server);
    Server { address, handle }
}

/// An application that is nothing but rooms.
pub(crate) fn rooms(hub: &Hub) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    let hub = hub.clone();
    move |app| {
        app.service(SignalScope::new(hub.clone()));
    }
}

/// A listener whose connections take little that is not read: the system would hold megabytes.
pub(crate) fn small_buffers() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_send_buffer_size(4096).expect("a size");
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a port");
    socket.listen(1024).expect("a port");
    socket
}

impl Drop for Server {
    fn drop(&mut self) {
        // Sent at once; the future only waits for the end.
        drop(self.handle.stop(false));
    }
}
