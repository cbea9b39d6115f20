//! Offers in the join, and the `hello` before it.

use serde_json::{Value, json};

use super::lobby::hosted;
use crate::{
    check::{Result, ensure},
    client::ReadMode,
    observers::Observers,
    server::{Member, Server, resume_message},
};

/// Which offer each peer of a welcome got.
fn offered(member: &Member) -> Vec<Value> {
    member.peers().iter().map(|peer| peer["offered"].clone()).collect()
}

/// The text of the next frame, which is a `joined`, and its offer as it is in the text.
async fn offer_of_joined(member: &mut Member, newcomer: &str) -> Result<Option<String>> {
    let text = member.recv_text().await?;
    let message: Value = serde_json::from_str(&text).unwrap_or_default();
    let is_joined = message["type"] == "joined" && message["peer"]["id"] == newcomer;
    ensure!(is_joined, "expected `joined` of {newcomer}, got {text}");
    let offer = text.split_once(r#","offer":"#);
    Ok(offer.map(|(_, rest)| rest.strip_suffix('}').unwrap_or(rest).to_owned()))
}

async fn join_with_text(server: &Server, text: &str) -> Result<Member> {
    let mut client = server.connect().await?;
    client.send(text).await?;
    let welcome = client.expect(json!({"type": "welcome"})).await?;
    Member::welcomed(client, welcome)
}

pub(super) async fn delivered(server: Server) -> Result {
    const OFFERS: [&str; 3] = [r#"{ "b" : 1.50e0,"a":[ ] }"#, "null", r#""\u00e4\/""#];
    for count in 0..=OFFERS.len() {
        let server = server.room(count);
        let mut members = [server.join().await?, server.join().await?];
        let second = members[1].id.clone();
        members[0].expect(json!({"type": "joined", "peer": {"id": second}})).await?;
        let text = format!(r#"{{"type":"join","offers":[{}]}}"#, OFFERS[..count].join(" ,"));
        let newcomer = join_with_text(&server, &text).await?;
        for (at, member) in members.iter_mut().enumerate() {
            let expected = OFFERS[..count].get(at).map(|offer| (*offer).to_owned());
            let got = offer_of_joined(member, &newcomer.id).await?;
            ensure!(got == expected, "member {at} of {count} offers got {got:?}");
        }
        let said = offered(&newcomer);
        let expected: Vec<_> =
            (0..2).map(|at| if at < count { json!(at) } else { Value::Null }).collect();
        ensure!(said == expected, "the welcome after {count} offers says {said:?}");
        for member in &mut members {
            member.check_alive().await?;
        }
    }
    Ok(())
}

pub(super) async fn away(server: Server) -> Result {
    let (mut observers, away) = Observers::join_with_client(&server).await?;
    let (id, welcome) = (away.id.clone(), away.welcome.clone());
    drop(away);
    observers.expect_away(&id).await?;
    let newcomer = server.join_with(json!({"offers": [1, 2, 3]})).await?;
    ensure!(offered(&newcomer)[2] == 2, "the welcome says {:?}", offered(&newcomer));
    let mut back = server.resume_from(&welcome, 0).await?;
    let offer = offer_of_joined(&mut back, &newcomer.id).await?;
    ensure!(offer.as_deref() == Some("3"), "it got {offer:?}");
    Ok(())
}

pub(super) async fn resumed(server: Server) -> Result {
    let (mut observers, member) = Observers::join_with_client(&server).await?;
    let (id, mut join) = (member.id.clone(), resume_message(&member.welcome, 0));
    drop(member);
    observers.expect_away(&id).await?;
    join["offers"] = json!([1, 2]);
    let back = Member::join(server.connect().await?, join).await?;
    ensure!(back.welcome["resumed"] == "full", "it is {}", back.welcome["resumed"]);
    ensure!(offered(&back).iter().all(Value::is_null), "the welcome says {:?}", offered(&back));
    observers.expect_back(&id).await?;
    observers.check_undisturbed().await
}

pub(super) async fn replaced(server: Server) -> Result {
    let old = server.join().await?;
    let mut other = server.join().await?;
    let replaces = old.welcome["ticket"].clone();
    let join = json!({"replaces": replaces, "offers": ["for the other", "for nobody"]});
    let newcomer = server.join_with(join).await?;
    ensure!(offered(&newcomer) == [json!(0)], "the welcome says {:?}", offered(&newcomer));
    other.expect(json!({"type": "left", "peer": old.id, "reason": "replaced"})).await?;
    let offer = offer_of_joined(&mut other, &newcomer.id).await?;
    ensure!(offer.as_deref() == Some(r#""for the other""#), "it got {offer:?}");
    Ok(())
}

pub(super) async fn lobby(server: Server) -> Result {
    let (_observers, mut host) = hosted(&server).await?;
    let mut knocker = server.connect().await?;
    knocker.send(json!({"type": "join", "offers": [1, 2, 3]})).await?;
    knocker.expect(json!({"type": "waiting"})).await?;
    let knock = host.expect(json!({"type": "knock"})).await?;
    host.send(json!({"type": "admit", "peer": knock["peer"]["id"]})).await?;
    let welcome = knocker.expect(json!({"type": "welcome"})).await?;
    let member = Member::welcomed(knocker, welcome)?;
    ensure!(offered(&member).iter().all(Value::is_null), "the welcome says {:?}", offered(&member));
    host.expect(json!({"type": "knockGone"})).await?;
    let offer = offer_of_joined(&mut host, &member.id).await?;
    ensure!(offer.is_none(), "the host got {offer:?}");
    Ok(())
}

pub(super) async fn not_allowed(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let listener = json!({"token": "conformance:listener", "offers": [1, 2]});
    let listener = server.join_with(listener).await?;
    ensure!(offered(&listener).iter().all(Value::is_null), "{:?}", offered(&listener));
    for member in observers.both() {
        let offer = offer_of_joined(member, &listener.id).await?;
        ensure!(offer.is_none(), "it got {offer:?}");
    }
    Ok(())
}

pub(super) async fn invalid(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let mut client = server.connect().await?;
    for offers in [json!({"0": 1}), json!("an offer"), json!(1), json!(true)] {
        client.send(json!({"type": "join", "offers": offers})).await?;
        client.expect_error("bad-message", None).await?;
    }
    let member = Member::join(client, json!({"offers": null})).await?;
    observers.expect_joined(&member.id).await?;
    observers.check_undisturbed().await
}

pub(super) async fn hello(server: Server) -> Result {
    let offers = ["meet-signal.v1.hello", "meet-signal.v1, meet-signal.v1.hello"];
    for (room, offer) in offers.into_iter().enumerate() {
        let server = server.room(room);
        let response = server.request().header("Sec-WebSocket-Protocol", offer).send().await?;
        if offer.contains(',') {
            response.expect_status(101)?;
        }
        let selected = response.header("Sec-WebSocket-Protocol").map(str::to_owned);
        if selected.as_deref() != Some("meet-signal.v1.hello") {
            // A server that does not say it.
            continue;
        }
        let mut client = response.into_client(ReadMode::AutoReply)?;
        let hello = client.expect(json!({"type": "hello"})).await?;
        // The suite's application decides by the token.
        ensure!(hello.get("iceServers").is_none(), "before a decision: {hello}");
        let mut member = Member::join(client, json!({"token": "conformance:guest"})).await?;
        ensure!(member.welcome["received"] == 0, "it is {}", member.welcome["received"]);
        member.check_alive().await?;
    }
    Ok(())
}
