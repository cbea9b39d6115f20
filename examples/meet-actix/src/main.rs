//! The Meet application on actix-web: `cargo run -p meet-actix`.

use std::{any::Any, error::Error, thread::available_parallelism};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    body::MessageBody,
    dev::{Extensions, ServiceRequest, ServiceResponse},
    http::{
        KeepAlive, StatusCode, Uri,
        header::{self, ContentType, HeaderValue},
    },
    middleware::{Compress, Next, from_fn},
    rt::{self, net::TcpStream},
    web::{Data, Path, Query, Redirect, ServiceConfig, get, scope},
};
use clap::Parser;
use meet_signal_actix::{ClientAddress, Hub, SignalUpgrade, client};
use meet_web::{Asset, Browser, DRAIN_TIMEOUT, Hosts, Login, Options};

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    meet_web::log_to_stderr(&options.log);
    // `meet_signal_actix::on_connect` uses a second descriptor.
    let bounds = options.bounds.within_open_files(2)?;
    let hub = options.hub()?;
    let stopping = meet_web::stopping(hub.clone());
    let hosts = Hosts::new(hub.clone());
    rt::spawn(hosts.clone().appoint());
    let routes = routes(&options, hub, hosts);

    let listener = options.listen()?;
    println!("Meet is at {}", options.url(listener.local_addr()?));

    // Each worker counts its own connections.
    let workers = available_parallelism()?.get().min(bounds.connections);
    let each = bounds.connections / workers;
    let server = HttpServer::new(move || {
        let app = App::new().wrap(from_fn(secured));
        app.configure(routes.clone())
    })
    .workers(workers)
    .max_connections(each)
    // By default, further handshakes wait if 256 are in progress on a worker.
    .max_connection_rate(each)
    .tls_handshake_timeout(bounds.handshake_timeout)
    .client_request_timeout(bounds.request_timeout)
    // That is for a connection's first request. A second one could stay unfinished without limit.
    .keep_alive(KeepAlive::Disabled)
    .tcp_nodelay(true)
    .on_connect(on_connect)
    .shutdown_signal(stopping)
    .shutdown_timeout(DRAIN_TIMEOUT.as_secs());
    let server = if options.tls {
        server.listen_rustls_0_23(listener, meet_web::server_config(options.host)?)?
    } else {
        server.listen(listener)?
    };
    server.run().await?;
    Ok(())
}

/// Resets the connections of participants that do not read, with TLS and without.
fn on_connect(io: &dyn Any, connection: &mut Extensions) {
    match io.downcast_ref::<TlsStream<TcpStream>>() {
        Some(tls) => meet_signal_actix::on_connect_tcp(tls.get_ref().0, connection),
        None => meet_signal_actix::on_connect(io, connection),
    }
}

struct Site {
    login: Login,
    client_address: ClientAddress,
    hub: Hub,
    tls: bool,
}

fn routes(
    options: &Options,
    hub: Hub,
    hosts: Hosts,
) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    let login = options.login(hosts);
    let site = Site { login, client_address: options.client_address(), hub, tls: options.tls };
    let site = Data::new(site);
    move |app| {
        let pages = scope("")
            .wrap(Compress::default())
            .route("/", get().to(async || page(meet_web::home())))
            .route("/room", get().to(open_room))
            .route("/room/{name:(?s:.*)}", get().to(room))
            .route("/assets/{name}", get().to(asset));
        app.app_data(site.clone())
            .route("/signal/{name}", get().to(signal))
            .service(scope("/meet-signal").service(client()))
            .service(pages);
    }
}

async fn open_room(form: Query<Vec<(String, String)>>) -> Redirect {
    Redirect::to(meet_web::form_target(&form)).see_other()
}

/// The page of a room. The browser gets an identity here, before it joins.
async fn room(site: Data<Site>, uri: Uri, request: HttpRequest) -> HttpResponse {
    let mut response = page(meet_web::room(uri.path()));
    if let Ok(browser) = site.browser(&request).map_or_else(Browser::new, Ok) {
        let cookie = browser.set_cookie(site.is_secure(&request));
        let cookie = cookie.try_into().expect("it is ASCII");
        response.headers_mut().insert(header::SET_COOKIE, cookie);
        let private = HeaderValue::from_static("private, no-cache");
        response.headers_mut().insert(header::CACHE_CONTROL, private);
    }
    response
}

async fn signal(
    site: Data<Site>,
    uri: Uri,
    request: HttpRequest,
    upgrade: SignalUpgrade,
) -> HttpResponse {
    let login = site.login.with_browser(site.browser(&request).as_ref());
    match meet_web::room_name(uri.path()) {
        Ok(room) => {
            let upgrade = upgrade.client_address(site.client_address.clone());
            upgrade.join(&site.hub, room.as_str(), login)
        }
        Err(invalid) => HttpResponse::BadRequest()
            .content_type(ContentType::plaintext())
            .body(invalid.to_string()),
    }
}

impl Site {
    fn browser(&self, request: &HttpRequest) -> Option<Browser> {
        let cookies = request.headers().get_all(header::COOKIE);
        Browser::of_cookies(cookies.map(|cookie| cookie.as_bytes()), self.is_secure(request))
    }

    /// Whether the browser has an https connection, here or to a proxy.
    fn is_secure(&self, request: &HttpRequest) -> bool {
        let scheme = request.headers().get("x-forwarded-proto");
        self.tls || scheme.is_some_and(|scheme| scheme == "https")
    }
}

async fn asset(name: Path<String>) -> HttpResponse {
    meet_web::asset(&name).map_or_else(|| HttpResponse::NotFound().finish(), page)
}

fn page(Asset { content_type, cache_control, body, found, .. }: Asset) -> HttpResponse {
    let status = if found { StatusCode::OK } else { StatusCode::NOT_FOUND };
    HttpResponse::build(status)
        .content_type(content_type)
        .insert_header((header::CACHE_CONTROL, cache_control))
        .body(body.into_owned())
}

async fn secured<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<B>> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let security = meet_web::security_headers(host);
    let mut response = next.call(request).await?;
    for (name, value) in security {
        let value = value.try_into().expect("the policy is ASCII");
        response.headers_mut().insert(header::HeaderName::from_static(name), value);
    }
    Ok(response)
}
