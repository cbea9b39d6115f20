//! The decisions of the application: see [`authorize`](crate::authorize).

use serde_json::json;

use crate::{
    check::{Result, ensure},
    observers::Observers,
    server::Server,
};

pub(super) async fn denials(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    for (decision, code, close) in [
        ("unauthorized", "unauthorized", 4502),
        ("refused", "denied", 4504),
        ("banned", "banned", 4505),
        ("room-locked", "room-locked", 4503),
        ("duplicate", "duplicate", 4506),
        ("unavailable", "unavailable", 4003),
    ] {
        let mut denied = server.connect().await?;
        let token = format!("conformance:{decision}");
        denied.send(json!({"type": "join", "token": token})).await?;
        denied.expect_error(code, None).await?;
        denied.expect_close(close).await?;
    }
    observers.check_undisturbed().await
}

pub(super) async fn panic(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    for _ in 0..3 {
        let mut refused = server.connect().await?;
        refused.send(json!({"type": "join", "token": "conformance:panic"})).await?;
        let error = refused.expect_error("unavailable", None).await?;
        ensure!(!error.to_string().contains("by the token"), "it shows the panic: {error}");
        refused.expect_close(4003).await?;
    }
    observers.check_undisturbed().await
}

pub(super) async fn guest(server: Server) -> Result {
    let mut other = server.join().await?;
    let fields = json!({"token": "conformance:guest", "meta": "another name"});
    let guest = server.join_with(fields).await?;
    let meta = &guest.welcome["self"]["meta"];
    ensure!(*meta == "a guest", "`meta` is {meta}");
    let servers = json!([
        {"urls": ["stun:stun.example"]},
        {"urls": ["turn:turn.example"], "username": "a guest", "credential": "a secret"},
    ]);
    ensure!(
        guest.welcome["iceServers"] == servers,
        "`iceServers` is {}",
        guest.welcome["iceServers"]
    );
    let peer = json!({"id": guest.id, "meta": "a guest"});
    other.expect(json!({"type": "joined", "peer": peer})).await.map(drop)
}

pub(super) async fn renewed(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let mut member = server.join_with(json!({"token": "conformance:renewed"})).await?;
    observers.expect_joined(&member.id).await?;
    let mut earlier = member.welcome["iceServers"].clone();
    ensure!(earlier[0]["username"].is_string(), "`iceServers` is {earlier}");
    for _ in 0..2 {
        let renewed = member.expect(json!({"type": "iceServers"})).await?["iceServers"].take();
        ensure!(renewed[0]["username"].is_string(), "`iceServers` is {renewed}");
        ensure!(renewed != earlier, "the servers are not other ones: {renewed}");
        earlier = renewed;
    }
    let mut resumed = server.resume(&member, 1).await?;
    resumed.check_resumed("full")?;
    let newest = resumed.welcome["iceServers"].clone();
    ensure!(newest != earlier, "the servers of the resume are not other ones: {newest}");
    // What is sent again is older than the welcome, so that of the welcome follows. There may be
    // another one in between, from before the resume.
    resumed.expect(json!({"type": "iceServers", "iceServers": earlier})).await?;
    loop {
        let sent = resumed.expect(json!({"type": "iceServers"})).await?["iceServers"].take();
        ensure!(sent[0]["username"].is_string(), "`iceServers` is {sent}");
        if sent == newest {
            return observers.check_undisturbed().await;
        }
    }
}

pub(super) async fn listener(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let mut listener = server.join_with(json!({"token": "conformance:listener"})).await?;
    observers.expect_joined(&listener.id).await?;
    let permissions = &listener.welcome["self"]["permissions"];
    ensure!(*permissions == json!([]), "`permissions` is {permissions}");

    let to = observers.first().id.clone();
    listener.send(json!({"type": "signal", "to": to, "data": 1, "ref": 1})).await?;
    listener.expect_error("not-allowed", Some(1)).await?;
    listener.send(json!({"type": "broadcast", "data": 1, "ref": 2})).await?;
    listener.expect_error("not-allowed", Some(2)).await?;

    // Receiving and `update` need no permission.
    observers.first().signal(&listener.id, 3).await?;
    listener.expect(json!({"type": "signal", "from": to, "data": 3})).await?;
    listener.send(json!({"type": "update", "meta": "here"})).await?;
    observers.expect(&json!({"type": "updated", "peer": listener.id, "meta": "here"})).await?;
    observers.check_undisturbed().await
}
