//! The events of `tracing`: what operators see of connections and sessions.

mod audit;
mod capture;
mod connections;
mod contents;
mod hub;
mod sessions;
mod subscribers;

use std::net::IpAddr;

use meet_signal_core::{
    AuthRequest, Authorize, Denied, Grant, Hub, RoomId,
    driver::{Outcome, serve},
    testing::{ClientEnd, Received, connection},
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tracing::subscriber::{DefaultGuard, set_default};

use capture::Logs;

/// Captures the events of this thread, on which the tests' runtimes run all tasks.
fn capture() -> (Logs, DefaultGuard) {
    let logs = Logs::default();
    (logs.clone(), set_default(logs))
}

fn room() -> RoomId {
    "standup".parse().expect("a valid name")
}

fn connect(hub: &Hub) -> (ClientEnd, JoinHandle<Outcome>) {
    connect_as(hub, Grant::new())
}

fn connect_as<M: 'static>(
    hub: &Hub,
    authorize: impl Authorize<M> + 'static,
) -> (ClientEnd, JoinHandle<Outcome>) {
    let (server, client) = connection(64);
    (client, tokio::spawn(serve(hub.clone(), room(), authorize, server)))
}

/// Connects from this address.
fn connect_from(hub: &Hub, address: &str) -> (ClientEnd, JoinHandle<Outcome>) {
    let (server, client) = connection(64);
    let address: IpAddr = address.parse().expect("an address");
    let serve = serve(hub.clone(), room(), Grant::new(), server.from_address(address));
    (client, tokio::spawn(serve))
}

/// Decides after a second.
async fn slow(_: AuthRequest) -> Result<Grant, Denied> {
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    Ok(Grant::new())
}

fn id(welcome: &Value) -> &str {
    welcome["self"]["id"].as_str().expect("an id")
}

fn send_resume(client: &ClientEnd, welcome: &Value, received: u64) {
    let resume = json!({"ticket": welcome["ticket"], "received": received});
    client.send(&json!({"type": "join", "resume": resume}).to_string());
}

/// Reads until the connection ends.
async fn ended(client: &mut ClientEnd) {
    while matches!(client.next().await, Received::Flush(_)) {}
}
