//! A client whose messages come by their type, and grants to join with.

use std::{collections::VecDeque, time::Duration};

use meet_signal_core::{
    CloseReason, Grant, Hub, Permissions,
    driver::serve,
    testing::{ClientEnd, Received, connection},
};
use serde_json::{Value, json};

use crate::room;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A client that skips what it does not wait for.
pub(crate) struct Client {
    pub(crate) end: ClientEnd,
    received: VecDeque<Value>,
}

pub(crate) fn connect(hub: &Hub, grant: Grant) -> Client {
    let (server, end) = connection(64);
    tokio::spawn(serve(hub.clone(), room(), grant, server));
    Client { end, received: VecDeque::new() }
}

impl Client {
    pub(crate) fn send(&self, text: &str) {
        self.end.send(text);
    }

    pub(crate) fn cut(self) {
        self.end.cut();
    }

    /// The next frame.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            if let Some(frame) = self.received.pop_front() {
                return frame;
            }
            match self.end.next().await {
                Received::Flush(frames) => self.received.extend(frames),
                other => panic!("expected a frame, got {other:?}"),
            }
        }
    }

    pub(crate) async fn next_but_pings(&mut self) -> Value {
        loop {
            let frame = self.next().await;
            if frame["type"] != "ping" {
                return frame;
            }
        }
    }

    /// The next frame of this type.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        self.expect_where(kind, |_| true).await
    }

    /// The next frame of this type for which that holds.
    pub(crate) async fn expect_where(
        &mut self,
        kind: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> Value {
        loop {
            let frame = self.next().await;
            if frame["type"] == kind && holds(&frame) {
                return frame;
            }
        }
    }
}

pub(crate) async fn closed(client: &mut Client) -> CloseReason {
    crate::closed(&mut client.end).await
}

pub(crate) fn member() -> Grant {
    Grant::new()
}

pub(crate) fn host() -> Grant {
    Grant::new().permissions(Permissions::default().moderate(true))
}

pub(crate) async fn join(hub: &Hub, grant: Grant) -> (Client, Value) {
    let mut client = connect(hub, grant);
    client.send(r#"{"type":"join"}"#);
    let welcome = client.expect("welcome").await;
    client.send(r#"{"type":"ack","received":0}"#);
    (client, welcome)
}

/// The code of the error that refuses a join, and the reason of the close.
pub(crate) async fn refused(hub: &Hub, grant: Grant, join: Value) -> (Value, CloseReason) {
    let mut client = connect(hub, grant);
    client.send(&join.to_string());
    let code = client.expect("error").await["code"].clone();
    (code, closed(&mut client).await)
}

pub(crate) fn plain() -> Value {
    json!({"type": "join"})
}

/// The `code` and the `ref` of the reply to a request that is refused.
pub(crate) async fn answer(client: &mut Client, request: Value) -> Value {
    let mut request = request;
    request["ref"] = 7.into();
    client.send(&request.to_string());
    let error = client.expect("error").await;
    assert_eq!(error["ref"], 7);
    error["code"].clone()
}
