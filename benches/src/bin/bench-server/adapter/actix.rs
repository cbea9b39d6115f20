//! As `meet-signal-actix` recommends.

use std::{io, net::TcpListener};

use actix_web::{App, HttpServer};
use meet_signal_actix::{Hub, SignalService};

#[actix_web::main]
pub(crate) async fn serve(listener: TcpListener, hub: Hub) -> io::Result<()> {
    HttpServer::new(move || App::new().service(SignalService::new(hub.clone())))
        .tcp_nodelay(true)
        .listen(listener)?
        .run()
        .await
}
