//! Each adapter, as its documentation recommends to mount it.

use std::{io, net::TcpListener};

use actix_web::{App, HttpServer};
use axum::{Router, serve::ListenerExt};
use meet_signal_actix::SignalService;
use meet_signal_axum::SignalRouter;
use meet_signal_core::{Grant, Hub};

#[tokio::main]
pub(crate) async fn axum(listener: TcpListener, hub: Hub) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?.tap_io(|stream| {
        // Nagle's algorithm delays small frames. An error shows again when the socket is read.
        let _ = stream.set_nodelay(true);
    });
    let app: Router = Router::new().merge(SignalRouter::new(hub).into_router());
    axum::serve(listener, app).await
}

#[actix_web::main]
pub(crate) async fn actix(listener: TcpListener, hub: Hub) -> io::Result<()> {
    HttpServer::new(move || App::new().service(SignalService::new(hub.clone())))
        .tcp_nodelay(true)
        .listen(listener)?
        .run()
        .await
}

#[tokio::main]
pub(crate) async fn tungstenite(listener: TcpListener, hub: Hub) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    minimal_adapter::serve(listener, hub, Grant::new()).await
}
