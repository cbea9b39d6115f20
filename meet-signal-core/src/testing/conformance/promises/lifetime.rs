//! How a session ends, and how it outlives its socket.

use serde_json::json;
use tokio::task::JoinSet;

use crate::testing::conformance::{
    check::{Broken, Verdict},
    client::Conduct,
    server::Server,
    wire::{CLOSE, FIN, TEXT, frame, header},
};

pub(super) async fn leave(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    let mut member = server.join_as(Conduct::Mute).await?;
    others.see_joined(&member.id).await?;
    member.say(json!({"type": "leave"})).await?;
    // What comes after it comes from nobody.
    member.broadcast("too late").await?;
    // Before the close has been answered: that may take a while.
    others.see_left(&member.id, "left").await?;
    others.undisturbed().await?;
    member.closed(1000).await.map(drop)
}

pub(super) async fn cut(server: Server) -> Verdict {
    let (mut others, member) = server.intruder().await?;
    let id = member.id.clone();
    drop(member);
    others.see_away(&id).await?;
    // It is still a member, and nobody is told that what is sent to it does not arrive.
    others.undisturbed().await?;
    others.first().signal(&id, "when you are back").await?;
    others.see_left(&id, "timeout").await?;
    others.undisturbed().await
}

pub(super) async fn cut_within_a_frame(server: Server) -> Verdict {
    let message = frame(FIN | TEXT, br#"{"type":"broadcast","data":1}"#);
    let parts = [
        message[..1].to_vec(),
        message[..4].to_vec(),
        message[..12].to_vec(),
        frame(TEXT, br#"{"type":"#),
        header(FIN | TEXT, 65_536),
    ];
    let mut cuts = JoinSet::new();
    for (n, part) in parts.iter().enumerate() {
        for reset in [false, true] {
            let room = server.room(format!("{n}-{reset}"));
            cuts.spawn(cut_after(room, part.clone(), reset));
        }
    }
    while let Some(cut) = cuts.join_next().await {
        cut.map_err(Broken::new)??;
    }
    Ok(())
}

async fn cut_after(server: Server, bytes: Vec<u8>, reset: bool) -> Verdict {
    let (mut others, member) = server.intruder().await?;
    let id = member.id.clone();
    if reset {
        member.reset_when_dropped().await;
    }
    member.write(&bytes).await?;
    drop(member);
    others.see_lost(&id).await?;
    others.undisturbed().await
}

pub(super) async fn closed_by_client(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    let mut member = server.join_as(Conduct::Mute).await?;
    others.see_joined(&member.id).await?;
    // The code 1001, in two bytes, and a reason.
    member.write(&frame(FIN | CLOSE, b"\x03\xE9going away")).await?;
    member.closed(1001).await?;
    member.ended().await?;
    others.see_lost(&member.id).await?;
    others.undisturbed().await
}
