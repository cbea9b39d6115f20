//! Members that send as much as their limits allow to members that read slowly or are away.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use meet_signal_actix::Limits;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    on_both,
    pair::{self, Pair},
    peer::{ATTACKER, Peer, broadcast, signal},
    scale,
    server::Setup,
};

#[tokio::test]
async fn nine_long_broadcasts_cost_no_member_a_connection_or_an_offer() {
    on_both(async |adapter| {
        let server = Setup::new(Limits::default()).small_buffers().serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let (mut attacker, _) = Peer::join(server, ATTACKER, ROOM).await;
        let mut victims = Vec::new();
        for _ in 0..14 {
            victims.push(victim(server).await);
        }
        for _ in 0..9 {
            attacker.send(&broadcast(long())).await;
        }
        assert!(refusals(&attacker.settle().await) > 0, "the sender gets an error");

        let (mut honest, _) = Peer::join(server, 5, ROOM).await;
        for (_, id) in &victims {
            honest.send(&signal(id, "offer")).await;
        }
        assert_eq!(honest.settle().await, Vec::<Value>::new());
        // Each receives it, also the slowest one.
        let pauses = [Duration::from_secs(1), Duration::ZERO].into_iter().cycle();
        let read = victims.iter_mut().zip(pauses).map(|((victim, _), pause)| offer(victim, pause));
        join_all(read).await;
        pair.held().await;
    })
    .await;
}

#[tokio::test]
async fn nine_long_signals_leave_the_victim_its_connection_and_an_offer() {
    on_both(async |adapter| {
        let server = Setup::new(Limits::default()).small_buffers().serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let (mut attacker, _) = Peer::join(server, ATTACKER, ROOM).await;
        let (mut victim, id) = victim(server).await;
        for _ in 0..9 {
            attacker.send(&signal(&id, long())).await;
        }
        assert!(refusals(&attacker.settle().await) > 0, "the sender gets an error");
        let (mut honest, _) = Peer::join(server, 5, ROOM).await;
        honest.send(&signal(&id, "offer")).await;
        assert_eq!(honest.settle().await, Vec::<Value>::new());
        offer(&mut victim, Duration::from_secs(1)).await;
        pair.held().await;
    })
    .await;
}

#[tokio::test]
async fn a_thousand_short_frames_leave_an_away_member_its_offer() {
    // No rate limit applies.
    let limits = Limits::builder().rate_per_second(10_000).rate_burst(10_000);
    on_both(async |adapter| {
        let server = Setup::new(limits.clone().build().unwrap()).serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let (mut victim, welcome) = Peer::join(server, 4, ROOM).await;
        let (mut attacker, _) = Peer::join(server, ATTACKER, ROOM).await;
        let (mut honest, _) = Peer::join(server, 5, ROOM).await;
        victim.expect("joined").await;
        victim.expect("joined").await;
        victim.settle().await;
        let received = victim.received;
        victim.drop_hard();
        honest.expect("status").await;

        let id = &welcome["self"]["id"];
        for number in 0..1_100 {
            attacker.send(&signal(id, number)).await;
        }
        assert!(refusals(&attacker.settle().await) > 0, "the sender gets an error");
        honest.send(&signal(id, "offer")).await;
        assert_eq!(honest.settle().await, Vec::<Value>::new());

        let ticket = &welcome["ticket"];
        let (mut victim, back) = Peer::resume(server, 4, ROOM, ticket, received).await;
        assert_eq!(back.expect("it is kept")["resumed"], "full");
        offer(&mut victim, Duration::ZERO).await;
        pair.held().await;
    })
    .await;
}

#[tokio::test]
async fn a_long_flood_takes_no_frame_of_a_third_peer_from_a_slow_reader() {
    a_slow_reader_hears_a_third_peer_beside(&[ATTACKER; 3]).await;
}

#[tokio::test]
async fn floods_from_several_addresses_take_no_frame_of_a_third_peer_either() {
    a_slow_reader_hears_a_third_peer_beside(&[ATTACKER, 9, 10, 11, 12]).await;
}

/// The pair is in the same room, and reads everything.
#[tokio::test]
async fn a_flood_in_its_own_room_takes_no_frame_from_the_observer_pair() {
    on_both(async |adapter| {
        let server = Setup::new(Limits::default()).serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let end = Instant::now() + Duration::from_secs(3) * scale() as u32;
        let mut attackers = Vec::new();
        for _ in 0..6 {
            let (attacker, welcome) = Peer::join(server, ATTACKER, pair::ROOM).await;
            attackers.push((attacker, welcome["peers"][1]["id"].clone()));
        }
        join_all(attackers.iter_mut().map(|(attacker, to)| flood(attacker, to, end))).await;
        pair.held().await;
    })
    .await;
}

/// The reader replies only to the protocol's own messages, and all frames are valid.
async fn a_slow_reader_hears_a_third_peer_beside(hosts: &[u8]) {
    on_both(async |adapter| {
        let server = Setup::new(Limits::default()).small_buffers().serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let (mut victim, id) = victim(server).await;
        let (mut honest, _) = Peer::join(server, 5, ROOM).await;
        let end = Instant::now() + Duration::from_secs(3) * scale() as u32;
        let mut attackers = Vec::new();
        for host in hosts {
            attackers.push(Peer::join(server, *host, ROOM).await.0);
        }
        let attack = join_all(attackers.iter_mut().map(|attacker| flood(attacker, &id, end)));
        let talk = async {
            let mut sent = 0;
            while Instant::now() < end {
                honest.send(&signal(&id, sent)).await;
                assert_eq!(honest.settle().await, Vec::<Value>::new());
                sent += 1;
                sleep(Duration::from_millis(100)).await;
            }
            honest.send(&signal(&id, "offer")).await;
            assert_eq!(honest.settle().await, Vec::<Value>::new());
            sent
        };
        let read = async {
            let mut heard = Vec::new();
            loop {
                let message = victim.next().await.expect("it keeps its connection");
                let data = &message["data"];
                heard.extend(data.as_u64());
                if data == "offer" {
                    return heard;
                }
                // 64 KiB a second.
                let bytes = data.as_str().map_or(0, str::len);
                sleep(Duration::from_secs_f64(bytes as f64 / 65_536.0)).await;
            }
        };
        let (refused, sent, heard) = tokio::join!(attack, talk, read);
        assert!(refused.iter().sum::<usize>() > 0, "the senders get errors");
        assert_eq!(heard, (0..sent).collect::<Vec<_>>());
        pair.held().await;
    })
    .await;
}

/// Sends as fast as the limits allow, in frames of different sizes. Returns how many were refused.
async fn flood(attacker: &mut Peer, to: &Value, end: Instant) -> usize {
    let mut refused = 0;
    let sizes = [60_000, 20, 4_000, 60_000, 200, 16_000];
    for (size, to_all) in sizes.into_iter().cycle().zip([true, false].into_iter().cycle()) {
        if Instant::now() >= end {
            break;
        }
        let text = "x".repeat(size);
        let message = if to_all { broadcast(text) } else { signal(to, text) };
        attacker.send(&message).await;
        let errors = attacker.settle().await;
        refused += refusals(&errors);
        // As much as the limits allow.
        if let Some(wait) = errors.iter().find_map(|error| error["retryAfterMs"].as_u64()) {
            sleep(Duration::from_millis(wait)).await;
        }
        sleep(Duration::from_millis(35)).await;
    }
    refused
}

/// A member with a small receive buffer, and its id.
async fn victim(server: std::net::SocketAddr) -> (Peer, Value) {
    let mut victim = Peer::connect_small(server, 4, ROOM).await;
    let welcome = victim.join_with(json!({})).await.expect("it joins");
    let id = welcome["self"]["id"].clone();
    (victim, id)
}

/// Reads up to the offer, with a pause after each long message.
async fn offer(victim: &mut Peer, pause: Duration) {
    loop {
        let message = victim.next().await.expect("the victim keeps its connection");
        match message["data"].as_str() {
            Some("offer") => return,
            Some(_) => sleep(pause).await,
            None => {}
        }
    }
}

fn refusals(errors: &[Value]) -> usize {
    errors.iter().filter(|error| error["code"] == "peer-unreachable").count()
}

/// The longest payload that fits into a frame.
fn long() -> String {
    "x".repeat(64 * 1024 - 80)
}

const ROOM: &str = "attacked";
