//! A server that stalls for longer than three heartbeats, while its clients continue.

use std::{net::SocketAddr, time::Duration};

use futures_util::future::join_all;
use meet_signal_actix::Limits;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep},
};

use crate::{
    on_both,
    pair::Pair,
    peer::{ATTACKER, Peer, tcp},
    process::Process,
    server::{STAND_STILL, Setup},
};

#[tokio::test]
async fn no_client_is_closed_after_a_standstill_of_all_workers() {
    let limits = Limits::builder().heartbeat(Duration::from_secs(1)).build().unwrap();
    on_both(async |adapter| {
        let server = Setup::new(limits.clone()).workers(1).serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let mut clients = clients(server, 50).await;
        let mut still = tcp(server, ATTACKER, None).await.unwrap();
        let request =
            format!("GET {STAND_STILL} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n");
        still.write_all(request.as_bytes()).await.unwrap();
        let mut response = Vec::new();
        let mut over = Box::pin(still.read_to_end(&mut response));
        loop {
            tokio::select! {
                read = &mut over => break assert!(read.unwrap() > 0),
                () = sleep(Duration::from_millis(200)) => talk(&mut clients).await,
            }
        }
        all_go_on(clients).await;
        pair.held().await;
    })
    .await;
}

#[tokio::test]
async fn no_client_is_closed_after_the_process_was_stopped() {
    on_both(async |adapter| {
        let server = Process::start(adapter);
        let pair = Pair::join(adapter, server.address).await;
        let mut clients = clients(server.address, 50).await;
        server.signal("STOP");
        let end = Instant::now() + Duration::from_secs(4);
        while Instant::now() < end {
            talk(&mut clients).await;
            sleep(Duration::from_millis(200)).await;
        }
        server.signal("CONT");
        all_go_on(clients).await;
        pair.held().await;
    })
    .await;
}

async fn clients(server: SocketAddr, count: usize) -> Vec<Peer> {
    let clients = (0..count)
        .map(async |n| Peer::join(server, ATTACKER, &format!("still-{}", n / 10)).await.0);
    join_all(clients).await
}

async fn talk(clients: &mut [Peer]) {
    for client in clients {
        client.send(&json!({"type": "ack", "received": 0})).await;
    }
}

/// Each gets another reply, after the time in which the server closes silent clients.
async fn all_go_on(clients: Vec<Peer>) {
    let rounds = clients.into_iter().map(async |mut client| {
        assert_eq!(client.settle().await, Vec::<Value>::new());
        sleep(Duration::from_secs(1)).await;
        assert_eq!(client.settle().await, Vec::<Value>::new());
    });
    join_all(rounds).await;
}
