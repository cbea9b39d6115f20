//! The lobby: peers that wait, and those who admit them.

use std::ops::{Deref, DerefMut};

use serde_json::{Value, json};

use crate::{
    check::{Result, ensure},
    client::{Client, ReadMode},
    observers::Observers,
    server::{Member, Server, resume_message},
    target::limits,
};

/// A client that waits in the lobby.
pub(super) struct Knocker {
    client: Client,
    waiting: Value,
}

/// Joins two observers and a moderator, who turns the lobby on.
pub(super) async fn hosted(server: &Server) -> Result<(Observers, Member)> {
    let mut observers = Observers::join(server).await?;
    let mut host = server.join_with(as_host()).await?;
    observers.expect_joined(&host.id).await?;
    set_lobby(&mut observers, &mut host, true).await?;
    Ok((observers, host))
}

pub(super) async fn set_lobby(
    observers: &mut Observers,
    host: &mut Member,
    enabled: bool,
) -> Result {
    let lobby = json!({"type": "lobby", "enabled": enabled});
    host.send(&lobby).await?;
    host.expect(lobby.clone()).await?;
    observers.expect(&lobby).await
}

/// Turns the lobby off, so that the observers can check the roster with a newcomer.
pub(super) async fn check_undisturbed(observers: &mut Observers, host: &mut Member) -> Result {
    set_lobby(observers, host, false).await?;
    observers.check_undisturbed().await
}

pub(super) fn as_host() -> Value {
    json!({"token": "conformance:host"})
}

/// The `join` of a client that has had no `welcome`.
pub(super) fn resume_wait(waiting: &Value) -> Value {
    let mut join = resume_message(waiting, 0);
    join["resume"]["waiting"] = true.into();
    join
}

impl Knocker {
    pub(super) async fn knock(server: &Server, join: Value) -> Result<Self> {
        Self::knock_on(server.connect().await?, join).await
    }

    pub(super) async fn knock_on(mut client: Client, mut join: Value) -> Result<Self> {
        join["type"] = "join".into();
        client.send(join).await?;
        let terms = json!({"type": "waiting", "heartbeatMs": 1500, "graceMs": 2000});
        let waiting = client.expect(terms).await?;
        let ticket = waiting["ticket"].as_str().unwrap_or_default();
        ensure!(ticket.len() == 43, "the ticket is {ticket:?}");
        let fields = waiting.as_object().map_or(0, serde_json::Map::len);
        ensure!(fields == 4, "it says more than it may: {waiting}");
        Ok(Self { client, waiting })
    }

    pub(super) async fn knock_with_name(server: &Server, name: &str) -> Result<Self> {
        Self::knock(server, json!({"meta": name})).await
    }

    /// The connection is lost. Returns the `waiting`.
    pub(super) fn lose(self) -> Value {
        self.waiting
    }

    /// Expects the welcome of a peer that was admitted.
    pub(super) async fn expect_welcome(mut self, id: &str, resumed: &str) -> Result<Member> {
        let expected = json!({"type": "welcome", "resumed": resumed, "received": 0,
            "self": {"id": id}, "ticket": self.waiting["ticket"]});
        let welcome = self.client.expect(expected).await?;
        Member::welcomed(self.client, welcome)
    }

    pub(super) fn ticket(&self) -> &Value {
        &self.waiting["ticket"]
    }
}

impl Deref for Knocker {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Knocker {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

/// Returns the id of the peer that knocks.
pub(super) async fn expect_knock(host: &mut Member, meta: impl Into<Value>) -> Result<String> {
    let knock = host.expect(json!({"type": "knock", "peer": {"meta": meta.into()}})).await?;
    Ok(knock["peer"]["id"].as_str().unwrap_or_default().to_owned())
}

pub(super) async fn expect_gone(host: &mut Member, peer: &str) -> Result {
    host.expect(json!({"type": "knockGone", "peer": peer})).await.map(drop)
}

/// Admits a peer, of which the moderator and the observers hear.
pub(super) async fn admit(observers: &mut Observers, host: &mut Member, peer: &str) -> Result {
    host.send(json!({"type": "admit", "peer": peer})).await?;
    expect_admitted(observers, host, peer).await
}

async fn expect_admitted(observers: &mut Observers, host: &mut Member, peer: &str) -> Result {
    expect_gone(host, peer).await?;
    host.expect(json!({"type": "joined", "peer": {"id": peer, "polite": true}})).await?;
    observers.expect_joined(peer).await
}

pub(super) async fn admitted(server: Server) -> Result {
    let (mut observers, mut host) = hosted(&server).await?;
    let mut bob = Knocker::knock_with_name(&server, "Bob").await?;
    let peer = expect_knock(&mut host, "Bob").await?;
    // Of what happens in the room meanwhile, the peer that waits hears nothing.
    let second = server.join_with(json!({"token": "conformance:direct"})).await?;
    observers.expect_joined(&second.id).await?;
    host.expect(json!({"type": "joined", "peer": {"id": second.id}})).await?;
    host.broadcast("before").await?;
    observers.expect(&json!({"type": "broadcast", "data": "before"})).await?;
    bob.send(json!({"type": "admitAll"})).await?;
    bob.expect_error("not-joined", None).await?;

    admit(&mut observers, &mut host, &peer).await?;
    let mut bob = bob.expect_welcome(&peer, "no").await?;
    let ids: Vec<_> = bob.peers().iter().map(|it| it["id"].clone()).collect();
    let [first, other] = observers.both();
    let expected = [&first.id, &other.id, &host.id, &second.id].map(|id| json!(id));
    ensure!(ids == expected, "the peers are {ids:?}");
    ensure!(bob.peers().iter().all(|it| it["polite"] == false), "the peers are {:?}", bob.peers());
    ensure!(bob.welcome["self"]["meta"] == "Bob", "{}", bob.welcome);
    ensure!(bob.welcome["lobby"] == true, "`lobby` is {}", bob.welcome["lobby"]);
    ensure!(bob.welcome.get("knocking").is_none(), "{}", bob.welcome);
    // It is a member like any other.
    host.broadcast("after").await?;
    bob.expect(json!({"type": "broadcast", "from": host.id, "data": "after"})).await?;
    observers.expect(&json!({"type": "broadcast", "data": "after"})).await?;
    bob.signal(&host.id, "hello").await?;
    host.expect(json!({"type": "signal", "from": peer, "data": "hello"})).await?;
    host.send(json!({"type": "admit", "peer": peer, "ref": 1})).await?;
    host.expect_error("no-such-peer", Some(1)).await?;
    check_undisturbed(&mut observers, &mut host).await
}

pub(super) async fn denied(server: Server) -> Result {
    let (mut observers, mut host) = hosted(&server).await?;
    for (reason, text) in [(json!("Not today."), "Not today."), (Value::Null, "not admitted")] {
        let mut bob = Knocker::knock_with_name(&server, "Bob").await?;
        let peer = expect_knock(&mut host, "Bob").await?;
        host.send(json!({"type": "deny", "peer": peer, "reason": reason})).await?;
        bob.expect(json!({"type": "error", "code": "denied", "message": text})).await?;
        let closed = bob.expect_close(4504).await?;
        ensure!(closed == text, "the reason is {closed:?}");
        expect_gone(&mut host, &peer).await?;
        host.send(json!({"type": "deny", "peer": peer, "ref": 1})).await?;
        host.expect_error("no-such-peer", Some(1)).await?;
    }
    check_undisturbed(&mut observers, &mut host).await
}

pub(super) async fn admit_all(server: Server) -> Result {
    let (mut observers, mut host) = hosted(&server).await?;
    // Two more than the room has places.
    let places = limits().room_peers() - 3;
    let mut waiting = Vec::new();
    for n in 0..places + 2 {
        let knocker = Knocker::knock(&server, json!({"meta": n})).await?;
        waiting.push((knocker, expect_knock(&mut host, n).await?));
    }
    host.send(json!({"type": "admitAll"})).await?;
    let others = waiting.split_off(places);
    let mut members = Vec::new();
    for (knocker, peer) in waiting {
        expect_admitted(&mut observers, &mut host, &peer).await?;
        members.push(knocker.expect_welcome(&peer, "no").await?);
    }
    // There is no place for the others, who go on waiting.
    let messages = [json!({"type": "admitAll"}), json!({"type": "admit", "peer": others[1].1})];
    for (reference, mut message) in (1..).zip(messages) {
        message["ref"] = reference.into();
        host.send(message).await?;
        host.expect_error("room-full", Some(reference)).await?;
    }
    let Some(gone) = members.pop() else { unreachable!("the room has places") };
    host.send(json!({"type": "kick", "peer": gone.id})).await?;
    host.expect(json!({"type": "left", "peer": gone.id})).await?;
    observers.expect_left(&gone.id, "kicked").await?;
    for (knocker, peer) in others.into_iter().rev() {
        if members.len() < places {
            admit(&mut observers, &mut host, &peer).await?;
            members.push(knocker.expect_welcome(&peer, "no").await?);
        }
    }
    observers.exchange_signals().await
}

pub(super) async fn gone(server: Server) -> Result {
    let (mut observers, mut host) = hosted(&server).await?;
    // It leaves, with its own connection or with another one.
    let mut bob = Knocker::knock_with_name(&server, "Bob").await?;
    let peer = expect_knock(&mut host, "Bob").await?;
    bob.send(json!({"type": "leave"})).await?;
    bob.expect_close(1000).await?;
    expect_gone(&mut host, &peer).await?;

    let mut cleo = Knocker::knock_with_name(&server, "Cleo").await?;
    let peer = expect_knock(&mut host, "Cleo").await?;
    let mut other = server.connect().await?;
    other.send(json!({"type": "leave", "ticket": cleo.waiting["ticket"]})).await?;
    other.expect_close(1000).await?;
    cleo.expect_close(1000).await?;
    expect_gone(&mut host, &peer).await?;

    // Its connection is lost.
    let dan = Knocker::knock_with_name(&server, "Dan").await?;
    let peer = expect_knock(&mut host, "Dan").await?;
    let waiting = dan.lose();
    expect_gone(&mut host, &peer).await?;
    // Then it is too late to continue the wait.
    let again = Knocker::knock(&server, resume_wait(&waiting)).await?;
    let new = expect_knock(&mut host, Value::Null).await?;
    ensure!(new != peer, "the same id");
    ensure!(again.waiting["ticket"] != waiting["ticket"], "the same ticket");
    drop(again);
    expect_gone(&mut host, &new).await?;

    // A protocol violation ends the wait at once.
    let mut eve = Knocker::knock_with_name(&server, "Eve").await?;
    let peer = expect_knock(&mut host, "Eve").await?;
    for _ in 0..limits().bad_messages() {
        eve.send("nonsense").await?;
        eve.expect_error("bad-message", None).await?;
    }
    eve.send("nonsense").await?;
    eve.expect_close(4501).await?;
    expect_gone(&mut host, &peer).await?;
    check_undisturbed(&mut observers, &mut host).await
}

pub(super) async fn liveness(server: Server) -> Result {
    let (mut observers, mut host) = hosted(&server).await?;
    let client = server.connect_as(ReadMode::NoReply).await?;
    let mut bob = Knocker::knock_on(client, json!({"meta": "Bob"})).await?;
    let peer = expect_knock(&mut host, "Bob").await?;
    bob.send(json!({"type": "probe"})).await?;
    bob.expect(json!({"type": "ping", "received": 0})).await?;
    // It is silent from here on.
    bob.expect(json!({"type": "ping", "received": 0})).await?;
    bob.expect_close_eventually(4001).await?;
    // Its place is kept.
    let bob = Knocker::knock(&server, resume_wait(&bob.waiting)).await?;
    admit(&mut observers, &mut host, &peer).await?;
    let bob = bob.expect_welcome(&peer, "no").await?;
    observers.expect_leave(bob).await?;
    host.expect(json!({"type": "left", "peer": peer})).await?;
    check_undisturbed(&mut observers, &mut host).await
}
