//! The HTTP request and its response.

use serde_json::json;

use crate::{
    check::{Context, Result, ensure},
    client::ReadMode,
    observers::Observers,
    server::{Member, Server},
};

pub(super) async fn subprotocol(server: Server) -> Result {
    for offers in [
        ["meet-signal.v1"].as_slice(),
        &["meet-signal.v2, meet-signal.v1"],
        &["meet-signal.v1,chat"],
        &["chat", "meet-signal.v1"],
    ] {
        let request = offers.iter().fold(server.request(), |request, offer| {
            request.header("Sec-WebSocket-Protocol", *offer)
        });
        let response = request.send().await?;
        let selected = response.header("Sec-WebSocket-Protocol").map(str::to_owned);
        Member::join(response.into_client(ReadMode::AutoReply)?, json!({})).await?;
        ensure!(selected.as_deref() == Some("meet-signal.v1"), "got {selected:?} of {offers:?}");
    }
    Ok(())
}

pub(super) async fn no_subprotocol(server: Server) -> Result {
    let response = server.request().send().await?;
    let selected = response.header("Sec-WebSocket-Protocol").map(str::to_owned);
    ensure!(selected.is_none(), "got {selected:?} without an offer");
    let member = Member::join(response.into_client(ReadMode::AutoReply)?, json!({})).await?;
    ensure!(member.welcome["v"] == 1, "`v` is {}", member.welcome["v"]);
    Ok(())
}

pub(super) async fn unknown_subprotocol(server: Server) -> Result {
    for offer in ["meet-signal.v2", "chat, meet-signal.v11", "meet-signal", "MEET-SIGNAL.V1"] {
        let response = server.request().header("Sec-WebSocket-Protocol", offer).send().await?;
        response.expect_status(400).context(offer)?;
    }
    Ok(())
}

pub(super) async fn same_host(server: Server) -> Result {
    let origin = format!("http://{}", server.authority());
    let client = server.request().header("Origin", origin).upgrade(ReadMode::AutoReply).await?;
    Member::join(client, json!({})).await?;
    server.join().await.map(drop)
}

pub(super) async fn other_origin(server: Server) -> Result {
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
        let response = server.request().header("Origin", origin).send().await?;
        response.expect_status(403).context(format_args!("{origin:?}"))?;
    }
    Ok(())
}

/// The framework chooses the status; some frameworks close the connection instead.
pub(super) async fn invalid_handshake(server: Server) -> Result {
    for (what, request) in [
        ("a plain GET", server.request().without("Connection").without("Upgrade")),
        ("no version", server.request().without("Sec-WebSocket-Version")),
        ("no key", server.request().without("Sec-WebSocket-Key")),
        ("another upgrade", server.request().without("Upgrade").header("Upgrade", "h2c")),
    ] {
        let status = request.send().await?.status;
        let is_rejected = status.is_none_or(|status| (400..500).contains(&status));
        ensure!(is_rejected, "{what} gets the status {status:?}");
    }
    Ok(())
}

pub(super) async fn incomplete_handshake(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    // The request has about 200 bytes.
    for bytes in (0..240).step_by(12) {
        server.request().send_part(bytes).await?;
    }
    observers.check_undisturbed().await
}
