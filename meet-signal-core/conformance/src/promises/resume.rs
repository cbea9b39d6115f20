//! Coming back to a session: section 5 of the protocol.

use serde_json::json;

use crate::{
    check::{Verdict, ensure},
    server::{Server, resume},
    target::limits,
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

pub(super) async fn takeover(server: Server) -> Verdict {
    let (mut others, mut old) = server.intruder().await?;
    let new = server.resume(&old, 0).await?;
    ensure!(
        new.welcome["resumed"] == "full" && new.welcome["ticket"] == old.welcome["ticket"],
        "the answer is {}",
        new.welcome
    );
    old.closed(4508).await?;
    // What the older connection still says comes from nobody, and its end is nobody's.
    old.broadcast("too late").await?;
    drop(old);
    others.undisturbed().await?;
    new.broadcast("here").await?;
    others.told(&json!({"type": "broadcast", "from": new.id, "data": "here"})).await
}

pub(super) async fn full(server: Server) -> Verdict {
    let (mut others, member) = server.intruder().await?;
    for n in 0..3 {
        others.first().signal(&member.id, n).await?;
    }
    let mut member = member;
    member.expect(json!({"type": "signal", "data": 0})).await?;
    let (id, lost) = (member.id.clone(), member.welcome.clone());
    drop(member);
    others.see_away(&id).await?;
    others.first().signal(&id, 3).await?;

    let mut back = server.resume_as(&lost, 1).await?;
    ensure!(back.welcome["resumed"] == "full", "the answer is {}", back.welcome);
    others.see_back(&id).await?;
    for n in 1..4 {
        back.expect(json!({"type": "signal", "data": n})).await?;
    }
    others.first().signal(&id, 4).await?;
    back.expect(json!({"type": "signal", "data": 4})).await?;
    others.undisturbed().await
}

pub(super) async fn counted(server: Server) -> Verdict {
    let (mut others, mut member) = server.intruder().await?;
    let id = member.id.clone();
    // An answer with an error counts, and what is not sequenced does not.
    member.broadcast("first").await?;
    member.say(json!({"type": "ack", "received": 0})).await?;
    member.say(json!({"type": "dance"})).await?;
    member.expect_error("unknown-type", None).await?;
    others.told(&json!({"type": "broadcast", "from": id, "data": "first"})).await?;
    let back = server.resume(&member, 1).await?;
    let received = &back.welcome["received"];
    ensure!(*received == 2, "it has handled 2 frames, and says {received}");
    back.broadcast("second").await?;
    others.told(&json!({"type": "broadcast", "from": id, "data": "second"})).await
}

pub(super) async fn partial(server: Server) -> Verdict {
    let (mut others, member) = server.intruder().await?;
    let (id, lost) = (member.id.clone(), member.welcome.clone());
    drop(member);
    others.see_away(&id).await?;
    others.first().signal(&id, "lost").await?;
    // The server has read it, before it reads what another connection says.
    others.first().goes_on().await?;
    let mut back = server.resume_as(&lost, 17).await?;
    ensure!(
        back.welcome["resumed"] == "partial" && back.welcome["received"] == 0 && back.id == id,
        "the answer is {}",
        back.welcome
    );
    ensure!(back.found().len() == 2, "it finds {:?}", back.found());
    others.see_back(&id).await?;
    others.first().signal(&id, "new").await?;
    back.expect(json!({"type": "signal", "data": "new"})).await?;
    // Both ends count from there.
    back.say(json!({"type": "ack", "received": 1})).await?;
    back.goes_on().await?;
    let again = server.resume(&back, 2).await?;
    ensure!(again.welcome["resumed"] == "full", "the answer is {}", again.welcome);
    others.undisturbed().await
}

pub(super) async fn spent_ticket(server: Server) -> Verdict {
    let (mut others, member) = server.intruder().await?;
    let lost = member.welcome.clone();
    let elsewhere = server.room("other").resume_as(&lost, 0).await?;
    ensure!(elsewhere.welcome["resumed"] == "no", "the answer is {}", elsewhere.welcome);
    let id = member.id.clone();
    member.leave().await?;
    others.see_left(&id, "left").await?;
    let anew = server.resume_as(&lost, 0).await?;
    ensure!(anew.welcome["resumed"] == "no" && anew.id != id, "the answer is {}", anew.welcome);
    others.see_joined(&anew.id).await?;
    others.undisturbed().await
}

pub(super) async fn too_often(server: Server) -> Verdict {
    let (mut others, mut member) = server.intruder().await?;
    for _ in 0..limits().resumes_per_minute() {
        member = server.resume(&member, 0).await?;
    }
    let mut late = server.connect().await?;
    late.say(resume(&member.welcome, 0)).await?;
    let error = late.expect_error("rate-limited", None).await?;
    ensure!(error["retryAfterMs"].is_u64(), "no `retryAfterMs` in {error}");
    late.closed(4004).await?;
    member.goes_on().await?;
    others.undisturbed().await
}
