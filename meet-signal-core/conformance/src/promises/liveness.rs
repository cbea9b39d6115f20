//! Heartbeats.

use serde_json::json;
use tokio::{
    select,
    time::{Instant, sleep},
};

use crate::{
    check::{PATIENCE, Verdict, ensure},
    client::Conduct,
    server::Server,
    target::limits,
    wire::{FIN, PING, Received, TEXT, frame, header, text_frame},
};

pub(super) async fn quiet(server: Server) -> Verdict {
    let start = Instant::now();
    let mut member = server.join_as(Conduct::Mute).await?;
    // Long enough for a connection whose pongs do not count to be lost.
    for n in 0..5 {
        member.expect(json!({"type": "ping", "received": n})).await?;
        let (elapsed, least) = (start.elapsed(), limits().heartbeat() * (n + 1));
        ensure!(elapsed >= least, "ping number {n} comes after {elapsed:?}");
        member.say(json!({"type": "pong", "received": 0})).await?;
        // Nobody hears it, but it is counted.
        member.broadcast(n).await?;
    }
    Ok(())
}

pub(super) async fn talking(server: Server) -> Verdict {
    let mut member = server.join_as(Conduct::Mute).await?;
    let writer = member.writer();
    // Nobody hears it.
    let message = text_frame(json!({"type": "broadcast", "data": null}));
    select! {
        ping = member.expect(json!({"type": "ping"})) => ping.map(drop),
        broken = writer.keep_writing(&message) => Err(broken),
    }
}

pub(super) async fn probe(server: Server) -> Verdict {
    let mut member = server.join_as(Conduct::Mute).await?;
    for _ in 0..2 {
        member.say(json!({"type": "probe"})).await?;
        member.expect(json!({"type": "ping", "received": 0})).await?;
    }
    member.broadcast("counted").await?;
    // A ping of the heartbeat may have come first.
    member.say(json!({"type": "probe"})).await?;
    while member.expect(json!({"type": "ping"})).await?["received"] != 1 {}
    // It has received nothing that counts, and the server has one message that does.
    let back = server.resume(&member, 0).await?;
    let welcome = &back.welcome;
    ensure!(welcome["resumed"] == "full", "the answer is {welcome}");
    ensure!(welcome["received"] == 1, "the answer is {welcome}");
    Ok(())
}

pub(super) async fn websocket_pings(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    let mut member = server.join_as(Conduct::Mute).await?;
    others.see_joined(&member.id).await?;
    let ping = frame(FIN | PING, b"life");
    member.write(&ping).await?;
    let mut answer = member.next().await?;
    // The server's own pings are not answered.
    while matches!(answer, Received::Text(_)) {
        answer = member.next().await?;
    }
    ensure!(answer == Received::Pong(b"life".to_vec()), "expected a pong, got {answer:?}");

    let writer = member.writer();
    let living = async {
        // Longer than silence is borne.
        sleep(limits().heartbeat() * 5).await;
        others.undisturbed().await
    };
    select! {
        verdict = living => verdict,
        broken = writer.keep_writing(&ping) => Err(broken),
    }
}

pub(super) async fn silent(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    let start = Instant::now();
    let mut member = server.join_as(Conduct::Mute).await?;
    others.see_joined(&member.id).await?;
    member.closed_at_last(4001).await?;
    let (elapsed, silence) = (start.elapsed(), limits().heartbeat() * 3);
    let in_time = silence..silence + PATIENCE;
    ensure!(in_time.contains(&elapsed), "lost after {elapsed:?}");
    others.see_lost(&member.id).await?;
    others.undisturbed().await
}

pub(super) async fn half_open(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    let mut member = server.connect_as(Conduct::Deaf).await?;
    member.say(json!({"type": "join"})).await?;
    let id = others.see_somebody_join().await?;
    others.see_lost(&id).await?;
    // All this time it was silent, and no answer to the close was waited for without end.
    member.listen(Conduct::Mute);
    member.closed_at_last(4001).await?;
    member.ended().await?;
    others.undisturbed().await
}

pub(super) async fn dripping(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    let mut member = server.join_as(Conduct::Mute).await?;
    others.see_joined(&member.id).await?;
    member.write(&header(FIN | TEXT, 1000)).await?;
    let writer = member.writer();
    let start = Instant::now();
    select! {
        closed = member.closed_at_last(4001) => closed?,
        broken = writer.keep_writing(b" ") => return Err(broken),
    }
    let elapsed = start.elapsed();
    ensure!(elapsed < limits().heartbeat() * 3 + PATIENCE, "lost after {elapsed:?}");
    others.see_lost(&member.id).await?;
    others.undisturbed().await
}
