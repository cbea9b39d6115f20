//! Those who do not read.

use serde_json::json;
use tokio::{
    select,
    time::{Duration, sleep},
};

use crate::{
    bystanders::Bystanders,
    check::{Broken, Verdict, ensure, says},
    client::{Client, Conduct},
    server::{Member, Server},
    wire::{CONTINUATION, FIN, PING, TEXT, frame, text_frame},
};

/// A room with somebody who does not read.
struct Stalled {
    others: Bystanders,
    /// Has a lot to say to it.
    sender: Member,
    deaf: Client,
    deaf_id: String,
}

/// It goes on not reading, and is ended by the write timeout.
pub(super) async fn unreachable(server: Server) -> Verdict {
    beside_a_deaf_talker(&server, SMALL, async |Stalled { others, sender, deaf_id, .. }| {
        others.see_lost(deaf_id).await?;
        // The others go on, and so does whoever could not reach it.
        let to = others.first().id.clone();
        sender.signal(&to, "still here").await?;
        others.first().expect(json!({"type": "signal", "data": "still here"})).await?;
        others.undisturbed().await
    })
    .await
}

/// It reads again before it is given up, and then goes on.
pub(super) async fn slow_but_reading(server: Server) -> Verdict {
    beside_a_deaf_talker(&server, FAST, async |Stalled { others, sender, deaf, deaf_id }| {
        let to = others.first().id.clone();
        deaf.listen(Conduct::Attentive);
        // Whoever was refused tries again until there is room.
        let end = json!({"type": "signal", "to": deaf_id, "data": "at last", "ref": 1});
        loop {
            sender.say(end.clone()).await?;
            sender.say(json!({"type": "dance", "ref": 0})).await?;
            if sender.expect(json!({"type": "error"})).await?["code"] == "unknown-type" {
                break;
            }
            sender.expect_error("unknown-type", Some(0)).await?;
            sleep(Duration::from_millis(50)).await;
        }
        while deaf.told().await?["data"] != "at last" {}
        deaf.say(json!({"type": "signal", "to": to, "data": "still here"})).await?;
        others.first().expect(json!({"type": "signal", "data": "still here"})).await?;
        others.undisturbed().await
    })
    .await
}

/// What comes between its fragments makes it no better.
pub(super) async fn unending_message(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    // It answers no ping: that would be another message within this one.
    let mut intruder = server.join_as(Conduct::Mute).await?;
    others.see_joined(&intruder.id).await?;
    intruder.write(&frame(TEXT, br#"{"type":"ack","#)).await?;
    let talker = intruder.writer();
    let ping = [frame(FIN | PING, b""), frame(CONTINUATION, b" ")].concat();
    let talking = async {
        loop {
            sleep(Duration::from_millis(500)).await;
            // It fails once the connection is closed.
            let _ = talker.write(&ping).await;
        }
    };
    select! {
        verdict = intruder.closed_at_last(4002) => verdict?,
        () = talking => {}
    }
    others.see_lost(&intruder.id).await?;
    others.undisturbed().await
}

/// Overwhelms somebody who does not read but goes on talking, so that it is not lost for its
/// silence, and then does the rest.
async fn beside_a_deaf_talker(
    server: &Server,
    receive_buffer: u32,
    rest: impl AsyncFnOnce(&mut Stalled) -> Verdict,
) -> Verdict {
    let mut room = stalled(server, receive_buffer).await?;
    let talker = room.deaf.writer();
    let ack = text_frame(json!({"type": "ack", "received": 0}));
    let driving = async {
        overwhelm(&mut room).await?;
        rest(&mut room).await
    };
    select! {
        verdict = driving => verdict,
        broken = talker.keep_writing(&ack) => Err(broken),
    }
}

async fn stalled(server: &Server, receive_buffer: u32) -> Verdict<Stalled> {
    let (mut others, mut sender) = server.intruder().await?;
    let deaf = server.request().receive_buffer(receive_buffer).upgrade(Conduct::Deaf).await?;
    deaf.say(json!({"type": "join"})).await?;
    let deaf_id = others.see_somebody_join().await?;
    sender.expect(json!({"type": "joined"})).await?;
    Ok(Stalled { others, sender, deaf, deaf_id })
}

/// Sends to it until it cannot be reached.
async fn overwhelm(room: &mut Stalled) -> Verdict {
    let sender = &mut room.sender;
    let data = "x".repeat(LONG);
    for reference in 1..=MOST {
        let signal = json!({"type": "signal", "to": room.deaf_id, "data": data, "ref": reference});
        sender.say(signal).await?;
        // That there is an answer to this one shows that there was none to the other.
        sender.say(json!({"type": "dance", "ref": 0})).await?;
        loop {
            let told = sender.told().await?;
            if told["type"] == "status" {
                continue;
            }
            if told["code"] == "unknown-type" {
                break;
            }
            let unreachable =
                json!({"type": "error", "code": "peer-unreachable", "ref": reference});
            ensure!(says(&told, &unreachable), "expected {unreachable}, got {told}");
            return sender.expect_error("unknown-type", Some(0)).await.map(drop);
        }
    }
    Err(Broken::new(format_args!("{MOST} messages of {LONG} bytes wait for who does not read")))
}

/// A receive buffer, in bytes: the kernel makes the least of it that it can.
const SMALL: u32 = 4096;

/// One through which all that waits is read at once.
const FAST: u32 = 256 * 1024;

const LONG: usize = 60_000;

/// More than the kernel's buffers on both sides hold (some 4 MiB) and the outbox, and less than the
/// sender's burst.
const MOST: u64 = 110;
