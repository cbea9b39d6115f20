//! The room's name in a path: it is the same as with the adapter for axum.

use std::net::SocketAddr;

use actix_web::{HttpResponse, web};
use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::any,
};
use meet_signal_actix::{Grant, Hub, SignalService, SignalUpgrade};
use meet_signal_axum::SignalRouter;
use tokio::net::TcpListener;

use crate::{
    peer::Peer,
    responses::{HANDSHAKE, request},
    server::{Server, serve},
};

/// The ready-made routes at `/signal`, and handlers of an application: at `/one` for a segment, at
/// `/all` for all that follow.
struct Adapters {
    actix: Server,
    axum: SocketAddr,
}

impl Adapters {
    async fn serve() -> Self {
        let hub = Hub::default();
        let actix = serve(move |app| {
            app.app_data(web::Data::new(hub.clone()))
                .service(SignalService::new(hub.clone()))
                .route("/one/{room}", web::get().to(on_actix))
                .route("/all/{room:.*}", web::get().to(on_actix));
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let axum = listener.local_addr().expect("it listens");
        let hub = Hub::default();
        let app = Router::new()
            .route("/one/{room}", any(on_axum))
            .route("/all/{*room}", any(on_axum))
            .with_state(hub.clone())
            .merge(SignalRouter::new(hub).into_router());
        tokio::spawn(axum::serve(listener, app).into_future());
        Self { actix, axum }
    }

    fn each(&self) -> [SocketAddr; 2] {
        [self.actix.address, self.axum]
    }
}

async fn on_actix(
    hub: web::Data<Hub>,
    room: web::Path<String>,
    upgrade: SignalUpgrade,
) -> HttpResponse {
    upgrade.join(&hub, &room, Grant::new())
}

async fn on_axum(
    State(hub): State<Hub>,
    Path(room): Path<String>,
    upgrade: meet_signal_axum::SignalUpgrade,
) -> Response {
    upgrade.join(&hub, &room, Grant::new())
}

#[tokio::test]
async fn a_segment_is_percent_decoded_once() {
    let adapters = Adapters::serve().await;
    for (segment, name) in [
        ("standup", "standup"),
        ("st%61ndup", "standup"),
        ("%C3%89quipe%20%E2%80%93%20%E6%9C%9D%E4%BC%9A%20%F0%9F%8E%89", "Équipe – 朝会 🎉"),
        ("a+b%2Bc", "a+b+c"),
        ("%3F%23%22%5C", "?#\"\\"),
        ("%2525", "%25"),
        ("%252F", "%2F"),
        // A slash in a name cannot be mistaken for one between segments.
        ("a%2Fb%2fc", "a/b/c"),
        ("%2F", "/"),
        // As browsers decode it: what is no code stands for itself.
        ("100%", "100%"),
        ("%zz", "%zz"),
    ] {
        for address in adapters.each() {
            for route in ["signal", "one", "all"] {
                let path = format!("/{route}/{segment}");
                let (_peer, welcome) = Peer::join(address, &path, "Ada").await;
                assert_eq!(welcome["room"], name, "{path}");
            }
        }
    }
}

/// actix decodes the parameters of an application's handler in two steps.
#[tokio::test]
async fn a_segment_of_the_ready_made_routes_is_decoded_in_one_step() {
    let adapters = Adapters::serve().await;
    for address in adapters.each() {
        let (_peer, welcome) = Peer::join(address, "/signal/%%32%35", "Ada").await;
        assert_eq!(welcome["room"], "%25");
    }
}

#[tokio::test]
async fn a_slash_is_in_a_name_only_where_the_route_allows_it() {
    let adapters = Adapters::serve().await;
    for address in adapters.each() {
        for path in ["/signal/a/b", "/one/a/b", "/signal/a/", "/one/", "/signal/"] {
            let response = request(address, "GET", path, &HANDSHAKE).await;
            assert_eq!(response.status, 404, "{path}");
        }
        for path in ["/all/a/b", "/all/a%2Fb"] {
            let (_peer, welcome) = Peer::join(address, path, "Ada").await;
            assert_eq!(welcome["room"], "a/b", "{path}");
        }
    }
}

#[tokio::test]
async fn an_invalid_name_is_refused_by_every_route() {
    let adapters = Adapters::serve().await;
    let long = "x".repeat(129);
    for segment in
        [&*long, "%2e%2E", "%00", "a%0Ab", "%E2%80%8B", "%EF%BF%BF", "%FF", "caf%E9", "%EF%BF%BD"]
    {
        for address in adapters.each() {
            for route in ["signal", "one"] {
                let path = format!("/{route}/{segment}");
                let response = request(address, "GET", &path, &HANDSHAKE).await;
                assert_eq!(response.status, 400, "{path}");
            }
        }
    }
}
