//! The server under test, as one test uses it.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use meet_signal_core::{Hub, RoomId};
use serde_json::{Value, json};

use crate::{
    check::{Result, Violation, ensure},
    client::{Client, ReadMode},
    request::Request,
    target::Target,
};

/// The server, and a room that no other test uses.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    target: Arc<Target>,
    room: String,
}

/// A client that has joined.
#[derive(Debug)]
pub(crate) struct Member {
    client: Client,
    pub(crate) id: String,
    pub(crate) welcome: Value,
}

impl Server {
    pub(crate) fn new(target: Arc<Target>, room: String) -> Self {
        Self { target, room }
    }

    /// The same server with another room.
    pub(crate) fn room(&self, suffix: impl fmt::Display) -> Self {
        Self { target: self.target.clone(), room: format!("{}-{suffix}", self.room) }
    }

    pub(crate) fn room_name(&self) -> &str {
        &self.room
    }

    /// The value of `Host`.
    pub(crate) fn authority(&self) -> String {
        self.target.address.to_string()
    }

    /// The hub. Tests that need it run only if the target has one.
    pub(crate) fn hub(&self) -> Result<&Hub> {
        self.target.hub.as_ref().ok_or_else(|| Violation::new("the target has no hub"))
    }

    pub(crate) fn room_id(&self) -> RoomId {
        self.room.parse().expect("the suite's rooms have valid names")
    }

    /// An upgrade request for the room.
    pub(crate) fn request(&self) -> Request {
        self.request_for(&self.room)
    }

    /// An upgrade request for a room, given as a segment of the URL, which may be invalid.
    pub(crate) fn request_for(&self, segment: &str) -> Request {
        Request::new(self.target.address, self.target.path.replace("{room}", segment))
    }

    pub(crate) async fn connect(&self) -> Result<Client> {
        self.connect_as(ReadMode::AutoReply).await
    }

    pub(crate) async fn connect_as(&self, mode: ReadMode) -> Result<Client> {
        self.request().upgrade(mode).await
    }

    pub(crate) async fn join(&self) -> Result<Member> {
        self.join_with(json!({})).await
    }

    pub(crate) async fn join_as(&self, mode: ReadMode) -> Result<Member> {
        Member::join(self.connect_as(mode).await?, json!({})).await
    }

    /// Joins with these fields in `join`.
    pub(crate) async fn join_with(&self, fields: Value) -> Result<Member> {
        Member::join(self.connect().await?, fields).await
    }

    /// Resumes this member's session on a new connection.
    pub(crate) async fn resume(&self, member: &Member, received: u64) -> Result<Member> {
        self.resume_from(&member.welcome, received).await
    }

    /// Resumes the session of this `welcome` on a new connection.
    pub(crate) async fn resume_from(&self, welcome: &Value, received: u64) -> Result<Member> {
        Member::join(self.connect().await?, resume_message(welcome, received)).await
    }
}

impl Member {
    /// Joins on a connection, with these fields in `join`.
    pub(crate) async fn join(mut client: Client, mut fields: Value) -> Result<Self> {
        fields["type"] = "join".into();
        client.send(fields).await?;
        let welcome = client.expect(json!({"type": "welcome"})).await?;
        Self::welcomed(client, welcome)
    }

    /// The member that has got this `welcome`.
    pub(crate) fn welcomed(client: Client, welcome: Value) -> Result<Self> {
        let id = welcome["self"]["id"].as_str().unwrap_or_default().to_owned();
        ensure!(!id.is_empty(), "a welcome without an id: {welcome}");
        Ok(Self { client, id, welcome })
    }

    /// Sends `leave`, and expects the close frame.
    pub(crate) async fn leave(mut self) -> Result {
        self.send(json!({"type": "leave"})).await?;
        self.expect_close_eventually(1000).await
    }

    pub(crate) async fn signal(&self, to: &str, data: impl Into<Value>) -> Result {
        self.send(json!({"type": "signal", "to": to, "data": data.into()})).await
    }

    pub(crate) async fn broadcast(&self, data: impl Into<Value>) -> Result {
        self.send(json!({"type": "broadcast", "data": data.into()})).await
    }

    /// Checks that the server handles the session's messages, and has sent it nothing that the test
    /// has not received.
    pub(crate) async fn check_alive(&mut self) -> Result {
        self.send(json!({"type": "signal", "to": "nobody", "data": null, "ref": ALIVE_REF}))
            .await?;
        self.expect_error("no-such-peer", Some(ALIVE_REF)).await.map(drop)
    }

    /// Checks the value of `resumed` in the welcome.
    pub(crate) fn check_resumed(&self, expected: &str) -> Result {
        ensure!(self.welcome["resumed"] == expected, "expected {expected}: {}", self.welcome);
        Ok(())
    }

    /// The peers in the welcome.
    pub(crate) fn peers(&self) -> Vec<&Value> {
        self.welcome["peers"].as_array().into_iter().flatten().collect()
    }
}

/// The `join` that resumes the session of this `welcome`.
pub(crate) fn resume_message(welcome: &Value, received: u64) -> Value {
    json!({"type": "join", "resume": {"ticket": welcome["ticket"], "received": received}})
}

impl Deref for Member {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Member {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

/// No other message has this `ref`.
const ALIVE_REF: u64 = 9_999_999;
