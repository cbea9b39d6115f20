//! Clients that send too much.

use serde_json::{Value, json};
use tokio::{
    select,
    time::{Duration, sleep},
};

use crate::{
    check::{Context, Result, Violation, ensure, includes},
    client::ReadMode,
    observers::Observers,
    server::Server,
    target::limits,
    wire::{CONTINUATION, FIN, PING, TEXT, frame},
};

pub(super) async fn limited(server: Server) -> Result {
    let (mut observers, mut sender) = Observers::join_with_client(&server).await?;
    // Well over the burst, so that the refill does not reach the last one, and below two bursts,
    // which close the connection.
    let last = u64::from(limits().rate_burst()) * 15 / 8;
    let messages = (0..=last).map(|n| json!({"type": "broadcast", "data": n, "ref": n}));
    let frames = messages.map(|message| frame(FIN | TEXT, message.to_string().as_bytes()));
    sender.write(&frames.collect::<Vec<_>>().concat()).await?;

    let mut rejected = Vec::new();
    let wait = loop {
        let error = sender.expect(json!({"type": "error", "code": "rate-limited"})).await?;
        let Some(reference) = error["ref"].as_u64() else {
            return Err(Violation::new(format_args!("an error without `ref`: {error}")));
        };
        rejected.push(Value::from(reference));
        if reference == last {
            break error["retryAfterMs"].as_u64();
        }
    };
    let Some(wait) = wait.filter(|wait| (1..1000).contains(wait)) else {
        return Err(Violation::new(format_args!("`retryAfterMs` is {wait:?}")));
    };
    let retry = json!({"type": "broadcast", "data": "after", "ref": last + 1});
    sleep(Duration::from_millis(wait)).await;
    sender.send(&retry).await?;
    let mut is_retried = false;
    let mut processed = Vec::new();
    let [first, second] = observers.both();
    loop {
        let message = select! {
            message = first.expect(json!({"type": "broadcast"})) => message?,
            error = sender.recv() => {
                // An automatic `pong` takes a token, but less often than there is a new one.
                let expected = json!({"type": "error", "code": "rate-limited", "ref": last + 1});
                let error = error?;
                ensure!(!is_retried && includes(&error, &expected), "after waiting: {error}");
                is_retried = true;
                sleep(Duration::from_millis(error["retryAfterMs"].as_u64().unwrap_or(0))).await;
                sender.send(&retry).await?;
                continue;
            }
        };
        second.expect(message.clone()).await?;
        if message["data"] == "after" {
            break;
        }
        processed.push(message["data"].clone());
    }
    let expected: Vec<_> = (0..=last).map(Value::from).filter(|n| !rejected.contains(n)).collect();
    ensure!(processed == expected, "{} were rejected, {} arrived", rejected.len(), processed.len());
    observers.check_undisturbed().await
}

pub(super) async fn flood(server: Server) -> Result {
    let (mut observers, mut client) = Observers::join_with_client(&server).await?;
    let message = json!({"type": "signal", "to": "nobody", "data": null}).to_string();
    client.write(&frame(FIN | TEXT, message.as_bytes()).repeat(FLOOD)).await?;
    client.expect_close_eventually(4004).await?;
    observers.expect_lost(&client.id).await?;
    observers.check_undisturbed().await
}

pub(super) async fn ping_flood(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let mut client = observers.join_client_as(ReadMode::NoReply).await?;
    client.write(&frame(FIN | PING, &[0; 125]).repeat(FLOOD)).await?;
    client.expect_close_eventually(4004).await?;
    observers.expect_lost(&client.id).await?;
    observers.check_undisturbed().await
}

/// In incomplete messages, and in complete ones.
pub(super) async fn fragment_flood(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let empty = frame(CONTINUATION, b"");
    let (start, end) = (br#"{"type":"ack","#, br#""received":0}"#);
    let ending = [frame(TEXT, start), empty.repeat(500), frame(FIN | CONTINUATION, end)].concat();
    let with_pings = [empty.repeat(50), frame(FIN | PING, b"")].concat();
    for (what, start, repeated, times) in [
        ("empty fragments", frame(TEXT, b""), empty, FRAGMENTS),
        ("fragments and pings", frame(TEXT, b""), with_pings, FRAGMENTS / 50),
        ("messages of many fragments", Vec::new(), ending, FRAGMENTS / 500),
    ] {
        let mut client = observers.join_client_as(ReadMode::NoReply).await?;
        client.write(&[start, repeated.repeat(times)].concat()).await?;
        client.expect_close_eventually(4004).await.context(what)?;
        observers.expect_lost(&client.id).await.context(what)?;
    }
    observers.check_undisturbed().await
}

/// Many times the burst.
const FRAGMENTS: usize = 6_000;

/// Several times the burst.
const FLOOD: usize = 1500;
