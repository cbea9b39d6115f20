//! The Meet application on axum: `cargo run -p meet-axum`.

use std::{
    error::Error,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use axum::{
    Router,
    extract::{Path, Query},
    http::{HeaderValue, StatusCode, header},
    middleware::map_response,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use axum_server::{
    Handle,
    accept::NoDelayAcceptor,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use clap::Parser;
use meet_signal_axum::{Grant, Hub, SignalRouter};
use meet_web::{Asset, CONTENT_SECURITY_POLICY, Options};
use tokio::{select, signal, time::timeout};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let hub = Hub::default();
    let app = app(&options, hub.clone()).into_make_service();

    let listener = TcpListener::bind(options.address())
        .map_err(|error| format!("cannot listen at {}: {error}", options.address()))?;
    listener.set_nonblocking(true)?;
    println!("Meet is at {}", options.url(listener.local_addr()?));

    let handle = Handle::new();
    tokio::spawn(stop_on_signal(hub, handle.clone()));
    let server = axum_server::from_tcp(listener)?.handle(handle);
    if options.tls {
        let tls = RustlsConfig::from_config(meet_web::server_config(options.host)?);
        server.acceptor(RustlsAcceptor::new(tls).acceptor(NoDelayAcceptor)).serve(app).await?;
    } else {
        server.acceptor(NoDelayAcceptor).serve(app).await?;
    }
    Ok(())
}

fn app(options: &Options, hub: Hub) -> Router {
    let everybody = Grant::new().ice_servers(options.ice_servers());
    Router::new()
        .route("/", get(async || page(meet_web::home())))
        .route("/room", get(open_room))
        .route("/room/{room}", get(async || page(meet_web::room())))
        .route("/assets/{name}", get(asset))
        .merge(SignalRouter::new(hub).authorize(everybody).into_router())
        .layer(map_response(with_security_policy))
}

/// The home page's form, for a browser without scripts.
async fn open_room(Query(form): Query<Vec<(String, String)>>) -> Redirect {
    let name = form.iter().find(|(field, _)| field == "room").map_or("", |(_, name)| name);
    Redirect::to(&meet_web::room_path(name))
}

async fn asset(Path(name): Path<String>) -> Response {
    meet_web::asset(&name).map_or_else(|| StatusCode::NOT_FOUND.into_response(), page)
}

fn page(asset: Asset) -> Response {
    ([(header::CONTENT_TYPE, asset.content_type)], asset.body).into_response()
}

async fn with_security_policy(mut response: Response) -> Response {
    let policy = HeaderValue::from_static(CONTENT_SECURITY_POLICY);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// Tells every participant to come back later, waits until they have heard it, and stops serving.
async fn stop_on_signal(hub: Hub, handle: Handle<SocketAddr>) {
    let terminated = async {
        let mut signals = signal::unix::signal(signal::unix::SignalKind::terminate())
            .expect("a process can listen to signals");
        signals.recv().await;
    };
    select! {
        _ = signal::ctrl_c() => {}
        () = terminated => {}
    }
    // A participant whose connection is dead never answers; the server stops all the same.
    let _ = timeout(PATIENCE, hub.drain()).await;
    handle.graceful_shutdown(Some(PATIENCE));
}

const PATIENCE: Duration = Duration::from_secs(3);
