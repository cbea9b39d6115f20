//! Resuming a session (section 5 of the protocol).

use serde_json::json;

use crate::{
    check::{Result, ensure},
    observers::Observers,
    server::{Server, resume_message},
    target::limits,
};

pub(super) async fn unknown_ticket(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    for ticket in ["", "nonsense", &"A".repeat(43)] {
        let resume = json!({"ticket": ticket, "received": 17});
        let member = server.join_with(json!({"resume": resume})).await?;
        let welcome = &member.welcome;
        ensure!(welcome["resumed"] == "no" && welcome["received"] == 0, "got {welcome}");
        let id = member.id.clone();
        observers.expect_joined(&id).await?;
        member.leave().await?;
        observers.expect_left(&id, "left").await?;
    }
    observers.check_undisturbed().await
}

pub(super) async fn takeover(server: Server) -> Result {
    let (mut observers, mut old) = Observers::join_with_client(&server).await?;
    let new = server.resume(&old, 0).await?;
    ensure!(
        new.welcome["resumed"] == "full" && new.welcome["ticket"] == old.welcome["ticket"],
        "got {}",
        new.welcome
    );
    old.expect_close(4508).await?;
    // The older connection no longer acts for the session, and its end does not affect it.
    old.broadcast("stale").await?;
    drop(old);
    observers.check_undisturbed().await?;
    new.broadcast("here").await?;
    observers.expect(&json!({"type": "broadcast", "from": new.id, "data": "here"})).await
}

pub(super) async fn full(server: Server) -> Result {
    let (mut observers, member) = Observers::join_with_client(&server).await?;
    for n in 0..3 {
        observers.first().signal(&member.id, n).await?;
    }
    let mut member = member;
    member.expect(json!({"type": "signal", "data": 0})).await?;
    let (id, lost) = (member.id.clone(), member.welcome.clone());
    drop(member);
    observers.expect_away(&id).await?;
    observers.first().signal(&id, 3).await?;

    let mut back = server.resume_from(&lost, 1).await?;
    back.check_resumed("full")?;
    observers.expect_back(&id).await?;
    for n in 1..4 {
        back.expect(json!({"type": "signal", "data": n})).await?;
    }
    observers.first().signal(&id, 4).await?;
    back.expect(json!({"type": "signal", "data": 4})).await?;
    observers.check_undisturbed().await
}

pub(super) async fn counted(server: Server) -> Result {
    let (mut observers, mut member) = Observers::join_with_client(&server).await?;
    let id = member.id.clone();
    // A message that gets an error counts; `ack` does not.
    member.broadcast("first").await?;
    member.send(json!({"type": "ack", "received": 0})).await?;
    member.send(json!({"type": "dance"})).await?;
    member.expect_error("unknown-type", None).await?;
    observers.expect(&json!({"type": "broadcast", "from": id, "data": "first"})).await?;
    let back = server.resume(&member, 1).await?;
    let received = &back.welcome["received"];
    ensure!(*received == 2, "`received` is {received}, expected 2");
    back.broadcast("second").await?;
    observers.expect(&json!({"type": "broadcast", "from": id, "data": "second"})).await
}

pub(super) async fn partial(server: Server) -> Result {
    let (mut observers, member) = Observers::join_with_client(&server).await?;
    let (id, lost) = (member.id.clone(), member.welcome.clone());
    drop(member);
    observers.expect_away(&id).await?;
    observers.first().signal(&id, "lost").await?;
    // Wait until the server has handled it; the next message comes on another connection.
    observers.first().check_alive().await?;
    let mut back = server.resume_from(&lost, 17).await?;
    ensure!(
        back.welcome["resumed"] == "partial" && back.welcome["received"] == 0 && back.id == id,
        "got {}",
        back.welcome
    );
    ensure!(back.peers().len() == 2, "got the peers {:?}", back.peers());
    observers.expect_back(&id).await?;
    observers.first().signal(&id, "new").await?;
    back.expect(json!({"type": "signal", "data": "new"})).await?;
    // Both ends count from 0.
    back.send(json!({"type": "ack", "received": 1})).await?;
    back.check_alive().await?;
    let again = server.resume(&back, 2).await?;
    again.check_resumed("full")?;
    observers.check_undisturbed().await
}

pub(super) async fn spent_ticket(server: Server) -> Result {
    let (mut observers, member) = Observers::join_with_client(&server).await?;
    let lost = member.welcome.clone();
    let elsewhere = server.room("other").resume_from(&lost, 0).await?;
    elsewhere.check_resumed("no")?;
    let id = member.id.clone();
    observers.expect_leave(member).await?;
    let fresh = server.resume_from(&lost, 0).await?;
    ensure!(fresh.welcome["resumed"] == "no" && fresh.id != id, "got {}", fresh.welcome);
    observers.expect_joined(&fresh.id).await?;
    observers.check_undisturbed().await
}

pub(super) async fn too_often(server: Server) -> Result {
    let (mut observers, mut member) = Observers::join_with_client(&server).await?;
    for _ in 0..limits().resumes_per_minute() {
        member = server.resume(&member, 0).await?;
    }
    let mut late = server.connect().await?;
    late.send(resume_message(&member.welcome, 0)).await?;
    let error = late.expect_error("rate-limited", None).await?;
    ensure!(error["retryAfterMs"].is_u64(), "no `retryAfterMs` in {error}");
    late.expect_close(4004).await?;
    member.check_alive().await?;
    observers.check_undisturbed().await
}
