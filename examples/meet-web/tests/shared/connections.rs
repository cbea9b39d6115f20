//! Connections that never join a room.

use std::{process::Command, thread::available_parallelism, time::Instant};

use futures_util::future::join_all;
use tokio::{io::AsyncWriteExt, join};

use super::{
    client::{Peer, closed, connect, drip, raise_open_files, response, soon, tcp},
    server::Server,
};

#[tokio::test]
async fn silent_and_slow_connections_are_closed_and_websockets_are_not() {
    for tls in [false, true] {
        let server = Server::start(tls, SHORT);
        let (mut peer, _) = Peer::join(&server, "standup").await;
        let first = |start: &'static str| async {
            let mut connection = connect(&server).await;
            connection.write_all(start.as_bytes()).await.unwrap();
            closed(connection).await;
        };
        let second = |start: &'static str| async {
            let mut connection = connect(&server).await;
            assert_eq!(response(&mut connection, REQUEST).await, "HTTP/1.1 200");
            // Without keep-alive, it is closed by now.
            let _ = connection.write_all(start.as_bytes()).await;
            closed(connection).await;
        };
        let dripping = async {
            drip(connect(&server).await, &endless_head()).await;
        };
        let dripping_again = async {
            let mut connection = connect(&server).await;
            assert_eq!(response(&mut connection, REQUEST).await, "HTTP/1.1 200");
            drip(connection, &endless_head()).await;
        };
        join!(
            soon("silence", first("")),
            soon("one byte", first("G")),
            soon("half a head", first(HALF)),
            soon("a head that never ends", dripping),
            soon("half a body", first(HALF_BODY)),
            soon("a head, and half of another", first(ONE_AND_A_HALF)),
            soon("idleness", second("")),
            soon("half a second head", second(HALF)),
            soon("a second head that never ends", dripping_again),
        );
        // For at least this time.
        peer.is_served().await;
    }
}

#[tokio::test]
async fn handshakes_that_stall_are_closed_and_websockets_are_not() {
    let server = Server::start(true, SHORT);
    let (mut peer, _) = Peer::join(&server, "standup").await;
    let half = |bytes: &'static [u8]| async {
        let mut half = tcp(&server).await;
        half.write_all(bytes).await.unwrap();
        closed(half).await;
    };
    join!(
        soon("silence", half(&[])),
        soon("half a hello", half(&CLIENT_HELLO[..20])),
        soon("a slow hello", async { drip(tcp(&server).await, &CLIENT_HELLO).await }),
    );
    peer.is_served().await;
}

#[tokio::test]
async fn more_stalled_connections_than_open_files_end_and_let_others_in() {
    raise_open_files();
    for tls in [false, true] {
        let server = Server::start_with_open_files(256, tls, SHORT);
        let stalled = join_all((0..600).map(|_| tcp(&server))).await;
        soon("a newcomer", async {
            let mut newcomer = connect(&server).await;
            assert_eq!(response(&mut newcomer, REQUEST).await, "HTTP/1.1 200");
        })
        .await;
        soon("the end of all that stalled", join_all(stalled.into_iter().map(closed))).await;
    }
}

/// The limit of connections derives from the limit of open files, which other code may use up.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_without_a_free_descriptor_waits_for_one() {
    let server = Server::start(false, &["--request-timeout", "2"]);
    let lowered = Command::new("prlimit")
        .args(["--nofile=80:80", "--pid", &server.id().to_string()])
        .status();
    assert!(lowered.expect("util-linux").success());

    let (start, used) = (Instant::now(), server.cpu_ticks());
    let stalled = join_all((0..200).map(|_| tcp(&server))).await;
    let mut newcomer = connect(&server).await;
    let response_start = soon("a newcomer", response(&mut newcomer, REQUEST)).await;
    assert_eq!(response_start, "HTTP/1.1 200");
    let (used, passed) = (server.cpu_ticks() - used, start.elapsed());
    // Retries without a delay would use a whole CPU.
    assert!(u128::from(used) * 10 < passed.as_millis() / 2, "{used} ticks in {passed:?}");
    drop(stalled);
}

#[tokio::test]
async fn handshakes_do_not_wait_for_those_that_stall() {
    let server = Server::start(true, &["--handshake-timeout", "3600"]);
    let workers = available_parallelism().unwrap().get();
    let most = raise_open_files().saturating_sub(100);
    // More than actix allows at once by default, 256 for each worker.
    let stalled = join_all((0..most.min(256 * workers + 200)).map(|_| tcp(&server))).await;
    soon("a newcomer", async {
        let mut newcomer = connect(&server).await;
        assert_eq!(response(&mut newcomer, REQUEST).await, "HTTP/1.1 200");
    })
    .await;
    drop(stalled);
}

#[tokio::test]
async fn a_connection_over_the_bound_waits_until_a_websocket_ends() {
    for tls in [false, true] {
        let server = Server::start(tls, &["--connections", "4"]);
        let mut peers = Vec::new();
        for _ in 0..4 {
            peers.push(Peer::join(&server, "standup").await.0);
        }
        let newcomer = async {
            let mut newcomer = connect(&server).await;
            assert_eq!(response(&mut newcomer, REQUEST).await, "HTTP/1.1 200");
        };
        let mut newcomer = std::pin::pin!(newcomer);
        for peer in &mut peers {
            tokio::select! {
                () = &mut newcomer => panic!("there are 4 connections"),
                () = peer.is_served() => {}
            }
        }
        drop(peers.pop());
        soon("a newcomer", newcomer).await;
    }
}

/// Sent byte by byte, it takes longer than all timeouts here.
fn endless_head() -> Vec<u8> {
    [HALF, &"x".repeat(2000)].concat().into_bytes()
}

const SHORT: &[&str] = &["--request-timeout", "2", "--handshake-timeout", "2"];
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const HALF: &str = "GET /room HTTP/1.1\r\nHost: a\r\nX-Half: ";
const ONE_AND_A_HALF: &str =
    "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /room HTTP/1.1\r\nHost: a\r\nX-Half: ";
const HALF_BODY: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf";

/// The start of a handshake of TLS 1.2: a record of 512 bytes, a `ClientHello` of 508.
static CLIENT_HELLO: [u8; 300] = {
    let mut hello = [0; 300];
    let head = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
    let mut n = 0;
    while n < head.len() {
        hello[n] = head[n];
        n += 1;
    }
    hello
};
