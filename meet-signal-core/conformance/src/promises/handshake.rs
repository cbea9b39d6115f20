//! Before the upgrade.

use serde_json::json;

use crate::{
    check::{Verdict, ensure},
    client::Conduct,
    server::{Member, Server},
};

pub(super) async fn room_names(server: Server) -> Verdict {
    let run = server.room_name();
    let longest = format!("{run}{}", "x".repeat(64 - run.len()));
    let odd = format!("{run}._~-AZaz09");
    for name in [longest, odd] {
        let client = server.request_for(&name).upgrade(Conduct::Attentive).await?;
        let member = Member::join(client, json!({})).await?;
        ensure!(member.welcome["room"] == name, "joined {}", member.welcome["room"]);
    }
    Ok(())
}

pub(super) async fn other_room_names(server: Server) -> Verdict {
    let too_long = "x".repeat(65);
    let names = [
        &too_long,
        "a%20b",
        "a%2Fb",
        "caf%C3%A9",
        "%00",
        "%FF",
        "a%",
        "a+b",
        "a@b",
        "a:b",
        "a,b",
        "a*",
        "$a",
        "(a)",
        "a;b=c",
        "a!",
    ];
    for name in names {
        let answer = server.request_for(name).send().await?;
        answer.refused(400).map_err(|broken| broken.during(name))?;
    }
    // There may be no route that takes it.
    let empty = server.request_for("").send().await?;
    empty.refused(400).or_else(|_| empty.refused(404))
}

pub(super) async fn subprotocol(server: Server) -> Verdict {
    for offers in [
        ["meet-signal.v1"].as_slice(),
        &["meet-signal.v2, meet-signal.v1"],
        &["meet-signal.v1,chat"],
        &["chat", "meet-signal.v1"],
    ] {
        let request = offers.iter().fold(server.request(), |request, offer| {
            request.header("Sec-WebSocket-Protocol", *offer)
        });
        let answer = request.send().await?;
        let chosen = answer.header("Sec-WebSocket-Protocol").map(str::to_owned);
        Member::join(answer.upgraded(Conduct::Attentive)?, json!({})).await?;
        ensure!(chosen.as_deref() == Some("meet-signal.v1"), "{chosen:?} of {offers:?}");
    }
    Ok(())
}

pub(super) async fn no_subprotocol(server: Server) -> Verdict {
    let answer = server.request().send().await?;
    let chosen = answer.header("Sec-WebSocket-Protocol").map(str::to_owned);
    ensure!(chosen.is_none(), "{chosen:?} was not offered");
    let member = Member::join(answer.upgraded(Conduct::Attentive)?, json!({})).await?;
    ensure!(member.welcome["v"] == 1, "version {}", member.welcome["v"]);
    Ok(())
}

pub(super) async fn unknown_subprotocol(server: Server) -> Verdict {
    for offer in ["meet-signal.v2", "chat, meet-signal.v11", "meet-signal", "MEET-SIGNAL.V1"] {
        let answer = server.request().header("Sec-WebSocket-Protocol", offer).send().await?;
        answer.refused(400).map_err(|broken| broken.during(offer))?;
    }
    Ok(())
}

pub(super) async fn same_host(server: Server) -> Verdict {
    let origin = format!("http://{}", server.authority());
    let client = server.request().header("Origin", origin).upgrade(Conduct::Attentive).await?;
    Member::join(client, json!({})).await?;
    server.join().await.map(drop)
}

pub(super) async fn foreign_origin(server: Server) -> Verdict {
    let here = server.authority();
    for origin in [
        "https://evil.example",
        "http://127.0.0.1:1",
        &format!("http://{here}.evil.example"),
        &format!("http://evil.example/{here}"),
        &format!("http://evil.example@{here}"),
        &here,
        "null",
        "",
    ] {
        let answer = server.request().header("Origin", origin).send().await?;
        answer.refused(403).map_err(|broken| broken.during(format_args!("{origin:?}")))?;
    }
    Ok(())
}

/// With which status is the framework's business; some end the connection instead.
pub(super) async fn no_handshake(server: Server) -> Verdict {
    for (what, request) in [
        ("a plain GET", server.request().without("Connection").without("Upgrade")),
        ("no version", server.request().without("Sec-WebSocket-Version")),
        ("no key", server.request().without("Sec-WebSocket-Key")),
        ("another upgrade", server.request().without("Upgrade").header("Upgrade", "h2c")),
    ] {
        let status = request.send().await?.status;
        let refused = status.is_none_or(|status| (400..500).contains(&status));
        ensure!(refused, "{what} is answered with {status:?}");
    }
    Ok(())
}

pub(super) async fn cut_handshake(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    // Of a request of some 200 bytes.
    for bytes in (0..240).step_by(12) {
        server.request().send_part(bytes).await?;
    }
    others.undisturbed().await
}
