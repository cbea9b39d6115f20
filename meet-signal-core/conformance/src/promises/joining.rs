//! `join`, `welcome`, `joined`.

use meet_signal_core::PeerId;
use serde_json::{Value, json};
use tokio::{select, task::JoinSet, time::Instant};

use crate::{
    check::{Broken, Verdict, ensure, says},
    client::Conduct,
    server::{Member, Server},
    target::limits,
    wire::{BINARY, FIN, PING, TEXT, frame, header, text_frame},
};

pub(super) async fn welcome(server: Server) -> Verdict {
    let limits = limits();
    let fields = json!({"meta": {"name": "Ada"}, "token": "any", "colour": "blue"});
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
    ensure!(me["meta"] == json!({"name": "Ada"}), "its own meta is {}", me["meta"]);
    ensure!(me["permissions"] == json!(["signal", "broadcast"]), "it may {}", me["permissions"]);
    ensure!(member.id.parse::<PeerId>().is_ok(), "the id is {}", member.id);
    // 256 bits in base64 are 43 characters.
    let ticket = welcome["ticket"].as_str().unwrap_or_default();
    ensure!(ticket.len() >= 43, "the ticket has {} characters", ticket.len());

    let next = server.join().await?;
    ensure!(next.id != member.id, "two peers have one id");
    ensure!(next.welcome["ticket"] != ticket, "two sessions have one ticket");
    member.expect(json!({"type": "joined"})).await?;
    member.goes_on().await
}

pub(super) async fn roster(server: Server) -> Verdict {
    let mut members: Vec<Member> = Vec::new();
    for n in 0..6 {
        let member = server.join_with(json!({"meta": n})).await?;
        let expected: Vec<_> = members
            .iter()
            .zip(0..)
            .map(|(it, n)| json!({"id": it.id, "meta": n, "status": "here", "polite": false}))
            .collect();
        let found = &member.welcome["peers"];
        ensure!(*found == json!(expected), "found {found}, expected {expected:?}");
        members.push(member);
    }
    Ok(())
}

pub(super) async fn joined(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    let newcomer = server.join_with(json!({"meta": {"name": "Ada", "tags": [1, null]}})).await?;
    let meta = json!({"name": "Ada", "tags": [1, null]});
    let peer = json!({"id": newcomer.id, "meta": meta, "status": "here"});
    others.see_joined(&newcomer.id).await?;
    let late = server.join().await?;
    ensure!(
        late.found().last().is_some_and(|found| says(found, &peer)),
        "who joins later finds {:?}",
        late.found()
    );
    others.see_joined(&late.id).await?;
    others.undisturbed().await
}

pub(super) async fn polite(server: Server) -> Verdict {
    let mut first = server.join().await?;
    let mut second = server.join().await?;
    let third = server.join().await?;
    for member in [&second, &third] {
        let polite: Vec<_> = member.found().iter().map(|peer| peer["polite"].clone()).collect();
        ensure!(polite.iter().all(|polite| *polite == false), "the later one is told {polite:?}");
    }
    for (member, newcomer) in [(&mut first, &second.id.clone()), (&mut second, &third.id)] {
        member.expect(json!({"type": "joined", "peer": {"id": newcomer, "polite": true}})).await?;
    }
    first.expect(json!({"type": "joined", "peer": {"id": third.id, "polite": true}})).await?;
    Ok(())
}

pub(super) async fn no_meta(server: Server) -> Verdict {
    let mut other = server.join().await?;
    for fields in [json!({}), json!({"meta": null})] {
        let member = server.join_with(fields).await?;
        for meta in [&member.welcome["self"], &other.told().await?["peer"]] {
            ensure!(meta.get("meta") == Some(&Value::Null), "no `meta` of null in {meta}");
        }
        let id = member.id.clone();
        member.leave().await?;
        other.expect(json!({"type": "left", "peer": id})).await?;
    }
    Ok(())
}

pub(super) async fn big_meta(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    let longest = "x".repeat(limits().meta_bytes() - 2);
    let member = server.join_with(json!({"meta": longest})).await?;
    others.see_joined(&member.id).await?;

    let mut refused = server.connect().await?;
    refused.say(json!({"type": "join", "meta": longest + "x"})).await?;
    refused.expect_error("too-large", None).await?;
    refused.closed(4501).await?;
    others.undisturbed().await
}

pub(super) async fn not_joined(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    let mut stranger = server.connect().await?;
    let to = others.first().id.clone();
    for message in [
        json!({"type": "signal", "to": to, "data": 1}),
        json!({"type": "broadcast", "data": 1}),
        json!({"type": "update", "meta": 1}),
        json!({"type": "leave"}),
        json!({"type": "pong", "received": 0}),
        json!({"type": "ack", "received": 0}),
        json!({"type": "lock", "locked": true}),
    ] {
        stranger.say(&message).await?;
        let error = stranger.expect_error("not-joined", None).await;
        error.map_err(|broken| broken.during(&message))?;
    }
    others.undisturbed().await?;
    let member = Member::join(stranger, json!({})).await?;
    others.see_joined(&member.id).await?;
    others.undisturbed().await
}

pub(super) async fn already_joined(server: Server) -> Verdict {
    let (mut others, mut member) = server.intruder().await?;
    member.say(json!({"type": "join", "meta": "another"})).await?;
    member.expect_error("already-joined", None).await?;
    member.goes_on().await?;
    others.undisturbed().await
}

pub(super) async fn no_join(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    let start = Instant::now();
    let mut silent = server.connect().await?;
    let mut talking = server.connect_as(Conduct::Mute).await?;
    let writer = talking.writer();
    let pong = text_frame(json!({"type": "pong", "received": 0}));
    let messages = [frame(FIN | PING, b""), pong].concat();
    select! {
        closed = talking.closed_at_last(4501) => closed?,
        broken = writer.keep_writing(&messages) => return Err(broken),
    }
    silent.closed(4501).await?;
    let (elapsed, limit) = (start.elapsed(), limits().join_timeout());
    ensure!(elapsed >= limit, "closed after {elapsed:?}");
    others.undisturbed().await
}

/// Nobody hears of such a connection, whatever it does.
pub(super) async fn wrong_before_join(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    let messages = |text: &str, times| text_frame(text).repeat(times);
    let bad_messages = limits().bad_messages() as usize + 1;
    let flood = limits().rate_burst() as usize * 4;
    for (what, bytes, close) in [
        ("a binary frame", frame(FIN | BINARY, b"{}"), 1003),
        ("text that is not UTF-8", frame(FIN | TEXT, b"\xFF"), 1007),
        ("an announced frame", header(FIN | TEXT, 1 << 40), 1009),
        ("a frame without a mask", b"\x81\x02{}".to_vec(), 1002),
        ("bad messages", messages("nonsense", bad_messages), 4501),
        ("messages", messages(r#"{"type":"leave"}"#, flood), 4004),
        ("pings", frame(FIN | PING, b"").repeat(flood), 4004),
    ] {
        let mut stranger = server.connect_as(Conduct::Mute).await?;
        stranger.write(&bytes).await?;
        let closed = stranger.closed_at_last(close).await;
        closed.map_err(|broken| broken.during(what))?;
    }
    others.undisturbed().await
}

pub(super) async fn silent_crowd(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    let mut crowd: JoinSet<Verdict<String>> = JoinSet::new();
    for _ in 0..100 {
        let server = server.clone();
        crowd.spawn(async move { server.connect().await?.closed(4501).await });
    }
    while let Some(one) = crowd.join_next().await {
        one.map_err(Broken::new)??;
    }
    others.undisturbed().await
}

pub(super) async fn room_full(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    let mut members = Vec::new();
    for _ in 2..limits().room_peers() {
        let member = server.join().await?;
        others.see_joined(&member.id).await?;
        members.push(member);
    }
    turned_away(&server).await?;

    let lost = members.swap_remove(0);
    let lost_id = lost.id.clone();
    drop(lost);
    others.see_away(&lost_id).await?;
    turned_away(&server).await?;
    others.see_left(&lost_id, "timeout").await?;
    others.undisturbed().await
}

pub(super) async fn replaces(server: Server) -> Verdict {
    let (mut others, mut old) = server.intruder().await?;
    let mut members = Vec::new();
    for _ in 3..limits().room_peers() {
        let member = server.join().await?;
        others.see_joined(&member.id).await?;
        members.push(member);
    }
    turned_away(&server).await?;
    let new = server.join_with(json!({"replaces": old.welcome["ticket"]})).await?;
    ensure!(
        new.id != old.id && new.found().iter().all(|peer| peer["id"] != old.id),
        "the new member {} finds {:?}, the old one was {}",
        new.id,
        new.found(),
        old.id
    );
    others.see_left(&old.id, "replaced").await?;
    others.see_joined(&new.id).await?;
    for member in members.iter() {
        old.expect(json!({"type": "joined", "peer": {"id": member.id}})).await?;
    }
    old.closed(4508).await?;
    // A ticket is good for one session, and nonsense for none: no room for either.
    for ticket in [old.welcome["ticket"].clone(), "nonsense".into()] {
        let mut late = server.connect().await?;
        late.say(json!({"type": "join", "replaces": ticket})).await?;
        late.expect_error("room-full", None).await?;
        late.closed(4503).await?;
    }
    let id = new.id.clone();
    new.leave().await?;
    others.see_left(&id, "left").await?;
    others.undisturbed().await
}

async fn turned_away(server: &Server) -> Verdict {
    let mut late = server.connect().await?;
    late.say(json!({"type": "join"})).await?;
    late.expect_error("room-full", None).await?;
    late.closed(4503).await.map(drop)
}
