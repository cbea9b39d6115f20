//! How a session outlives its connection, and how it ends.

use serde_json::json;
use tokio::task::JoinSet;

use super::closing::payload;
use crate::{
    check::{Result, Violation},
    client::ReadMode,
    observers::Observers,
    server::Server,
    wire::{CLOSE, FIN, TEXT, frame, header},
};

pub(super) async fn leave(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let mut member = observers.join_client_as(ReadMode::NoReply).await?;
    member.send(json!({"type": "leave"})).await?;
    // A message after `leave` is ignored.
    member.broadcast("after leave").await?;
    // The server does not wait for the reply to its close frame.
    observers.expect_left(&member.id, "left").await?;
    observers.check_undisturbed().await?;
    member.expect_close(1000).await.map(drop)
}

pub(super) async fn lost(server: Server) -> Result {
    let (mut observers, member) = Observers::join_with_client(&server).await?;
    let id = member.id.clone();
    drop(member);
    observers.expect_away(&id).await?;
    // It is still a member, and a signal to it is no error.
    observers.check_undisturbed().await?;
    observers.first().signal(&id, "signal").await?;
    observers.expect_left(&id, "timeout").await?;
    observers.check_undisturbed().await
}

pub(super) async fn lost_within_a_frame(server: Server) -> Result {
    let message = frame(FIN | TEXT, br#"{"type":"broadcast","data":1}"#);
    let parts = [
        message[..1].to_vec(),
        message[..4].to_vec(),
        message[..12].to_vec(),
        frame(TEXT, br#"{"type":"#),
        header(FIN | TEXT, 65_536),
    ];
    let mut disconnects = JoinSet::new();
    for (n, part) in parts.iter().enumerate() {
        for reset in [false, true] {
            let room = server.room(format!("{n}-{reset}"));
            disconnects.spawn(disconnect_after(room, part.clone(), reset));
        }
    }
    while let Some(done) = disconnects.join_next().await {
        done.map_err(Violation::new)??;
    }
    Ok(())
}

async fn disconnect_after(server: Server, bytes: Vec<u8>, reset: bool) -> Result {
    let (mut observers, member) = Observers::join_with_client(&server).await?;
    let id = member.id.clone();
    if reset {
        member.reset_on_drop().await;
    }
    member.write(&bytes).await?;
    drop(member);
    observers.expect_lost(&id).await?;
    observers.check_undisturbed().await
}

pub(super) async fn closed_by_client(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let mut member = observers.join_client_as(ReadMode::NoReply).await?;
    member.write(&close(1000, "reason")).await?;
    member.expect_close(1000).await?;
    member.expect_eof().await?;
    observers.expect_lost(&member.id).await?;
    observers.check_undisturbed().await
}

pub(super) async fn leave_by_ticket(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    // The session has a connection, then it has none.
    for is_lost in [false, true] {
        let mut member = observers.join_client_as(ReadMode::NoReply).await?;
        let (id, ticket) = (member.id.clone(), member.welcome["ticket"].clone());
        let mut leaver = server.connect().await?;
        if is_lost {
            drop(member);
            observers.expect_away(&id).await?;
            leaver.send(json!({"type": "leave", "ticket": ticket})).await?;
        } else {
            leaver.send(json!({"type": "leave", "ticket": ticket})).await?;
            member.expect_close(1000).await?;
        }
        leaver.expect_close(1000).await?;
        observers.expect_left(&id, "left").await?;
        let spent = json!({"resume": {"ticket": ticket, "received": 0}});
        let back = server.join_with(spent).await?;
        back.check_resumed("no")?;
        observers.expect_joined(&back.id).await?;
        // The ticket is valid only in its room.
        let mut elsewhere = server.room("elsewhere".to_owned()).connect().await?;
        elsewhere.send(json!({"type": "leave", "ticket": back.welcome["ticket"]})).await?;
        elsewhere.expect_close(1000).await?;
        for invalid in [json!("no ticket"), json!(""), ticket] {
            let mut leaver = server.connect().await?;
            leaver.send(json!({"type": "leave", "ticket": invalid})).await?;
            leaver.expect_close(1000).await?;
        }
        observers.check_undisturbed().await?;
        observers.expect_leave(back).await?;
    }
    // Without a ticket, there is no session to leave.
    let mut leaver = server.connect().await?;
    leaver.send(json!({"type": "leave", "ticket": null})).await?;
    leaver.expect_error("not-joined", None).await?;
    observers.check_undisturbed().await
}

pub(super) async fn going_away(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    for code in [1001, 4900] {
        let mut closing = observers.join_client_as(ReadMode::NoReply).await?;
        let mut going = observers.join_client_as(ReadMode::NoReply).await?;
        going.write(&close(code, "")).await?;
        going.expect_close_eventually(code).await?;
        observers.expect_away(&going.id).await?;
        // A resume in time continues the session, and the next grace period is as short.
        let mut back = server.resume(&going, 0).await?;
        observers.expect_back(&going.id).await?;
        closing.write(&close(1000, "")).await?;
        closing.expect_close_eventually(1000).await?;
        observers.expect_away(&closing.id).await?;
        back.write(&close(code, "")).await?;
        back.expect_close_eventually(code).await?;
        observers.expect_away(&going.id).await?;
        observers.expect_left(&going.id, "timeout").await?;
        observers.expect_left(&closing.id, "timeout").await?;
    }
    observers.check_undisturbed().await
}

fn close(code: u16, reason: &str) -> Vec<u8> {
    frame(FIN | CLOSE, &payload(code, reason.as_bytes()))
}
