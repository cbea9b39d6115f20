//! How a session ends, and how it outlives its socket.

use serde_json::json;
use tokio::task::JoinSet;

use super::closing::payload;
use crate::{
    check::{Broken, Verdict, ensure},
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
    member.write(&close(1000, "good bye")).await?;
    member.closed(1000).await?;
    member.ended().await?;
    others.see_lost(&member.id).await?;
    others.undisturbed().await
}

pub(super) async fn leave_by_ticket(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    // With its connection, and without one.
    for is_lost in [false, true] {
        let mut member = server.join_as(Conduct::Mute).await?;
        others.see_joined(&member.id).await?;
        let (id, ticket) = (member.id.clone(), member.welcome["ticket"].clone());
        let mut farewell = server.connect().await?;
        if is_lost {
            drop(member);
            others.see_away(&id).await?;
            farewell.say(json!({"type": "leave", "ticket": ticket})).await?;
        } else {
            farewell.say(json!({"type": "leave", "ticket": ticket})).await?;
            member.closed(1000).await?;
        }
        farewell.closed(1000).await?;
        others.see_left(&id, "left").await?;
        let spent = json!({"resume": {"ticket": ticket, "received": 0}});
        let back = server.join_with(spent).await?;
        ensure!(back.welcome["resumed"] == "no", "the answer is {}", back.welcome);
        others.see_joined(&back.id).await?;
        // A ticket counts in its room alone.
        let mut elsewhere = server.room("elsewhere".to_owned()).connect().await?;
        elsewhere.say(json!({"type": "leave", "ticket": back.welcome["ticket"]})).await?;
        elsewhere.closed(1000).await?;
        for nobodys in [json!("no ticket"), json!(""), ticket] {
            let mut farewell = server.connect().await?;
            farewell.say(json!({"type": "leave", "ticket": nobodys})).await?;
            farewell.closed(1000).await?;
        }
        others.undisturbed().await?;
        let id = back.id.clone();
        back.leave().await?;
        others.see_left(&id, "left").await?;
    }
    // Without one it names nobody.
    let mut farewell = server.connect().await?;
    farewell.say(json!({"type": "leave", "ticket": null})).await?;
    farewell.expect_error("not-joined", None).await?;
    others.undisturbed().await
}

pub(super) async fn going_away(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    for code in [1001, 4900] {
        let mut closes = server.join_as(Conduct::Mute).await?;
        others.see_joined(&closes.id).await?;
        let mut goes = server.join_as(Conduct::Mute).await?;
        others.see_joined(&goes.id).await?;
        goes.write(&close(code, "")).await?;
        goes.closed_at_last(code).await?;
        others.see_away(&goes.id).await?;
        // A page that is back in time goes on, and is kept for as short a time again.
        let mut back = server.resume(&goes, 0).await?;
        others.see_back(&goes.id).await?;
        closes.write(&close(1000, "")).await?;
        closes.closed_at_last(1000).await?;
        others.see_away(&closes.id).await?;
        back.write(&close(code, "")).await?;
        back.closed_at_last(code).await?;
        others.see_away(&goes.id).await?;
        others.see_left(&goes.id, "timeout").await?;
        others.see_left(&closes.id, "timeout").await?;
    }
    others.undisturbed().await
}

fn close(code: u16, reason: &str) -> Vec<u8> {
    frame(FIN | CLOSE, &payload(code, reason.as_bytes()))
}
