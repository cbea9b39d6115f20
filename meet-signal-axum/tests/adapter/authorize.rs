//! Everything that can decide about a join: a type of the application's, shared or not, a function and
//! a closure.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::any,
};
use futures_util::{SinkExt, StreamExt};
use meet_signal_axum::{
    AuthRequest, Authorize, Decision, Denied, Grant, Hub, Permissions, SignalRouter, SignalUpgrade,
};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::{client_async, tungstenite::Message};

use crate::support::{join, next_message, serve};

#[derive(Clone)]
struct Password(String);

impl Authorize for Password {
    fn authorize(&self, request: AuthRequest) -> Decision<'_> {
        Box::pin(async move { decide(&request, &self.0) })
    }
}

fn decide(request: &AuthRequest, password: &str) -> Result<Grant, Denied> {
    match &request.token {
        Some(token) if token.expose() == password => {
            Ok(Grant::new().permissions(Permissions::NONE.signal(true)))
        }
        _ => Err(Denied::unauthorized("this room has a password")),
    }
}

async fn function(request: AuthRequest) -> Result<Grant, Denied> {
    decide(&request, "sesame")
}

/// A router on which the application's own handler gets the shared decision, too.
fn mounted(authorize: Arc<dyn Authorize>) -> Router {
    async fn join(
        State((hub, authorize)): State<(Hub, Arc<dyn Authorize>)>,
        Path(room): Path<String>,
        upgrade: SignalUpgrade,
    ) -> Response {
        upgrade.join(&hub, &room, authorize)
    }
    Router::new().route("/signal/{room}", any(join)).with_state((Hub::default(), authorize))
}

#[tokio::test]
async fn a_type_a_shared_one_a_function_and_a_closure_decide() {
    let router = || SignalRouter::new(Hub::default());
    let password = Password("sesame".to_owned());
    let shared: Arc<dyn Authorize> = Arc::new(password.clone());
    let own = "sesame".to_owned();
    let closure = move |request: AuthRequest| {
        let own = own.clone();
        async move { decide(&request, &own) }
    };
    for (name, app) in [
        ("a type", router().authorize(password.clone()).into_router()),
        ("a shared type", router().authorize(Arc::new(password)).into_router()),
        ("a trait object", router().authorize(shared.clone()).into_router()),
        ("a trait object in a handler", mounted(shared)),
        ("a function", router().authorize(function).into_router()),
        ("a shared closure", router().authorize(Arc::new(closure.clone())).into_router()),
        ("a closure", router().authorize(closure).into_router()),
    ] {
        let server = serve(app).await;
        for (token, expected) in [("sesame", "welcome"), ("wrong", "error")] {
            let stream = TcpStream::connect(server).await.unwrap();
            let url = format!("ws://{server}/signal/standup");
            let (mut client, _) = client_async(url, stream).await.unwrap();
            let join = json!({"type": "join", "token": token}).to_string();
            client.send(Message::text(join)).await.unwrap();
            let answer = next_message(&mut client).await;
            assert_eq!(answer["type"], expected, "{name}: {answer}");
            if expected == "welcome" {
                assert_eq!(answer["self"]["permissions"], json!(["signal"]), "{name}");
            } else {
                assert_eq!(answer["code"], "unauthorized", "{name}");
            }
        }
    }
}

#[tokio::test]
async fn a_panic_refuses_that_join_alone() {
    fn when_called(request: AuthRequest) -> Ready<Result<Grant, Denied>> {
        match request.token {
            Some(token) => panic!("a bug, with the token {}", token.expose()),
            None => ready(Ok(Grant::new())),
        }
    }

    let later = |request: AuthRequest| async move {
        tokio::task::yield_now().await;
        when_called(request).await
    };
    for authorize in [when_called.shared(), later.shared()] {
        let router = SignalRouter::new(Hub::default()).authorize(authorize.clone()).into_router();
        for app in [router, mounted(authorize)] {
            let server = serve(app).await;
            let (mut member, _) = join(server, "/signal/standup").await;
            let stream = TcpStream::connect(server).await.unwrap();
            let url = format!("ws://{server}/signal/standup");
            let (mut client, _) = client_async(url, stream).await.unwrap();
            client.send(Message::text(r#"{"type":"join","token":"secret"}"#)).await.unwrap();
            let message = "the application failed to decide";
            let error = json!({"type": "error", "code": "unavailable", "message": message});
            assert_eq!(next_message(&mut client).await, error);
            let close = client.next().await.unwrap().unwrap();
            assert!(matches!(&close, Message::Close(Some(close)) if close.code == 4003.into()));
            let (_next, welcome) = join(server, "/signal/standup").await;
            assert_eq!(welcome["peers"].as_array().unwrap().len(), 1);
            assert_eq!(next_message(&mut member).await["peer"]["id"], welcome["self"]["id"]);
        }
    }
}
