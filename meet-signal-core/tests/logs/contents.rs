//! Nothing personal and no secret is in the log above `trace`.

use std::{future::ready, time::Duration};

use meet_signal_core::{
    AppData, AuthRequest, Denied, Grant, Hub, IceServer, IceServerProvider, IceServerRequest,
    IceServers, Limits, Meta, Permissions, ProvideIceServers, RoomId, Secret,
    driver::serve,
    testing::{ClientEnd, Received, connection},
};
use serde_json::{Value, json};
use tokio::time::sleep;
use tracing::Level;

use crate::{audit::Documented, capture, capture::Line, id};

/// In every text of a user or of the application.
const MARKER: &str = "MARKER";
const ADDRESS: &str = "192.0.2.77";

struct Provider;

impl IceServerProvider for Provider {
    fn provide(&self, _: IceServerRequest) -> ProvideIceServers<'_> {
        let server = IceServer::turn("turn:MARKER.example", "MARKER-user", "MARKER-credential");
        Box::pin(ready(Ok(IceServers::new([server]).valid_for(Duration::from_secs(4)))))
    }
}

async fn authorize(request: AuthRequest) -> Result<Grant, Denied> {
    let token = request.token.as_ref().map_or("", Secret::expose);
    let grant = Grant::new()
        .identity(format!("{token}-identity"))
        .data(AppData::new(&"MARKER-data").expect("JSON"))
        .permissions(Permissions::default().moderate(true))
        .ice_servers([IceServer::turn("turn:MARKER.example", "MARKER-user", "MARKER-credential")])
        .ice_provider(Provider);
    match token {
        "MARKER-denied" => Err(Denied::refused("MARKER is not welcome")),
        "MARKER-granted" => Ok(grant.meta(Meta::new(&"MARKER-granted").expect("JSON"))),
        _ => Ok(grant),
    }
}

struct Client {
    end: ClientEnd,
    welcome: Value,
}

fn connect(hub: &Hub, room: &RoomId, join: &Value) -> ClientEnd {
    let (server, client) = connection(64);
    let server = server.from_address(ADDRESS.parse().expect("an address"));
    tokio::spawn(serve(hub.clone(), room.clone(), authorize, server));
    client.send(&join.to_string());
    client
}

async fn join(hub: &Hub, room: &RoomId, mut join: Value) -> Client {
    join["type"] = "join".into();
    join["meta"] = json!({"name": "MARKER-meta"});
    let mut end = connect(hub, room, &join);
    let welcome = end.expect("welcome").await;
    end.send(r#"{"type":"ack","received":0}"#);
    Client { end, welcome }
}

async fn ended(end: &mut ClientEnd) {
    while matches!(end.next().await, Received::Flush(_)) {}
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_user_is_logged_above_trace_and_no_secret_at_all() {
    let (logs, _guard) = capture();
    let hub = Hub::new(Limits::builder().rate_per_second(1).rate_burst(20).build().unwrap());
    let room: RoomId = "MARKER-room".parse().unwrap();
    let mut ada = join(&hub, &room, json!({"token": "MARKER-ada"})).await;
    let mut bob = join(&hub, &room, json!({"token": "MARKER-granted"})).await;
    let mut tickets = vec![ada.welcome["ticket"].clone(), bob.welcome["ticket"].clone()];

    let mut denied = connect(&hub, &room, &json!({"type": "join", "token": "MARKER-denied"}));
    ended(&mut denied).await;
    ada.end.send(&json!({"type": "signal", "to": id(&bob.welcome), "data": MARKER}).to_string());
    ada.end.send(&json!({"type": "update", "meta": MARKER}).to_string());
    ada.end.send(&json!({"type": MARKER}).to_string());
    ada.end.send(MARKER);
    hub.send_all(&room, MARKER).unwrap();
    sleep(Duration::from_secs(10)).await;

    // It is taken over, with a wrong count, then lost, and kicked while it is away.
    let resume = json!({"ticket": bob.welcome["ticket"], "received": 99});
    let again = join(&hub, &room, json!({"token": "MARKER-granted", "resume": resume})).await;
    ended(&mut bob.end).await;
    again.end.cut();
    sleep(Duration::from_millis(1)).await;
    hub.remove(&room, id(&bob.welcome).parse().unwrap(), Some("MARKER-reason")).unwrap();
    hub.ban(&room, "MARKER-ada-identity", Duration::from_secs(60), Some("MARKER-reason")).unwrap();
    ended(&mut ada.end).await;
    let mut banned = connect(&hub, &room, &json!({"type": "join", "token": "MARKER-ada"}));
    ended(&mut banned).await;

    let mut cleo = join(&hub, &room, json!({"token": "MARKER-cleo"})).await;
    tickets.push(cleo.welcome["ticket"].clone());
    (0..100).for_each(|_| cleo.end.send(MARKER));
    ended(&mut cleo.end).await;
    hub.drain().await;

    let lines = logs.lines();
    let seen = Documented::read().check(&lines);
    for event in
        ["connected", "authorized", "refused", "joined", "resumed", "closed", "away", "left"]
    {
        assert!(seen.contains(event), "{event} is not tested: {seen:?}");
    }
    for line in &lines {
        let text = format!("{line:?}");
        let ticket = tickets.iter().find(|ticket| text.contains(ticket.as_str().unwrap()));
        assert_eq!(ticket, None, "{text}");
        if line.level < Level::TRACE {
            assert!(!text.contains(MARKER) && !text.contains(ADDRESS), "{text}");
        } else {
            let expected = [("address", ADDRESS), ("room_name", "MARKER-room")];
            let expected = expected.map(|(name, value)| (name, value.to_owned()));
            assert_eq!(line.fields, expected.into());
        }
    }
}

/// The check itself must find what does not belong there.
#[test]
fn what_is_not_documented_is_found() {
    let documented = Documented::read();
    let (logs, _guard) = capture();
    let emit = |emit: &dyn Fn()| {
        emit();
        logs.lines().pop().as_ref().and_then(|line: &Line| documented.fault(line))
    };
    let span = |name: &str| tracing::error_span!(target: "meet_signal", "connection", room = name);
    let right = || tracing::info!(target: "meet_signal", reason = "left", stay_ms = 5, "left");
    assert_eq!(emit(&right), None);
    assert_eq!(emit(&|| span("0123456789abcdef").in_scope(right)), None);
    let wrong: [(&dyn Fn(), _); 7] = [
        (&|| span("standup").in_scope(right), "a field of the span is not documented"),
        (&|| tracing::info!(target: "meet_signal", "Ada"), "the event is not documented"),
        (
            &|| tracing::error!(target: "meet_signal", "left"),
            "the target or the level is not documented",
        ),
        (
            &|| tracing::info!(target: "meet_signal_core", "left"),
            "the target or the level is not documented",
        ),
        (
            &|| tracing::info!(target: "meet_signal", name = "left", "left"),
            "a field is not documented",
        ),
        (
            &|| tracing::info!(target: "meet_signal", reason = "Ada", "left"),
            "a value is not documented",
        ),
        (
            &|| tracing::info!(target: "meet_signal", why = "Ada is", "refused"),
            "a value is not documented",
        ),
    ];
    for (wrong, fault) in wrong {
        assert_eq!(emit(wrong), Some(fault));
    }
}
