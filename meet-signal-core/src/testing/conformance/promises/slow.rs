//! Those who do not read.

use serde_json::json;
use tokio::select;

use crate::testing::conformance::{
    bystanders::Bystanders,
    check::{Broken, Verdict, ensure, says},
    client::{Client, Conduct},
    server::{Member, Server},
    wire::text_frame,
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
    beside_a_deaf_talker(&server, async |Stalled { others, sender, deaf_id, .. }| {
        others.see_lost(deaf_id).await?;
        // The others go on, and so does whoever could not reach it.
        let to = others.first().id.clone();
        sender.signal(&to, "still here").await?;
        others.first().expect(json!({"type": "signal", "data": "still here"})).await?;
        others.undisturbed().await
    })
    .await
}

/// It reads again, and finds the reason at the end of what was under way.
pub(super) async fn too_slow(server: Server) -> Verdict {
    beside_a_deaf_talker(&server, async |Stalled { others, deaf, deaf_id, .. }| {
        deaf.listen(Conduct::Mute);
        deaf.closed_at_last(4002).await?;
        others.see_lost(deaf_id).await?;
        others.undisturbed().await
    })
    .await
}

/// Overwhelms somebody who does not read but goes on talking, so that it is not lost for its
/// silence, and then does the rest.
async fn beside_a_deaf_talker(
    server: &Server,
    rest: impl AsyncFnOnce(&mut Stalled) -> Verdict,
) -> Verdict {
    let mut room = stalled(server).await?;
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

async fn stalled(server: &Server) -> Verdict<Stalled> {
    let (mut others, mut sender) = server.intruder().await?;
    let deaf = server.request().receive_buffer(SMALL).upgrade(Conduct::Deaf).await?;
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

const LONG: usize = 60_000;

/// More than the kernel's buffers on both sides hold (some 4 MiB) and the outbox, and less than the
/// sender's burst.
const MOST: u64 = 110;
