//! The Meet application on axum: `cargo run -p meet-axum`.

mod server;

use std::{error::Error, sync::Arc};

use axum::{
    Router,
    extract::{Path, Query, Request},
    http::{HeaderName, StatusCode, Uri, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use clap::Parser;
use meet_signal_axum::{Hub, SignalRouter};
use meet_web::{Asset, DRAIN_TIMEOUT, Options};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    meet_web::log_to_stderr(&options.log);
    let bounds = options.bounds.within_open_files(1)?;
    let hub = options.hub()?;
    let app = app(&options, hub.clone());
    let tls = if options.tls { Some(meet_web::server_config(options.host)?) } else { None };
    let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));

    let listener = TcpListener::from_std(options.listen()?)?;
    println!("Meet is at {}", options.url(listener.local_addr()?));
    server::serve(listener, tls, app, bounds, meet_web::stopping(hub), DRAIN_TIMEOUT).await;
    Ok(())
}

fn app(options: &Options, hub: Hub) -> Router {
    let signal =
        SignalRouter::new(hub).authorize(options.login()).client_address(options.client_address());
    Router::new()
        .route("/", get(async || page(meet_web::home())))
        .route("/room", get(open_room))
        .route("/room/", get(room))
        .route("/room/{*name}", get(room))
        .route("/assets/{name}", get(asset))
        .merge(signal.into_router())
        .layer(from_fn(secured))
}

async fn open_room(Query(form): Query<Vec<(String, String)>>) -> Redirect {
    Redirect::to(&meet_web::form_target(&form))
}

async fn room(uri: Uri) -> Response {
    page(meet_web::room(uri.path()))
}

async fn asset(Path(name): Path<String>) -> Response {
    meet_web::asset(&name).map_or_else(|| StatusCode::NOT_FOUND.into_response(), page)
}

fn page(Asset { content_type, body, found, .. }: Asset) -> Response {
    let status = if found { StatusCode::OK } else { StatusCode::NOT_FOUND };
    (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
}

async fn secured(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let security = meet_web::security_headers(host);
    let mut response = next.run(request).await;
    for (name, value) in security {
        let value = value.try_into().expect("the policy is ASCII");
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    response
}
