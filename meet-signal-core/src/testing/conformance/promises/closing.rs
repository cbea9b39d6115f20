//! The end of a connection.

use crate::testing::conformance::{
    check::Verdict,
    client::Conduct,
    server::Server,
    wire::{BINARY, FIN, frame},
};

pub(super) async fn unanswered(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    let mut member = server.join_as(Conduct::Mute).await?;
    others.see_joined(&member.id).await?;
    member.write(&frame(FIN | BINARY, b"")).await?;
    member.closed(1003).await?;
    others.see_left(&member.id, "closed").await?;
    member.ended().await?;
    others.undisturbed().await
}
