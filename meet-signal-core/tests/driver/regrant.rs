//! Resumes and replacements that the application decides about, and whose they are.

use meet_signal_core::{
    AppData, AuthRequest, CloseReason, Denied, Grant, Hub, IceServer, Identity, Meta, Permissions,
    PreviousSession, WithResumes,
    driver::serve,
    testing::{ClientEnd, connection},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{closed, id, observer, room};

fn connect(hub: &Hub, grant: Grant) -> ClientEnd {
    let (server, client) = connection(64);
    tokio::spawn(serve(hub.clone(), room(), grant, server));
    client
}

fn resume(client: &ClientEnd, welcome: &Value, token: &str) {
    let resume = json!({"ticket": welcome["ticket"], "received": 0});
    let join =
        json!({"type": "join", "token": token, "resume": resume, "replaces": welcome["ticket"]});
    client.send(&join.to_string());
}

#[tokio::test(start_paused = true)]
async fn a_ticket_is_of_no_use_to_another_user() {
    for (owner, thief) in [(Some("ada"), Some("bob")), (Some("ada"), None), (None, Some("bob"))] {
        let grant = |identity: Option<&str>| match identity {
            Some(identity) => Grant::new().identity(identity),
            None => Grant::new(),
        };
        let hub = Hub::default();
        let mut ada = connect(&hub, grant(owner));
        let welcome = ada.join().await;
        let mut bob = connect(&hub, grant(thief));
        resume(&bob, &welcome, "");
        assert_eq!(bob.expect("error").await["code"], "unauthorized");
        assert_eq!(closed(&mut bob).await, CloseReason::Unauthorized);

        // The session goes on, also for its owner.
        ada.send(r#"{"type":"broadcast","data":1,"ref":3}"#);
        let mut again = connect(&hub, grant(owner));
        resume(&again, &welcome, "");
        assert_eq!(again.expect("welcome").await["resumed"], "full");
        assert_eq!(hub.sessions(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_newer_grant_applies_to_the_session() {
    let hub = Hub::default();
    let mut other = observer(&hub).await;
    let first = Grant::new().identity("ada").meta(Meta::new(&"Ada").unwrap());
    let mut ada = connect(&hub, first);
    let welcome = ada.join().await;
    other.recv().await;
    let data = AppData::new(&json!({"team": 3})).unwrap();
    let newer = Grant::new()
        .identity("ada")
        .meta(Meta::new(&"Ada L.").unwrap())
        .permissions(Permissions::NONE)
        .data(data.clone())
        .ice_servers([IceServer::stun("stun:new.example.org")]);
    let mut again = connect(&hub, newer);
    resume(&again, &welcome, "");
    let second = again.expect("welcome").await;
    assert_eq!(second["resumed"], "full");
    assert_eq!(second["self"], json!({"id": id(&welcome), "meta": "Ada L.", "permissions": []}));
    assert_eq!(second["iceServers"][0]["urls"][0], "stun:new.example.org");
    let permissions = json!({"type": "permissions", "peer": id(&welcome), "permissions": []});
    assert_eq!(other.recv().await, permissions);
    assert_eq!(other.recv().await["meta"], "Ada L.");
    let members = hub.roster(&room());
    assert_eq!(members[1].identity, Some(Identity::from("ada")));
    assert_eq!(members[1].data, Some(data));

    // Without a `meta`, the member keeps its own, and may change it.
    let mut again = connect(&hub, Grant::new().identity("ada"));
    resume(&again, &second, "");
    assert_eq!(again.expect("welcome").await["self"]["meta"], "Ada L.");
    again.send(r#"{"type":"update","meta":"Countess"}"#);
    other.recv().await;
    assert_eq!(other.recv().await["meta"], "Countess");
    assert_eq!(hub.roster(&room())[1].data, None);
}

/// A closure that decides by token: the identity is the token, and an empty one is refused.
fn by_token(
    asked: mpsc::UnboundedSender<Option<PreviousSession>>,
) -> impl Fn(AuthRequest) -> std::future::Ready<Result<Grant, Denied>> + Send + Sync {
    move |request| {
        let _ = asked.send(request.previous);
        let token = request.token.as_ref().map_or("", |token| token.expose());
        std::future::ready(match token {
            "" => Err(Denied::unauthorized("log in again")),
            token => Ok(Grant::new().identity(token)),
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_closure_decides_about_resumes_only_if_it_says_so() {
    let hub = Hub::default();
    let (asked, mut requests) = mpsc::unbounded_channel();
    let joins_only = || {
        let (server, client) = connection(64);
        tokio::spawn(serve(hub.clone(), room(), by_token(asked.clone()), server));
        client
    };
    let resumes_too = || {
        let (server, client) = connection(64);
        let rule = WithResumes(by_token(asked.clone()));
        tokio::spawn(serve(hub.clone(), room(), rule, server));
        client
    };
    let mut ada = joins_only();
    ada.send(r#"{"type":"join","token":"ada"}"#);
    let welcome = ada.expect("welcome").await;
    assert_eq!(requests.recv().await, Some(None));

    let mut again = joins_only();
    resume(&again, &welcome, "");
    assert_eq!(again.expect("welcome").await["resumed"], "full");
    assert!(requests.is_empty());

    let mut expired = resumes_too();
    resume(&expired, &welcome, "");
    assert_eq!(expired.expect("error").await["code"], "unauthorized");
    let previous = requests.recv().await.flatten().expect("it has a ticket");
    assert_eq!((previous.identity, previous.resumes), (Some("ada".into()), true));
    let mut thief = resumes_too();
    resume(&thief, &welcome, "bob");
    assert_eq!(thief.expect("error").await["code"], "unauthorized");
    let mut back = resumes_too();
    resume(&back, &welcome, "ada");
    assert_eq!(back.expect("welcome").await["resumed"], "full");
    requests.recv().await;
    requests.recv().await;

    // A page that was reloaded, whose session has the identity of its user.
    let mut reloaded = joins_only();
    let join = json!({"type": "join", "token": "ada", "replaces": welcome["ticket"]});
    reloaded.send(&join.to_string());
    reloaded.expect("welcome").await;
    let previous = requests.recv().await.flatten().expect("it has a ticket");
    assert_eq!((previous.identity, previous.resumes), (Some("ada".into()), false));
    // That session is gone, so this resume is a join.
    let mut late = resumes_too();
    resume(&late, &welcome, "ada");
    assert_eq!(late.expect("welcome").await["resumed"], "no");
    assert_eq!(requests.recv().await, Some(None));
}

#[tokio::test(start_paused = true)]
async fn a_ticket_takes_no_place_of_another_user() {
    let hub = Hub::default();
    let mut ada = connect(&hub, Grant::new().identity("ada"));
    let welcome = ada.join().await;
    hub.lock(&room(), true);
    ada.expect("locked").await;
    let replaces = json!({"type": "join", "replaces": welcome["ticket"]}).to_string();
    for thief in [Grant::new().identity("bob"), Grant::new()] {
        let mut bob = connect(&hub, thief);
        bob.send(&replaces);
        assert_eq!(bob.expect("error").await["code"], "room-locked");
    }
    assert_eq!(hub.roster(&room()).len(), 1);
    let mut reloaded = connect(&hub, Grant::new().identity("ada"));
    reloaded.send(&replaces);
    reloaded.expect("welcome").await;
}

/// What moderators and the application have changed since the last grant.
#[tokio::test(start_paused = true)]
async fn a_resume_undoes_no_moderation() {
    let hub = Hub::default();
    let grant = || Grant::new().identity("ada").ice_servers([IceServer::stun("stun:granted")]);
    let mut ada = connect(&hub, grant());
    let welcome = ada.join().await;
    let peer = hub.roster(&room())[0].id;
    hub.set_permissions(&room(), peer, Permissions::NONE).unwrap();
    hub.set_meta(&room(), peer, Meta::new(&"Ada").unwrap()).unwrap();
    hub.set_ice_servers(&room(), peer, [IceServer::stun("stun:set")]).unwrap();
    let mut again = connect(&hub, grant());
    resume(&again, &welcome, "");
    let second = again.expect("welcome").await;
    assert_eq!(second["self"], json!({"id": id(&welcome), "meta": "Ada", "permissions": []}));
    assert_eq!(second["iceServers"][0]["urls"][0], "stun:set");

    // Another decision of the application applies.
    let newer = grant().permissions(Permissions::NONE.signal(true));
    let mut newest = connect(&hub, newer);
    resume(&newest, &welcome, "");
    assert_eq!(newest.expect("welcome").await["self"]["permissions"], json!(["signal"]));
}

#[tokio::test(start_paused = true)]
async fn leaving_while_a_resume_is_authorized_leaves() {
    let hub = Hub::default();
    let mut other = observer(&hub).await;
    let mut ada = connect(&hub, Grant::new());
    let welcome = ada.join().await;
    other.recv().await;
    ada.cut();
    assert_eq!(other.recv().await["status"], "away");
    let (server, mut back) = connection(64);
    let never = WithResumes(|_: AuthRequest| std::future::pending::<Result<Grant, Denied>>());
    tokio::spawn(serve(hub.clone(), room(), never, server));
    resume(&back, &welcome, "");
    back.send(r#"{"type":"leave"}"#);
    assert_eq!(closed(&mut back).await, CloseReason::Left);
    assert_eq!(other.recv().await["reason"], "left");
}
