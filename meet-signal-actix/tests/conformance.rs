//! The conformance suite on both forms of this adapter.

use std::net::{SocketAddr, TcpListener};

use actix_web::{
    App, HttpResponse, HttpServer,
    web::{self, Data, Path, ServiceConfig},
};
use meet_signal_actix::{Hub, SignalService, SignalUpgrade};
use meet_signal_conformance::{Suite, Target, authorize, limits};

#[tokio::test(flavor = "multi_thread")]
async fn the_service_meets_all_requirements() {
    let hub = Hub::new(limits());
    let rooms = hub.clone();
    let server = serve(move |app| {
        let scope = SignalService::new(rooms.clone()).authorize(authorize);
        app.service(scope);
    });
    meets_all_requirements(server, hub, "/signal/{room}", "actix-web: `SignalService`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_handler_meets_all_requirements() {
    async fn join(hub: Data<Hub>, room: Path<String>, upgrade: SignalUpgrade) -> HttpResponse {
        upgrade.join(&hub, &room, authorize)
    }

    let hub = Hub::new(limits());
    let rooms = Data::new(hub.clone());
    let server = serve(move |app| {
        app.app_data(rooms.clone()).route("/rooms/{room}/signal", web::get().to(join));
    });
    meets_all_requirements(server, hub, "/rooms/{room}/signal", "actix-web: `SignalUpgrade`").await;
}

async fn meets_all_requirements(server: SocketAddr, hub: Hub, path: &str, name: &str) {
    let report = Suite::new(Target::new(server).path(path).hub(hub)).run().await;
    println!("{report}");
    report.assert_recorded(TABLE, name);
    report.assert_passed();
}

/// With two workers, messages between two connections cross threads.
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
