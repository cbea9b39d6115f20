//! Coming back to a session: section 5 of the protocol.

use serde_json::json;

use crate::testing::conformance::{
    check::{Verdict, ensure},
    server::Server,
};

pub(super) async fn unknown_ticket(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    for ticket in ["", "nonsense", &"A".repeat(43)] {
        let resume = json!({"ticket": ticket, "received": 17});
        let member = server.join_with(json!({"resume": resume})).await?;
        let welcome = &member.welcome;
        ensure!(welcome["resumed"] == "no" && welcome["received"] == 0, "the answer is {welcome}");
        let id = member.id.clone();
        others.see_joined(&id).await?;
        member.leave().await?;
        others.see_left(&id, "left").await?;
    }
    others.undisturbed().await
}
