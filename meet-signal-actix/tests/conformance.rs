//! The promises of the protocol, kept by this adapter in both of its forms.

use std::net::{SocketAddr, TcpListener};

use actix_web::{
    App, HttpResponse, HttpServer,
    web::{self, Data, Path, ServiceConfig},
};
use meet_signal_actix::{Hub, SignalService, SignalUpgrade};
use meet_signal_conformance::{self as conformance, Suite, Target};

#[tokio::test(flavor = "multi_thread")]
async fn the_scope_keeps_all_promises() {
    let hub = Hub::new(conformance::limits());
    let rooms = hub.clone();
    let server = serve(move |app| {
        let scope = SignalService::new(rooms.clone()).authorize(conformance::authorize);
        app.service(scope);
    });
    keeps_all_promises(server, hub, "/signal/{room}", "actix-web: `SignalService`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_of_ones_own_keeps_all_promises() {
    async fn join(hub: Data<Hub>, room: Path<String>, upgrade: SignalUpgrade) -> HttpResponse {
        upgrade.join(&hub, &room, conformance::authorize)
    }

    let hub = Hub::new(conformance::limits());
    let rooms = Data::new(hub.clone());
    let server = serve(move |app| {
        app.app_data(rooms.clone()).route("/rooms/{room}/signal", web::get().to(join));
    });
    keeps_all_promises(server, hub, "/rooms/{room}/signal", "actix-web: `SignalUpgrade`").await;
}

async fn keeps_all_promises(server: SocketAddr, hub: Hub, path: &str, name: &str) {
    let report = Suite::new(Target::new(server).path(path).hub(hub)).run().await;
    println!("{report}");
    report.assert_recorded(TABLE, name);
    report.assert_kept();
}

/// Two workers: what two connections tell each other goes from one thread to the other.
fn serve<F>(routes: F) -> SocketAddr
where
    F: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let server = HttpServer::new(move || App::new().configure(routes.clone()))
        .on_connect(meet_signal_actix::on_connect)
        .workers(2)
        .disable_signals()
        .listen(listener)
        .expect("it is bound");
    tokio::spawn(server.run());
    address
}

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/conformance.md");
