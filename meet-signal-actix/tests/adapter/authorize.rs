//! Everything that can decide about a join: a type of the application's, shared or not, a function and
//! a closure whose future stays on its thread.

use std::{
    future::{Ready, ready},
    rc::Rc,
    sync::Arc,
};

use actix_web::{
    HttpResponse,
    web::{self, Data, Path, ServiceConfig},
};
use meet_signal_actix::{
    AuthRequest, Authorize, Decision, Denied, Grant, Hub, Permissions, SignalService, SignalUpgrade,
};
use serde_json::json;

use crate::{peer::Peer, server::serve};

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

/// Joins with the right password and with a wrong one.
async fn decides<F>(name: &str, configure: F)
where
    F: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let server = serve(configure);
    for (token, expected) in [("sesame", "welcome"), ("wrong", "error")] {
        let mut peer = Peer::connect(server.address, "/signal/standup").await;
        peer.send(&json!({"type": "join", "token": token})).await;
        let answer = peer.next().await.expect("an answer");
        assert_eq!(answer["type"], expected, "{name}: {answer}");
        if expected == "welcome" {
            assert_eq!(answer["self"]["permissions"], json!(["signal"]), "{name}");
        } else {
            assert_eq!(answer["code"], "unauthorized", "{name}");
        }
    }
}

#[tokio::test]
async fn a_type_a_shared_one_a_function_and_a_closure_decide() {
    async fn join(
        hub: Data<Hub>,
        authorize: Data<Arc<dyn Authorize>>,
        room: Path<String>,
        upgrade: SignalUpgrade,
    ) -> HttpResponse {
        upgrade.join(&hub, &room, Arc::clone(&authorize))
    }

    let service = || SignalService::new(Hub::default());
    let password = Password("sesame".to_owned());
    let shared: Arc<dyn Authorize> = Arc::new(password.clone());
    // Made before the workers, and cloned into each.
    let (a, b, c) = (
        service().authorize(password.clone()),
        service().authorize(Arc::new(password)),
        service().authorize(shared.clone()),
    );
    decides("a type", move |app| {
        app.service(a.clone());
    })
    .await;
    decides("a shared type", move |app| {
        app.service(b.clone());
    })
    .await;
    decides("a trait object", move |app| {
        app.service(c.clone());
    })
    .await;
    let (hub, authorize) = (Data::new(Hub::default()), Data::new(shared));
    decides("a trait object in a handler", move |app| {
        app.app_data(hub.clone())
            .app_data(authorize.clone())
            .route("/signal/{room}", web::get().to(join));
    })
    .await;
    let by_function = service().authorize(function);
    decides("a function", move |app| {
        app.service(by_function.clone());
    })
    .await;
    let closure = async |request: AuthRequest| decide(&request, "sesame");
    let by_shared_closure = service().authorize(Arc::new(closure));
    decides("a shared closure", move |app| {
        app.service(by_shared_closure.clone());
    })
    .await;
    let hub = Hub::default();
    decides("a closure", move |app| {
        let closure = |request: AuthRequest| {
            // Held across an await: the future is not `Send`.
            let password = Rc::new("sesame");
            async move {
                tokio::task::yield_now().await;
                decide(&request, &password)
            }
        };
        app.service(SignalService::new(hub.clone()).authorize(closure));
    })
    .await;
}

#[tokio::test]
async fn a_panic_refuses_that_join_alone() {
    async fn join(hub: Data<Hub>, room: Path<String>, upgrade: SignalUpgrade) -> HttpResponse {
        upgrade.join(&hub, &room, when_called)
    }

    fn when_called(request: AuthRequest) -> Ready<Result<Grant, Denied>> {
        match request.token {
            Some(token) => panic!("a bug, with the token {}", token.expose()),
            None => ready(Ok(Grant::new())),
        }
    }

    let later = async |request: AuthRequest| {
        // Held across an await: the future is not `Send`.
        let request = Rc::new(request);
        tokio::task::yield_now().await;
        when_called((*request).clone()).await
    };
    let rooms = || SignalService::new(Hub::default());
    let (a, b, hub) = (rooms().authorize(when_called), rooms().authorize(later), Hub::default());
    let handler = Data::new(hub);
    for server in [
        serve(move |app| {
            app.service(a.clone());
        }),
        serve(move |app| {
            app.service(b.clone());
        }),
        serve(move |app| {
            app.app_data(handler.clone()).route("/signal/{room}", web::get().to(join));
        }),
    ] {
        let (mut member, _) = Peer::join(server.address, "/signal/standup", "Ada").await;
        let mut peer = Peer::connect(server.address, "/signal/standup").await;
        peer.send(&json!({"type": "join", "token": "secret"})).await;
        let message = "the application failed to decide";
        let error = json!({"type": "error", "code": "unavailable", "message": message});
        assert_eq!(peer.next().await.unwrap(), error);
        assert_eq!(peer.expect_close().await.0, 4003);
        let (_next, welcome) = Peer::join(server.address, "/signal/standup", "Bob").await;
        assert_eq!(welcome["peers"].as_array().unwrap().len(), 1);
        assert_eq!(member.next().await.unwrap()["peer"]["id"], welcome["self"]["id"]);
    }
}
