//! `join`, `welcome` and `joined`.

use meet_signal_core::PeerId;
use serde_json::{Value, json};
use tokio::{select, task::JoinSet, time::Instant};

use crate::{
    check::{Context, Result, Violation, ensure, includes},
    client::ReadMode,
    observers::Observers,
    server::{Member, Server},
    target::limits,
    wire::{BINARY, FIN, PING, TEXT, frame, header, text_frame},
};

pub(super) async fn welcome(server: Server) -> Result {
    let limits = limits();
    let fields = json!({"meta": {"name": "Ada Lovelace"}, "token": "any", "colour": "blue"});
    let mut member = server.join_with(fields).await?;
    let welcome = &member.welcome;
    for (field, expected) in [
        ("v", json!(1)),
        ("room", server.room_name().into()),
        ("resumed", "no".into()),
        ("received", json!(0)),
        ("locked", json!(false)),
        ("peers", json!([])),
        ("iceServers", json!([])),
        ("heartbeatMs", (limits.heartbeat().as_millis() as u64).into()),
        ("graceMs", (limits.grace().as_millis() as u64).into()),
        (
            "limits",
            json!({
                "frameBytes": limits.frame_bytes(),
                "metaBytes": limits.meta_bytes(),
                "ratePerSecond": limits.rate_per_second(),
                "rateBurst": limits.rate_burst(),
                "rateBytesPerSecond": limits.rate_bytes_per_second(),
                "rateBurstBytes": limits.rate_burst_bytes(),
                "updatesPerMinute": limits.updates_per_minute(),
            }),
        ),
    ] {
        ensure!(welcome[field] == expected, "`{field}` is {}, not {expected}", welcome[field]);
    }
    let me = &welcome["self"];
    ensure!(me["meta"] == json!({"name": "Ada Lovelace"}), "`meta` is {}", me["meta"]);
    ensure!(
        me["permissions"] == json!(["signal", "broadcast"]),
        "`permissions` is {}",
        me["permissions"]
    );
    ensure!(member.id.parse::<PeerId>().is_ok(), "`id` is {}", member.id);
    // 256 bits in base64 are 43 characters.
    let ticket = welcome["ticket"].as_str().unwrap_or_default();
    ensure!(ticket.len() >= 43, "`ticket` has {} characters", ticket.len());

    let next = server.join().await?;
    ensure!(next.id != member.id, "two peers have the same id");
    ensure!(next.welcome["ticket"] != ticket, "two sessions have the same ticket");
    member.expect(json!({"type": "joined"})).await?;
    member.check_alive().await
}

pub(super) async fn roster(server: Server) -> Result {
    let mut members: Vec<Member> = Vec::new();
    for n in 0..6 {
        let member = server.join_with(json!({"meta": n})).await?;
        let expected: Vec<_> = members
            .iter()
            .zip(0..)
            .map(|(it, n)| json!({"id": it.id, "meta": n, "status": "here", "polite": false, "permissions": ["signal", "broadcast"]}))
            .collect();
        let peers = &member.welcome["peers"];
        ensure!(*peers == json!(expected), "`peers` is {peers}, expected {expected:?}");
        members.push(member);
    }
    Ok(())
}

pub(super) async fn joined(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let meta = json!({"name": "Ada Lovelace", "tags": [1, null]});
    let newcomer = server.join_with(json!({"meta": meta})).await?;
    let peer = json!({"id": newcomer.id, "meta": meta, "status": "here"});
    observers.expect_joined(&newcomer.id).await?;
    let late = server.join().await?;
    ensure!(
        late.peers().last().is_some_and(|found| includes(found, &peer)),
        "a later peer gets the peers {:?}",
        late.peers()
    );
    observers.expect_joined(&late.id).await?;
    observers.check_undisturbed().await
}

pub(super) async fn polite(server: Server) -> Result {
    let mut first = server.join().await?;
    let mut second = server.join().await?;
    let third = server.join().await?;
    for member in [&second, &third] {
        let polite: Vec<_> = member.peers().iter().map(|peer| peer["polite"].clone()).collect();
        ensure!(
            polite.iter().all(|polite| *polite == false),
            "a later peer gets `polite` {polite:?}"
        );
    }
    for (member, newcomer) in [(&mut first, &second.id.clone()), (&mut second, &third.id)] {
        member.expect(json!({"type": "joined", "peer": {"id": newcomer, "polite": true}})).await?;
    }
    first.expect(json!({"type": "joined", "peer": {"id": third.id, "polite": true}})).await?;
    Ok(())
}

pub(super) async fn no_meta(server: Server) -> Result {
    let mut other = server.join().await?;
    for fields in [json!({}), json!({"meta": null})] {
        let member = server.join_with(fields).await?;
        for meta in [&member.welcome["self"], &other.recv().await?["peer"]] {
            ensure!(meta.get("meta") == Some(&Value::Null), "`meta` is not null in {meta}");
        }
        let id = member.id.clone();
        member.leave().await?;
        other.expect(json!({"type": "left", "peer": id})).await?;
    }
    Ok(())
}

pub(super) async fn big_meta(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let longest = "x".repeat(limits().meta_bytes() - 2);
    let member = server.join_with(json!({"meta": longest})).await?;
    observers.expect_joined(&member.id).await?;

    let mut refused = server.connect().await?;
    refused.send(json!({"type": "join", "meta": longest + "x"})).await?;
    refused.expect_error("too-large", None).await?;
    refused.expect_close(4501).await?;
    observers.check_undisturbed().await
}

pub(super) async fn not_joined(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let mut client = server.connect().await?;
    let to = observers.first().id.clone();
    for message in [
        json!({"type": "signal", "to": to, "data": 1}),
        json!({"type": "broadcast", "data": 1}),
        json!({"type": "update", "meta": 1}),
        json!({"type": "leave"}),
        json!({"type": "pong", "received": 0}),
        json!({"type": "ack", "received": 0}),
        json!({"type": "lock", "locked": true}),
    ] {
        client.send(&message).await?;
        client.expect_error("not-joined", None).await.context(&message)?;
    }
    observers.check_undisturbed().await?;
    let member = Member::join(client, json!({})).await?;
    observers.expect_joined(&member.id).await?;
    observers.check_undisturbed().await
}

pub(super) async fn already_joined(server: Server) -> Result {
    let (mut observers, mut member) = Observers::join_with_client(&server).await?;
    member.send(json!({"type": "join", "meta": "another"})).await?;
    member.expect_error("already-joined", None).await?;
    member.check_alive().await?;
    observers.check_undisturbed().await
}

pub(super) async fn no_join(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let start = Instant::now();
    let mut silent = server.connect().await?;
    let mut talking = server.connect_as(ReadMode::NoReply).await?;
    let writer = talking.writer();
    let pong = text_frame(json!({"type": "pong", "received": 0}));
    let messages = [frame(FIN | PING, b""), pong].concat();
    select! {
        closed = talking.expect_close_eventually(4501) => closed?,
        violation = writer.write_repeatedly(&messages) => return Err(violation),
    }
    silent.expect_close(4501).await?;
    let (elapsed, limit) = (start.elapsed(), limits().join_timeout());
    ensure!(elapsed >= limit, "closed after {elapsed:?}");
    observers.check_undisturbed().await
}

/// The room is not notified of such a connection.
pub(super) async fn violations_before_join(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let messages = |text: &str, times| text_frame(text).repeat(times);
    let bad_messages = limits().bad_messages() as usize + 1;
    let flood = limits().rate_burst() as usize * 4;
    for (what, bytes, close) in [
        ("a binary frame", frame(FIN | BINARY, b"{}"), 1003),
        ("text that is not UTF-8", frame(FIN | TEXT, b"\xFF"), 1007),
        ("a length over the limit", header(FIN | TEXT, 1 << 40), 1009),
        ("a frame without a mask", b"\x81\x02{}".to_vec(), 1002),
        ("bad messages", messages("nonsense", bad_messages), 4501),
        ("messages", messages(r#"{"type":"leave"}"#, flood), 4004),
        ("pings", frame(FIN | PING, b"").repeat(flood), 4004),
    ] {
        let mut client = server.connect_as(ReadMode::NoReply).await?;
        client.write(&bytes).await?;
        client.expect_close_eventually(close).await.context(what)?;
    }
    observers.check_undisturbed().await
}

pub(super) async fn idle_connections(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let mut connections: JoinSet<Result<String>> = JoinSet::new();
    for _ in 0..100 {
        let server = server.clone();
        connections.spawn(async move { server.connect().await?.expect_close(4501).await });
    }
    while let Some(one) = connections.join_next().await {
        one.map_err(Violation::new)??;
    }
    observers.check_undisturbed().await
}

pub(super) async fn room_full(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let mut members = Vec::new();
    for _ in 2..limits().room_peers() {
        let member = observers.join_client().await?;
        members.push(member);
    }
    expect_room_full(&server).await?;

    let lost = members.swap_remove(0);
    let lost_id = lost.id.clone();
    drop(lost);
    observers.expect_away(&lost_id).await?;
    expect_room_full(&server).await?;
    observers.expect_left(&lost_id, "timeout").await?;
    observers.check_undisturbed().await
}

pub(super) async fn replaces(server: Server) -> Result {
    let (mut observers, mut old) = Observers::join_with_client(&server).await?;
    let mut members = Vec::new();
    for _ in 3..limits().room_peers() {
        let member = observers.join_client().await?;
        members.push(member);
    }
    expect_room_full(&server).await?;
    let new = server.join_with(json!({"replaces": old.welcome["ticket"]})).await?;
    ensure!(
        new.id != old.id && new.peers().iter().all(|peer| peer["id"] != old.id),
        "the new member {} gets the peers {:?}, the old one was {}",
        new.id,
        new.peers(),
        old.id
    );
    observers.expect_left(&old.id, "replaced").await?;
    observers.expect_joined(&new.id).await?;
    for member in members.iter() {
        old.expect(json!({"type": "joined", "peer": {"id": member.id}})).await?;
    }
    old.expect_close(4508).await?;
    // A spent or invalid ticket replaces no session, so the room is full.
    for ticket in [old.welcome["ticket"].clone(), "nonsense".into()] {
        let mut late = server.connect().await?;
        late.send(json!({"type": "join", "replaces": ticket})).await?;
        late.expect_error("room-full", None).await?;
        late.expect_close(4503).await?;
    }
    observers.expect_leave(new).await?;
    observers.check_undisturbed().await
}

async fn expect_room_full(server: &Server) -> Result {
    let mut late = server.connect().await?;
    late.send(json!({"type": "join"})).await?;
    late.expect_error("room-full", None).await?;
    late.expect_close(4503).await.map(drop)
}
