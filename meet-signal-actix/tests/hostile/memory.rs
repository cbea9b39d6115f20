//! The memory that the server keeps for away members.

use crate::{
    on_both,
    pair::Pair,
    peer::{Peer, signal},
    process::{HUB_BYTES, Process},
    scale,
};

#[tokio::test]
async fn full_queues_of_hundreds_of_away_sessions_stay_within_the_hubs_bytes() {
    on_both(async |adapter| {
        let server = Process::start(adapter);
        let address = server.address;
        let pair = Pair::join(adapter, address).await;
        // A member of another address, with a small outbox.
        let (mut observer, welcome) = Peer::join(address, 4, "small").await;
        let (mut friend, _) = Peer::join(address, 5, "small").await;
        observer.expect("joined").await;
        observer.settle().await;
        let received = observer.received;
        observer.drop_hard();
        friend.expect("status").await;
        friend.send(&signal(&welcome["self"]["id"], "offer")).await;
        friend.settle().await;

        let before = server.resident();
        let mut sent = 0;
        let mut attackers = Vec::new();
        for number in 0..20 * scale() {
            // At most `address_away` sessions of one address may be away, and half of a room.
            let hosts = 11 + 2 * (number / 20) as u8;
            let room = format!("full-{number}");
            let (mut attacker, _) = Peer::join(address, 10, &room).await;
            let mut ids = Vec::new();
            for host in (0..15).map(|n| hosts + n % 2) {
                let (mut victim, welcome) = Peer::join(address, host, &room).await;
                victim.settle().await;
                ids.push(welcome["self"]["id"].clone());
                victim.drop_hard();
                attacker.expect("status").await;
            }
            // Separate frames: all receivers of a broadcast share one frame in memory.
            for id in ids.iter().cycle().take(2 * ids.len()) {
                attacker.send(&signal(id, "x".repeat(40_000))).await;
                sent += 40_000;
            }
            attacker.settle().await;
            attackers.push(attacker);
        }
        let growth = server.resident().saturating_sub(before);
        println!("{adapter:?}: {} KiB more, of {} KiB sent", growth / 1024, sent / 1024);
        // Outboxes may use half of it. Sessions and the allocator's overhead are additional.
        let sessions = 16 * 20 * scale();
        assert!(growth < HUB_BYTES + sessions * SESSION, "{growth} bytes");

        let ticket = &welcome["ticket"];
        let (mut observer, back) = Peer::resume(address, 4, "small", ticket, received).await;
        assert_eq!(back.expect("it is kept")["resumed"], "full");
        assert_eq!(observer.expect("signal").await["data"], "offer");
        pair.held().await;
    })
    .await;
}

/// See [`Limits::sessions`](meet_signal_actix::Limits::sessions).
#[tokio::test]
async fn a_session_that_is_kept_costs_a_few_kib() {
    on_both(async |adapter| {
        let server = Process::start(adapter);
        let address = server.address;
        let (mut other, _) = Peer::join(address, 4, "other").await;
        let before = server.resident();
        let sessions = 500 * scale();
        for n in 0..sessions {
            // Each has its own address, in rooms of eight.
            let host = 10 + (n % 200) as u8;
            let (mut peer, _) = Peer::join(address, host, &format!("kept-{}", n / 8)).await;
            peer.settle().await;
            peer.drop_hard();
        }
        other.settle().await;
        let growth = server.resident().saturating_sub(before);
        println!("{adapter:?}: {} bytes for each of {sessions}", growth / sessions);
        assert!(growth < sessions * SESSION, "{growth} bytes");
    })
    .await;
}

/// The allowed memory of a session without its outbox, including its task or its connection.
const SESSION: usize = 16 * 1024;
