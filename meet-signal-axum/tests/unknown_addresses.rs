//! The warning that the limits per address are off is logged once for a process, so this test has its own.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, serve};
use futures_util::{SinkExt, StreamExt};
use meet_signal_axum::{ClientAddress, Hub, SignalRouter};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{client_async, tungstenite::Message};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::set_global_default,
};

#[tokio::test]
async fn one_warning_reports_that_the_limits_per_address_are_off() {
    let log = Log::default();
    set_global_default(log.clone()).expect("there is no other");
    let rooms = || SignalRouter::new(Hub::default());

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let known = listener.local_addr().unwrap();
    let router: Router = rooms().into_router();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async { serve(listener, service).await });
    join(known).await;
    // Switched off explicitly.
    join(served(rooms().client_address(ClientAddress::unknown()).into_router()).await).await;
    assert_eq!(log.lines(), [""; 0]);

    let unknown = served(rooms().into_router()).await;
    join(unknown).await;
    join(unknown).await;
    // The header and the address of the connection are both missing.
    let policy = ClientAddress::forwarded_for(1);
    join(served(rooms().client_address(policy).into_router()).await).await;
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    for part in ["WARN", "limits per address are off", "into_make_service_with_connect_info"] {
        assert!(lines[0].contains(part), "{lines:?}");
    }
}

async fn served(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it listens");
    tokio::spawn(async { serve(listener, router).await });
    address
}

/// Waits for the welcome: the warning is logged before it.
async fn join(server: SocketAddr) {
    let stream = TcpStream::connect(server).await.expect("a server listens");
    let client = client_async(format!("ws://{server}/signal/standup"), stream).await;
    let (mut client, _) = client.expect("an upgrade");
    client.send(Message::text(r#"{"type":"join"}"#)).await.expect("a connection");
    let welcome = client.next().await.expect("a frame").expect("a connection");
    assert!(welcome.to_text().expect("a text").contains("welcome"));
}

/// The log of this library.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn lines(&self) -> Vec<String> {
        self.0.lock().expect("no panic").clone()
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("meet_signal") && *metadata.level() <= Level::WARN
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().expect("no panic").push(line.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!(" {}={value:?}", field.name()));
    }
}
