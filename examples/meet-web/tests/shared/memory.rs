//! What is kept for participants who are away is given back to the system when they do not return.
#![cfg(target_os = "linux")]

use futures_util::{StreamExt, future::join_all};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use tokio_tungstenite::tungstenite::Message;

use super::{
    client::{Peer, raise_open_files, soon},
    server::Server,
};

#[tokio::test]
async fn memory_for_the_absent_is_given_back() {
    raise_open_files();
    let server = Server::start_in(ALLOCATOR, &["--grace", "2"]);
    round(&server, 1, 1).await;
    let before = server.kib("VmRSS");
    for number in 1..=ROUNDS {
        round(&server, QUEUES, CROWDS).await;
        let after = server.kib("VmRSS");
        println!("{before} KiB before, {after} KiB after round {number}");
        assert!(after <= MOST * before, "{before} KiB before, {after} KiB after round {number}");
    }
    let most = server.kib("VmHWM");
    assert!(most > before + 16 * 1024, "{before} KiB before, {most} KiB at most: no load");
}

/// Has people in rooms, and waits until they have left for good.
async fn round(server: &Server, queues: usize, crowds: usize) {
    join_all((0..crowds).map(|room| crowd(server, format!("crowd-{room}")))).await;
    join_all((0..queues).map(|room| queue(server, format!("queue-{room}")))).await;
}

/// A room of which all but one are away.
async fn crowd(server: &Server, room: String) {
    let (stays, _) = Peer::join(server, &room).await;
    for _ in 1..2 * HALF {
        let (mut peer, _) = Peer::join(server, &room).await;
        peer.send(&json!({"type": "update", "meta": "m".repeat(META)})).await;
    }
    expire(vec![stays], 2 * HALF - 1).await;
}

/// A room of which half is away while each of the others fills their queues.
async fn queue(server: &Server, room: String) {
    let mut ids = Vec::new();
    let mut absent = Vec::new();
    for _ in 0..HALF {
        let (peer, welcome) = Peer::join(server, &room).await;
        ids.push(welcome["self"]["id"].clone());
        absent.push(peer);
    }
    let mut talkers = Vec::new();
    for _ in 0..HALF {
        talkers.push(Peer::join(server, &room).await.0);
    }
    drop(absent);
    for talker in &mut talkers {
        for _ in 0..HALF {
            let change = soon("a participant is away", talker.expect("status")).await;
            assert_eq!(change["status"], "away");
        }
    }
    let frames: Vec<u8> = ids.iter().flat_map(signal).collect();
    for talker in &mut talkers {
        // Some may be refused: full queues are what is wanted.
        talker.0.get_mut().write_all(&frames).await.expect("a connection");
        // Answered when all of them have been dealt with.
        talker.send(&json!({"type": "nothing", "ref": LAST})).await;
        while talker.expect("error").await["ref"] != LAST {}
    }
    expire(talkers, HALF).await;
}

/// A frame of RFC 6455, section 5.2, with a mask of zeros: nothing has to be computed.
fn signal(to: &Value) -> Vec<u8> {
    let text = format!(r#"{{"type":"signal","to":{to},"data":"{}"}}"#, "x".repeat(FRAME));
    let length = u16::try_from(text.len()).expect("it is below the limit of 64 KiB");
    let mut frame = vec![0x81, 0x80 | 126];
    frame.extend(length.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

async fn expire(mut stay: Vec<Peer>, absent: usize) {
    for _ in 0..absent {
        let left = soon("the grace is over", stay[0].expect("left")).await;
        assert_eq!(left["reason"], "timeout");
    }
    for mut peer in stay {
        peer.send(&json!({"type": "leave"})).await;
        let close = async { while !matches!(peer.0.next().await, Some(Ok(Message::Close(_)))) {} };
        soon("a close", close).await;
    }
}

/// What `docs/deployment.md` recommends for glibc.
const ALLOCATOR: &[(&str, &str)] =
    &[("MALLOC_MMAP_THRESHOLD_", "32768"), ("MALLOC_TRIM_THRESHOLD_", "131072")];

const ROUNDS: usize = 5;
const QUEUES: usize = 12;
const CROWDS: usize = 40;

/// A room holds 16.
const HALF: usize = 8;
/// From each of the others, that is 480 KiB for one that is away: an outbox holds 512 KiB.
const FRAME: usize = 60 * 1024;
const META: usize = 4000;
const LAST: u64 = 1_000_000;

/// How many times what the server used before it may use afterwards. About 2 with these settings; up
/// to 5 without, with what has been freed and is kept.
const MOST: u64 = 3;
