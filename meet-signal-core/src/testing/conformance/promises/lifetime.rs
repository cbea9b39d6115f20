//! How a session ends, and how it outlives its socket.

use serde_json::json;

use crate::testing::conformance::{
    check::Verdict,
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
    // It is still a member: what is sent to it is no error.
    others.first().signal(&id, "when you are back").await?;
    others.undisturbed().await?;
    others.see_left(&id, "timeout").await?;
    others.undisturbed().await
}

pub(super) async fn cut_within_a_frame(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    let message = frame(FIN | TEXT, br#"{"type":"broadcast","data":1}"#);
    let half_a_message = [message.as_slice(), &frame(TEXT, b"{\"type\":")].concat();
    for part in [&message[..1], &message[..4], &message[..12], &half_a_message[message.len()..]] {
        let member = server.join().await?;
        let id = member.id.clone();
        others.see_joined(&id).await?;
        member.write(part).await?;
        drop(member);
        others.see_lost(&id).await?;
    }
    // A length of 64 KiB, and none of the bytes.
    let member = server.join().await?;
    let id = member.id.clone();
    others.see_joined(&id).await?;
    member.write(&header(FIN | TEXT, 65_536)).await?;
    member.reset_when_dropped().await;
    drop(member);
    others.see_lost(&id).await?;
    others.undisturbed().await
}

pub(super) async fn closed_by_client(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    let mut member = server.join_as(Conduct::Mute).await?;
    others.see_joined(&member.id).await?;
    member
        .write(&frame(FIN | CLOSE, &[&1001_u16.to_be_bytes(), b"away".as_slice()].concat()))
        .await?;
    member.closed(1001).await?;
    member.ended().await?;
    others.see_lost(&member.id).await?;
    others.undisturbed().await
}
