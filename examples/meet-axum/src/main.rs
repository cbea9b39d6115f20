//! The Meet application on axum: `cargo run -p meet-axum`.

mod server;

use std::{error::Error, sync::Arc};

use axum::{
    Router,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Redirect, Response},
    routing::{any, get},
};
use clap::Parser;
use meet_signal_axum::{ClientAddress, Hub, SignalUpgrade, client};
use meet_web::{Asset, Browser, DRAIN_TIMEOUT, Hosts, Login, Options};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tower_http::compression::CompressionLayer;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    meet_web::log_to_stderr(&options.log);
    let bounds = options.bounds.within_open_files(1)?;
    let hub = options.hub()?;
    let hosts = Hosts::new(hub.clone());
    tokio::spawn(hosts.clone().appoint());
    let app = app(&options, hub.clone(), hosts);
    let tls = if options.tls { Some(meet_web::server_config(options.host)?) } else { None };
    let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));

    let listener = TcpListener::from_std(options.listen()?)?;
    println!("Meet is at {}", options.url(listener.local_addr()?));
    server::serve(listener, tls, app, bounds, meet_web::stopping(hub), DRAIN_TIMEOUT).await;
    Ok(())
}

#[derive(Clone)]
struct App {
    login: Login,
    client_address: ClientAddress,
    hub: Hub,
    tls: bool,
}

fn app(options: &Options, hub: Hub, hosts: Hosts) -> Router {
    let login = options.login(hosts);
    let app = App { login, client_address: options.client_address(), hub, tls: options.tls };
    let pages = Router::new()
        .route("/", get(async || page(meet_web::home())))
        .route("/room", get(open_room))
        .route("/room/", get(room))
        .route("/room/{*name}", get(room))
        .route("/assets/{name}", get(asset))
        .layer(CompressionLayer::new());
    pages
        .route("/signal/{name}", any(signal))
        .nest("/meet-signal", client())
        .layer(from_fn(secured))
        .with_state(app)
}

async fn open_room(Query(form): Query<Vec<(String, String)>>) -> Redirect {
    Redirect::to(&meet_web::form_target(&form))
}

/// The page of a room. The browser gets an identity here, before it joins.
async fn room(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Response {
    let mut response = page(meet_web::room(uri.path()));
    if let Ok(browser) = app.browser(&headers).map_or_else(Browser::new, Ok) {
        let cookie = browser.set_cookie(app.is_secure(&headers));
        let cookie = HeaderValue::try_from(cookie).expect("it is ASCII");
        response.headers_mut().insert(header::SET_COOKIE, cookie);
        let private = HeaderValue::from_static("private, no-cache");
        response.headers_mut().insert(header::CACHE_CONTROL, private);
    }
    response
}

async fn signal(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: SignalUpgrade,
) -> Response {
    let login = app.login.with_browser(app.browser(&headers).as_ref());
    match meet_web::room_name(uri.path()) {
        Ok(room) => upgrade.client_address(app.client_address).join(&app.hub, room.as_str(), login),
        Err(invalid) => (StatusCode::BAD_REQUEST, invalid.to_string()).into_response(),
    }
}

impl App {
    fn browser(&self, headers: &HeaderMap) -> Option<Browser> {
        let cookies = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
        Browser::of_cookies(cookies, self.is_secure(headers))
    }

    /// Whether the browser has an https connection, here or to a proxy.
    fn is_secure(&self, headers: &HeaderMap) -> bool {
        self.tls || headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https")
    }
}

async fn asset(Path(name): Path<String>) -> Response {
    meet_web::asset(&name).map_or_else(|| StatusCode::NOT_FOUND.into_response(), page)
}

fn page(Asset { content_type, cache_control, body, found, .. }: Asset) -> Response {
    let status = if found { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let headers =
        [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, cache_control.to_owned())];
    (status, headers, body).into_response()
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
