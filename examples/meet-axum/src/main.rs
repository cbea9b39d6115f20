//! The Meet application on axum: `cargo run -p meet-axum`.

mod server;

use std::{error::Error, sync::Arc};

use axum::{
    Router,
    extract::{Path, Query},
    http::{HeaderValue, StatusCode, header},
    middleware::map_response,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use clap::Parser;
use meet_signal_axum::{Hub, SignalRouter};
use meet_web::{Asset, CONTENT_SECURITY_POLICY, Options, PATIENCE};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let bounds = options.bounds.within_open_files(1)?;
    let hub = options.hub()?;
    let app = app(&options, hub.clone());
    let tls = if options.tls { Some(meet_web::server_config(options.host)?) } else { None };
    let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));

    let listener = TcpListener::from_std(options.listen()?)?;
    println!("Meet is at {}", options.url(listener.local_addr()?));
    server::serve(listener, tls, app, bounds, meet_web::stopping(hub), PATIENCE).await;
    Ok(())
}

fn app(options: &Options, hub: Hub) -> Router {
    let signal =
        SignalRouter::new(hub).authorize(options.login()).client_address(options.client_address());
    Router::new()
        .route("/", get(async || page(meet_web::home())))
        .route("/room", get(open_room))
        .route("/room/{room}", get(async || page(meet_web::room())))
        .route("/assets/{name}", get(asset))
        .merge(signal.into_router())
        .layer(map_response(with_security_policy))
}

async fn open_room(Query(form): Query<Vec<(String, String)>>) -> Redirect {
    Redirect::to(&meet_web::form_target(&form))
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
