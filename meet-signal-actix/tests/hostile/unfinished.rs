//! Messages, frames and joins that are never completed.

use std::time::Duration;

use futures_util::{StreamExt, future::join_all};
use meet_signal_actix::Limits;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    on_both,
    pair::Pair,
    peer::{ATTACKER, CONTINUE, End, FIN, PING, Peer, TEXT, frame, header},
    scale,
    server::Setup,
};

#[tokio::test]
async fn unfinished_messages_are_cut_in_time() {
    let limits = Limits::builder().message_timeout(Duration::from_secs(1)).build().unwrap();
    on_both(async |adapter| {
        let server = Setup::new(limits.clone()).serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let ends = join_all((0..100 * scale()).map(async |n| {
            let (mut peer, _) = Peer::join(server, ATTACKER, &format!("endless-{}", n / 10)).await;
            // Half of them keep sending small fragments.
            let piece = frame(CONTINUE, if n % 2 == 0 { b"" } else { b"x" });
            peer.send_raw(&frame(TEXT, &[b'x'; 60_000])).await.unwrap();
            drip(peer, &[frame(FIN | PING, b""), piece]).await
        }))
        .await;
        assert!(ends.iter().all(|end| *end == Some(4002)), "{ends:?}");
        pair.held().await;
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_empty_fragments_ends_its_connection() {
    on_both(async |adapter| {
        let server = Setup::new(Limits::default()).serve(adapter);
        let pair = Pair::join(adapter, server).await;
        for _ in 0..5 * scale() {
            let (joined, _) = Peer::join(server, ATTACKER, "flood").await;
            assert_eq!(flood(joined, &frame(CONTINUE, b"")).await, Some(4004));
            let before = Peer::connect(server, ATTACKER, "flood").await;
            assert_eq!(flood(before, &frame(CONTINUE, b"")).await, Some(4004));
        }
        pair.held().await;
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_websocket_pings_ends_its_connection() {
    on_both(async |adapter| {
        let server = Setup::new(Limits::default()).serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let (joined, _) = Peer::join(server, ATTACKER, "flood").await;
        assert_eq!(flood(joined, &frame(FIN | PING, b"p")).await, Some(4004));
        let before = Peer::connect(server, ATTACKER, "flood").await;
        assert_eq!(flood(before, &frame(FIN | PING, b"p")).await, Some(4004));
        pair.held().await;
    })
    .await;
}

#[tokio::test]
async fn an_unfinished_join_is_cut_in_time() {
    let limits = Limits::builder().join_timeout(Duration::from_secs(1)).build().unwrap();
    on_both(async |adapter| {
        let setup = Setup::new(limits.clone());
        let server = setup.serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let ends = join_all((0..40 * scale()).map(async |n| {
            let mut peer = Peer::connect(server, ATTACKER, "endless").await;
            let ping = frame(FIN | PING, b"");
            match n % 4 {
                0 => {}
                1 => peer.send_raw(&frame(TEXT, br#"{"type":"join""#)).await.unwrap(),
                2 => peer.send_raw(&header(FIN | TEXT, 1_000)).await.unwrap(),
                _ => {
                    let talk = frame(FIN | TEXT, br#"{"type":"broadcast","data":1}"#);
                    return drip(peer, &[talk, ping]).await;
                }
            }
            // No ping can be sent within a frame.
            drip(peer, if n % 4 == 2 { &[] } else { std::slice::from_ref(&ping) }).await
        }))
        .await;
        assert!(ends.iter().all(|end| *end == Some(4501)), "{ends:?}");
        assert_eq!(setup.hub.sessions(), 2);
        pair.held().await;
    })
    .await;
}

#[tokio::test]
async fn a_frame_that_comes_byte_by_byte_is_no_sign_of_life() {
    let limits = Limits::builder().heartbeat(Duration::from_millis(500)).build().unwrap();
    on_both(async |adapter| {
        let server = Setup::new(limits.clone()).serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let ends = join_all((0..20 * scale()).map(async |n| {
            let (mut peer, _) = Peer::join(server, ATTACKER, &format!("drip-{}", n / 10)).await;
            peer.send_raw(&header(FIN | TEXT, 60_000)).await.unwrap();
            drip(peer, &[vec![b' ']]).await
        }))
        .await;
        assert!(ends.iter().all(|end| *end == Some(4001)), "{ends:?}");
        pair.held().await;
    })
    .await;
}

/// Sends one of these after the other, ten a second, until the connection ends.
async fn drip(mut peer: Peer, pieces: &[Vec<u8>]) -> End {
    let mut pieces = pieces.iter().cycle();
    loop {
        // It replies to nothing: a reply might come between two pieces.
        tokio::select! {
            end = ended(&mut peer) => return end,
            () = sleep(Duration::from_millis(100)) => {}
        }
        if let Some(piece) = pieces.next() {
            // The read reports the end.
            let _ = peer.send_raw(piece).await;
        }
    }
}

/// Begins a message, and sends these frames as fast as possible.
async fn flood(mut peer: Peer, piece: &[u8]) -> End {
    peer.send_raw(&frame(TEXT, b"")).await.expect("a connection");
    for _ in 0..10 {
        if peer.send_raw(&piece.repeat(1_000)).await.is_err() {
            break;
        }
    }
    ended(&mut peer).await
}

/// Reads until the end, without replies: a reply might come within a frame.
async fn ended(peer: &mut Peer) -> End {
    loop {
        match peer.socket.next().await {
            Some(Ok(Message::Close(close))) => return close.map(|close| close.code.into()),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return None,
        }
    }
}
