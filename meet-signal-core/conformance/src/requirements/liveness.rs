//! Heartbeats.

use serde_json::json;
use tokio::{
    select,
    time::{Instant, sleep},
};

use crate::{
    check::{Result, TIMEOUT, ensure},
    client::ReadMode,
    observers::Observers,
    server::Server,
    target::limits,
    wire::{Event, FIN, PING, TEXT, frame, header, text_frame},
};

pub(super) async fn quiet(server: Server) -> Result {
    let start = Instant::now();
    let mut member = server.join_as(ReadMode::NoReply).await?;
    // Longer than a connection without `pong` stays open.
    for n in 0..5 {
        member.expect(json!({"type": "ping", "received": n})).await?;
        let (elapsed, least) = (start.elapsed(), limits().heartbeat() * (n + 1));
        ensure!(elapsed >= least, "`ping` number {n} after {elapsed:?}");
        member.send(json!({"type": "pong", "received": 0})).await?;
        // The room has no other member, but the server counts the message.
        member.broadcast(n).await?;
    }
    Ok(())
}

pub(super) async fn sending(server: Server) -> Result {
    let mut member = server.join_as(ReadMode::NoReply).await?;
    let writer = member.writer();
    // The room has no other member.
    let message = text_frame(json!({"type": "broadcast", "data": null}));
    select! {
        ping = member.expect(json!({"type": "ping"})) => ping.map(drop),
        violation = writer.write_repeatedly(&message) => Err(violation),
    }
}

pub(super) async fn probe(server: Server) -> Result {
    let mut member = server.join_as(ReadMode::NoReply).await?;
    for _ in 0..2 {
        member.send(json!({"type": "probe"})).await?;
        member.expect(json!({"type": "ping", "received": 0})).await?;
    }
    member.broadcast("counted").await?;
    // The heartbeat's own `ping` may arrive first.
    member.send(json!({"type": "probe"})).await?;
    while member.expect(json!({"type": "ping"})).await?["received"] != 1 {}
    // Of all these messages, only the broadcast has a sequence number.
    let back = server.resume(&member, 0).await?;
    back.check_resumed("full")?;
    let welcome = &back.welcome;
    ensure!(welcome["received"] == 1, "`received` is {}", welcome["received"]);
    Ok(())
}

pub(super) async fn websocket_pings(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let mut member = observers.join_client_as(ReadMode::NoReply).await?;
    let ping = frame(FIN | PING, b"payload");
    member.write(&ping).await?;
    let mut event = member.next_event().await?;
    // Skip the server's own pings.
    while matches!(event, Event::Text(_)) {
        event = member.next_event().await?;
    }
    ensure!(event == Event::Pong(b"payload".to_vec()), "expected a pong, got {event:?}");

    let writer = member.writer();
    let test = async {
        // Longer than a silent connection stays open.
        sleep(limits().heartbeat() * 5).await;
        observers.check_undisturbed().await
    };
    select! {
        result = test => result,
        violation = writer.write_repeatedly(&ping) => Err(violation),
    }
}

pub(super) async fn silent(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let start = Instant::now();
    let mut member = observers.join_client_as(ReadMode::NoReply).await?;
    member.expect_close_eventually(4001).await?;
    let (elapsed, silence) = (start.elapsed(), limits().heartbeat() * 3);
    let in_time = silence..silence + TIMEOUT;
    ensure!(in_time.contains(&elapsed), "closed after {elapsed:?}");
    observers.expect_lost(&member.id).await?;
    observers.check_undisturbed().await
}

pub(super) async fn half_open(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let mut member = server.connect_as(ReadMode::Paused).await?;
    member.send(json!({"type": "join"})).await?;
    let id = observers.expect_any_joined().await?;
    observers.expect_lost(&id).await?;
    // The server closed the connection without a reply to its close frame.
    member.start_reading(ReadMode::NoReply);
    member.expect_close_eventually(4001).await?;
    member.expect_eof().await?;
    observers.check_undisturbed().await
}

pub(super) async fn slow_payload(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let mut member = observers.join_client_as(ReadMode::NoReply).await?;
    member.write(&header(FIN | TEXT, 1000)).await?;
    let writer = member.writer();
    let start = Instant::now();
    select! {
        closed = member.expect_close_eventually(4001) => closed?,
        violation = writer.write_repeatedly(b" ") => return Err(violation),
    }
    let elapsed = start.elapsed();
    ensure!(elapsed < limits().heartbeat() * 3 + TIMEOUT, "closed after {elapsed:?}");
    observers.expect_lost(&member.id).await?;
    observers.check_undisturbed().await
}
