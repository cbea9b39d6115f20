//! The server under test as one promise sees it.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use meet_signal_core::{Hub, RoomId};
use serde_json::{Value, json};

use crate::{
    bystanders::Bystanders,
    check::{Broken, Verdict, ensure},
    client::{Client, Conduct},
    request::Request,
    target::Target,
};

/// The server, and a room of the promise's own.
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

    /// The same server, with another room.
    pub(crate) fn room(&self, name: impl std::fmt::Display) -> Self {
        Self { target: self.target.clone(), room: format!("{}-{name}", self.room) }
    }

    pub(crate) fn room_name(&self) -> &str {
        &self.room
    }

    /// `Host` and the authority of `Origin`.
    pub(crate) fn authority(&self) -> String {
        self.target.address.to_string()
    }

    /// The hub, for promises that are driven only where there is one.
    pub(crate) fn hub(&self) -> Verdict<&Hub> {
        self.target.hub.as_ref().ok_or_else(|| Broken::new("there is no hub"))
    }

    pub(crate) fn room_id(&self) -> RoomId {
        self.room.parse().expect("the suite's rooms have valid names")
    }

    /// A request for this room.
    pub(crate) fn request(&self) -> Request {
        self.request_for(&self.room)
    }

    /// A request for a room of this name, which may be none that a room can have.
    pub(crate) fn request_for(&self, room: &str) -> Request {
        Request::new(self.target.address, self.target.path.replace("{room}", room))
    }

    pub(crate) async fn connect(&self) -> Verdict<Client> {
        self.connect_as(Conduct::Attentive).await
    }

    pub(crate) async fn connect_as(&self, conduct: Conduct) -> Verdict<Client> {
        self.request().upgrade(conduct).await
    }

    pub(crate) async fn join(&self) -> Verdict<Member> {
        self.join_with(json!({})).await
    }

    pub(crate) async fn join_as(&self, conduct: Conduct) -> Verdict<Member> {
        Member::join(self.connect_as(conduct).await?, json!({})).await
    }

    /// Joins with these fields.
    pub(crate) async fn join_with(&self, fields: Value) -> Verdict<Member> {
        Member::join(self.connect().await?, fields).await
    }

    /// The session of this member, on a newer connection.
    pub(crate) async fn resume(&self, member: &Member, received: u64) -> Verdict<Member> {
        self.resume_as(&member.welcome, received).await
    }

    /// The session that got this welcome, on a newer connection.
    pub(crate) async fn resume_as(&self, welcome: &Value, received: u64) -> Verdict<Member> {
        Member::join(self.connect().await?, resume(welcome, received)).await
    }

    pub(crate) async fn bystanders(&self) -> Verdict<Bystanders> {
        Bystanders::join(self).await
    }

    /// Two bystanders, and one who is up to something.
    pub(crate) async fn intruder(&self) -> Verdict<(Bystanders, Member)> {
        let mut others = self.bystanders().await?;
        let intruder = self.join().await?;
        others.see_joined(&intruder.id).await?;
        Ok((others, intruder))
    }
}

impl Member {
    /// Joins on a connection.
    pub(crate) async fn join(mut client: Client, mut fields: Value) -> Verdict<Self> {
        fields["type"] = "join".into();
        client.say(fields).await?;
        let welcome = client.expect(json!({"type": "welcome"})).await?;
        let id = welcome["self"]["id"].as_str().unwrap_or_default().to_owned();
        ensure!(!id.is_empty(), "a welcome without an id: {welcome}");
        Ok(Self { client, id, welcome })
    }

    /// Says `leave`, and sees the connection closed for it.
    pub(crate) async fn leave(mut self) -> Verdict {
        self.say(json!({"type": "leave"})).await?;
        self.closed_at_last(1000).await
    }

    /// Sends a signal.
    pub(crate) async fn signal(&self, to: &str, data: impl Into<Value>) -> Verdict {
        self.say(json!({"type": "signal", "to": to, "data": data.into()})).await
    }

    /// Sends a broadcast.
    pub(crate) async fn broadcast(&self, data: impl Into<Value>) -> Verdict {
        self.say(json!({"type": "broadcast", "data": data.into()})).await
    }

    /// Shows that the session is alive and had nothing else to hear.
    pub(crate) async fn goes_on(&mut self) -> Verdict {
        self.say(json!({"type": "signal", "to": "nobody", "data": null, "ref": FENCE})).await?;
        self.expect_error("no-such-peer", Some(FENCE)).await.map(drop)
    }

    /// The peers that the welcome lists.
    pub(crate) fn found(&self) -> Vec<&Value> {
        self.welcome["peers"].as_array().into_iter().flatten().collect()
    }
}

/// The `join` that goes on with the session that got this welcome.
pub(crate) fn resume(welcome: &Value, received: u64) -> Value {
    json!({"type": "join", "resume": {"ticket": welcome["ticket"], "received": received}})
}

// A member is a client, and more.
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

/// A reference that nothing else uses.
const FENCE: u64 = 9_999_999;
