//! Coming back to a lobby, or after a session was ended.

use serde_json::{Value, json};

use super::{
    lobby::{Knocker, admit, expect_gone, expect_knock, hosted, resume_wait},
    moderation::expect_refused,
};
use crate::{
    check::{Result, ensure},
    client::ReadMode,
    server::{Member, Server, resume_message},
};

pub(super) async fn resumed(server: Server) -> Result {
    let (mut observers, mut host) = hosted(&server).await?;
    let bob = Knocker::knock_with_name(&server, "Bob").await?;
    let peer = expect_knock(&mut host, "Bob").await?;
    let waiting = bob.lose();
    // Once while the connection is lost, then while the older one is open; also without `waiting`.
    let mut newest: Option<Knocker> = None;
    for join in [resume_wait(&waiting), resume_wait(&waiting), resume_message(&waiting, 0)] {
        let bob = Knocker::knock(&server, join).await?;
        ensure!(bob.ticket() == &waiting["ticket"], "another ticket");
        if let Some(mut older) = newest.replace(bob) {
            older.expect_close(4508).await?;
        }
    }
    let Some(bob) = newest else { unreachable!("it has resumed") };
    // There was one knock.
    admit(&mut observers, &mut host, &peer).await?;
    let bob = bob.expect_welcome(&peer, "no").await?;
    observers.expect_leave(bob).await?;
    observers.exchange_signals().await
}

pub(super) async fn admitted_while_away(server: Server) -> Result {
    let (mut observers, mut host) = hosted(&server).await?;
    let bob = Knocker::knock_with_name(&server, "Bob").await?;
    let peer = expect_knock(&mut host, "Bob").await?;
    let waiting = bob.lose();
    admit(&mut observers, &mut host, &peer).await?;
    observers.expect_away(&peer).await?;
    host.expect(json!({"type": "status", "peer": peer, "status": "away"})).await?;
    host.broadcast("while it is away").await?;
    observers.expect(&json!({"type": "broadcast", "data": "while it is away"})).await?;
    let bob = resume_admitted(&server, &waiting, &peer).await?;
    observers.expect_back(&peer).await?;
    host.expect(json!({"type": "status", "peer": peer, "status": "here"})).await?;
    let _bob = check_counts(&server, &host, bob).await?;
    observers.expect(&json!({"type": "broadcast", "data": "counted"})).await?;

    // Its welcome was sent to a connection that it does not read any more.
    let mut cleo = Knocker::knock_with_name(&server, "Cleo").await?;
    let peer = expect_knock(&mut host, "Cleo").await?;
    admit(&mut observers, &mut host, &peer).await?;
    let newer = resume_admitted(&server, &json!({"ticket": cleo.ticket()}), &peer).await?;
    cleo.expect_close_eventually(4508).await?;
    let _cleo = check_counts(&server, &host, newer).await?;
    observers.expect(&json!({"type": "broadcast", "data": "counted"})).await
}

async fn resume_admitted(server: &Server, waiting: &Value, peer: &str) -> Result<Member> {
    let member = Member::join(server.connect().await?, resume_wait(waiting)).await?;
    member.check_resumed("partial")?;
    ensure!(member.id == peer, "another id");
    ensure!(member.welcome["ticket"] == waiting["ticket"], "another ticket");
    ensure!(member.welcome["received"] == 0, "`received` is {}", member.welcome["received"]);
    ensure!(member.peers().len() >= 3, "the peers are {:?}", member.peers());
    Ok(member)
}

/// Checks that both ends count from the welcome of this member on. Returns it with its newest
/// connection.
async fn check_counts(server: &Server, host: &Member, mut member: Member) -> Result<Member> {
    host.broadcast("counted").await?;
    member.expect(json!({"type": "broadcast", "data": "counted"})).await?;
    member.send(json!({"type": "ack", "received": 1})).await?;
    member.check_alive().await?;
    let mut again = server.resume(&member, 1).await?;
    again.check_resumed("full")?;
    ensure!(again.welcome["received"] == 1, "`received` is {}", again.welcome["received"]);
    // The error that it has not acknowledged.
    again.expect(json!({"type": "error", "code": "no-such-peer"})).await?;
    Ok(again)
}

pub(super) async fn denied_while_away(server: Server) -> Result {
    let (mut observers, mut host) = hosted(&server).await?;
    let bob = Knocker::knock_with_name(&server, "Bob").await?;
    let peer = expect_knock(&mut host, "Bob").await?;
    let waiting = bob.lose();
    host.send(json!({"type": "deny", "peer": peer, "reason": "Not today."})).await?;
    expect_gone(&mut host, &peer).await?;
    for join in [resume_wait(&waiting), resume_message(&waiting, 0)] {
        let mut join = join;
        join["type"] = "join".into();
        let mut bob = server.connect().await?;
        bob.send(join).await?;
        bob.expect(json!({"type": "error", "code": "denied", "message": "Not today."})).await?;
        let closed = bob.expect_close(4504).await?;
        ensure!(closed == "Not today.", "the reason is {closed:?}");
    }
    // Another join knocks again.
    let replaces = json!({"replaces": waiting["ticket"], "meta": "Bob again"});
    let _bob = Knocker::knock(&server, replaces).await?;
    ensure!(expect_knock(&mut host, "Bob again").await? != peer, "the same id");
    observers.exchange_signals().await
}

pub(super) async fn reloaded(server: Server) -> Result {
    let (mut observers, mut host) = hosted(&server).await?;
    let mut bob = Knocker::knock_with_name(&server, "Bob").await?;
    let first = expect_knock(&mut host, "Bob").await?;
    let reload = json!({"meta": "Bob again", "replaces": bob.ticket()});
    let again = Knocker::knock(&server, reload).await?;
    bob.expect_close(4508).await?;
    expect_gone(&mut host, &first).await?;
    let second = expect_knock(&mut host, "Bob again").await?;
    ensure!(first != second, "the same id");
    ensure!(again.ticket() != bob.ticket(), "the same ticket");

    // Once it was admitted, it is not asked to wait again.
    admit(&mut observers, &mut host, &second).await?;
    let member = again.expect_welcome(&second, "no").await?;
    let reloaded = server.join_with(json!({"replaces": member.welcome["ticket"]})).await?;
    observers.expect_left(&second, "replaced").await?;
    observers.expect_joined(&reloaded.id).await?;
    observers.exchange_signals().await
}

/// A client of an earlier release counts `waiting`, as any message that it does not know.
pub(super) async fn older_client(server: Server) -> Result {
    let (mut observers, mut host) = hosted(&server).await?;
    let client = server.connect_as(ReadMode::NoReply).await?;
    let mut bob = Knocker::knock_on(client, json!({"meta": "Bob"})).await?;
    let peer = expect_knock(&mut host, "Bob").await?;
    for message in [
        json!({"type": "ack", "received": 1}),
        json!({"type": "pong", "received": 1}),
        json!({"type": "probe"}),
    ] {
        bob.send(message).await?;
    }
    bob.expect(json!({"type": "ping", "received": 0})).await?;
    admit(&mut observers, &mut host, &peer).await?;
    let bob = bob.expect_welcome(&peer, "no").await?;
    bob.send(json!({"type": "ack", "received": 0})).await?;
    let _bob = check_counts(&server, &host, bob).await?;
    observers.expect(&json!({"type": "broadcast", "data": "counted"})).await?;

    // It has no ticket before its welcome, so that it joins anew, and its older place times out.
    let cleo = Knocker::knock_with_name(&server, "Cleo").await?;
    let lost = expect_knock(&mut host, "Cleo").await?;
    drop(cleo);
    let _cleo = Knocker::knock_with_name(&server, "Cleo").await?;
    expect_knock(&mut host, "Cleo").await?;
    expect_gone(&mut host, &lost).await
}

/// The application closes the room.
pub(super) async fn closed(server: Server) -> Result {
    let (mut observers, mut host) = hosted(&server).await?;
    let direct = json!({"token": "conformance:direct"});
    let away = server.join_with(direct.clone()).await?;
    let of_away = away.welcome.clone();
    observers.expect_joined(&away.id).await?;
    host.expect(json!({"type": "joined"})).await?;
    let mut bob = Knocker::knock_with_name(&server, "Bob").await?;
    expect_knock(&mut host, "Bob").await?;
    let id = away.id.clone();
    drop(away);
    observers.expect_away(&id).await?;
    host.expect(json!({"type": "status", "peer": id, "status": "away"})).await?;
    ensure!(server.hub()?.close_room(&server.room_id()), "the room has members");
    let [first, second] = observers.both();
    for client in [&mut **first, &mut **second, &mut *host, &mut *bob] {
        client.expect_close(4507).await?;
    }
    let waiting = json!({"ticket": bob.ticket()});
    for join in [resume_message(&of_away, 0), resume_wait(&waiting), resume_message(&waiting, 0)] {
        let mut join = join;
        (join["type"], join["token"]) = ("join".into(), direct["token"].clone());
        let mut back = server.connect().await?;
        back.send(join).await?;
        back.expect_close(4507).await?;
    }
    // Others open it anew. The lobby is still on.
    let mut cleo = Knocker::knock_with_name(&server, "Cleo").await?;
    let dan = server.join_with(direct).await?;
    ensure!(dan.peers().is_empty(), "the peers are {:?}", dan.peers());
    cleo.send(json!({"type": "leave"})).await?;
    cleo.expect_close(1000).await.map(drop)
}

/// A ticket of the lobby is no way around a lock.
pub(super) async fn locked(server: Server) -> Result {
    let (mut observers, mut host) = hosted(&server).await?;
    let bob = Knocker::knock_with_name(&server, "Bob").await?;
    let peer = expect_knock(&mut host, "Bob").await?;
    host.send(json!({"type": "lock", "locked": true})).await?;
    let locked = json!({"type": "locked", "locked": true});
    host.expect(locked.clone()).await?;
    observers.expect(&locked).await?;
    expect_refused(&server, json!({}), "room-locked", 4503).await?;
    // It goes on waiting, also if it reloads.
    let again = json!({"replaces": bob.ticket(), "meta": "Bob again"});
    let bob = Knocker::knock(&server, again).await?;
    expect_gone(&mut host, &peer).await?;
    let peer = expect_knock(&mut host, "Bob again").await?;
    let lobby = json!({"type": "lobby", "enabled": false});
    host.send(&lobby).await?;
    host.expect(lobby.clone()).await?;
    observers.expect(&lobby).await?;
    // Without a lobby, it would join.
    expect_refused(&server, json!({"replaces": bob.ticket()}), "room-locked", 4503).await?;
    admit(&mut observers, &mut host, &peer).await?;
    let bob = bob.expect_welcome(&peer, "no").await?;
    ensure!(bob.welcome["locked"] == true, "`locked` is {}", bob.welcome["locked"]);
    observers.exchange_signals().await
}
