//! Those who send too much.

use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use crate::{
    check::{Broken, Verdict, ensure},
    client::Conduct,
    server::Server,
    target::limits,
    wire::{CONTINUATION, FIN, PING, TEXT, frame},
};

pub(super) async fn limited(server: Server) -> Verdict {
    let (mut others, mut sender) = server.intruder().await?;
    // Far enough over the burst that nothing flows back in time for the last one, and below what
    // closes the connection: two bursts.
    let last = u64::from(limits().rate_burst()) * 15 / 8;
    let messages = (0..=last).map(|n| json!({"type": "broadcast", "data": n, "ref": n}));
    let frames = messages.map(|message| frame(FIN | TEXT, message.to_string().as_bytes()));
    sender.write(&frames.collect::<Vec<_>>().concat()).await?;

    let mut refused = Vec::new();
    let wait = loop {
        let error = sender.expect(json!({"type": "error", "code": "rate-limited"})).await?;
        let Some(reference) = error["ref"].as_u64() else {
            return Err(Broken::new(format_args!("an error about no message: {error}")));
        };
        refused.push(Value::from(reference));
        if reference == last {
            break error["retryAfterMs"].as_u64();
        }
    };
    let Some(wait) = wait.filter(|wait| (1..1000).contains(wait)) else {
        return Err(Broken::new(format_args!("come back after {wait:?} ms")));
    };
    sleep(Duration::from_millis(wait)).await;
    sender.broadcast("after").await?;
    let mut processed = Vec::new();
    let [first, second] = others.pair();
    loop {
        let message = first.expect(json!({"type": "broadcast"})).await?;
        second.expect(message.clone()).await?;
        if message["data"] == "after" {
            break;
        }
        processed.push(message["data"].clone());
    }
    let expected: Vec<_> = (0..=last).map(Value::from).filter(|n| !refused.contains(n)).collect();
    ensure!(processed == expected, "{} were refused, {} came", refused.len(), processed.len());
    others.undisturbed().await
}

pub(super) async fn flood(server: Server) -> Verdict {
    let (mut others, mut intruder) = server.intruder().await?;
    let message = json!({"type": "signal", "to": "nobody", "data": null}).to_string();
    intruder.write(&frame(FIN | TEXT, message.as_bytes()).repeat(FLOOD)).await?;
    intruder.closed_at_last(4004).await?;
    others.see_lost(&intruder.id).await?;
    others.undisturbed().await
}

pub(super) async fn ping_flood(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    let mut intruder = server.join_as(Conduct::Mute).await?;
    others.see_joined(&intruder.id).await?;
    intruder.write(&frame(FIN | PING, &[0; 125]).repeat(FLOOD)).await?;
    intruder.closed_at_last(4004).await?;
    others.see_lost(&intruder.id).await?;
    others.undisturbed().await
}

/// Of messages that never end, and of one after the other.
pub(super) async fn fragment_flood(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    let empty = frame(CONTINUATION, b"");
    let (start, end) = (br#"{"type":"ack","#, br#""received":0}"#);
    let ending = [frame(TEXT, start), empty.repeat(500), frame(FIN | CONTINUATION, end)].concat();
    let with_pings = [empty.repeat(50), frame(FIN | PING, b"")].concat();
    for (what, start, repeated, times) in [
        ("empty fragments", frame(TEXT, b""), empty, FRAGMENTS),
        ("fragments and pings", frame(TEXT, b""), with_pings, FRAGMENTS / 50),
        ("messages of many fragments", Vec::new(), ending, FRAGMENTS / 500),
    ] {
        let mut intruder = server.join_as(Conduct::Mute).await?;
        others.see_joined(&intruder.id).await?;
        intruder.write(&[start, repeated.repeat(times)].concat()).await?;
        intruder.closed_at_last(4004).await.map_err(|broken| broken.during(what))?;
        others.see_lost(&intruder.id).await.map_err(|broken| broken.during(what))?;
    }
    others.undisturbed().await
}

/// Many bursts.
const FRAGMENTS: usize = 6_000;

/// Several bursts.
const FLOOD: usize = 1500;
