//! Tests that the `Debug` output of no public type has a secret. Each type is in one of the two
//! tables below; a test fails for a new type in neither.

use std::task::{Context, Waker};
use std::{
    fmt::Debug,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use serde_json::value::RawValue;

use crate::{
    AppData, AuthRequest, CloseReason, ErrorCode, Frame, Grant, Hub, IceServers, Identity,
    JoinRequest, Limits, Permissions, PreviousSession, Reason, RoomId, Secret, Session,
    handshake::Handshake,
    id::PeerId,
    message::{
        ClientMessage, ErrorFrame, IceServer, Join, Knocking, Meta, Peer, Resumed, SelfInfo,
        ServerMessage, Status, VERSION, Waiting, Welcome,
    },
    room::{Admission, Effect, Event, Input, Newcomer, Recipients, Room},
    roster::{Granted, Member, MemberInfo, Roster},
    socket::Incoming,
    ticket::{Ticket, TicketHash},
};

#[test]
fn nothing_public_shows_a_secret() {
    for (name, shown) in shown() {
        assert!(!shown.contains(SECRET), "{name} shows a secret: {shown}");
    }
}

#[test]
fn a_ticket_is_shown_by_nothing_either() {
    let (hub, room, now) = (Hub::default(), room(), Instant::now());
    let session =
        hub.join(room.clone(), JoinRequest::new(meta()), &grant(), now).expect("the hub has space");
    let welcome = first_frame(&session);
    let ticket: serde_json::Value = serde_json::from_str(welcome.as_str()).expect("a welcome");
    let ticket = ticket["ticket"].as_str().expect("a ticket");
    let join = join(ticket);
    let ClientMessage::Join(join) = ClientMessage::parse(&join).expect("a join") else {
        panic!("a join");
    };
    let resumed = hub.resume(&room, ticket, 0, now);
    let unknown = hub.resume(&room, &ticket.repeat(2), 0, now);
    for shown in [
        format!("{hub:?} {session:?} {welcome:?} {:?}", hub.roster(&room)),
        format!("{join:?} {:?}", join.resume),
        format!("{resumed:?} {unknown:?} {}", unknown.as_ref().expect_err("none has it")),
        format!("{:?}", TicketHash::of(ticket)),
    ] {
        assert!(!shown.contains(ticket) && !shown.contains(SECRET), "{shown}");
    }
}

#[test]
fn no_error_about_a_frame_quotes_it() {
    for frame in [
        format!(r#"{{"type":"join","token":["{SECRET}"]}}"#),
        format!(r#"{{"type":"join","token":{{"{SECRET}":1}}}}"#),
        format!(r#"{{"type":"join","resume":"{SECRET}"}}"#),
        format!(r#"{{"type":"join","resume":{{"ticket":"t","received":"{SECRET}"}}}}"#),
        format!(r#"{{"type":"join","resume":{{"ticket":["{SECRET}"],"received":0}}}}"#),
        format!(r#"{{"type":"join","replaces":["{SECRET}"]}}"#),
        format!(r#"{{"type":"join","token":"{SECRET}","token":"{SECRET}"}}"#),
        format!(r#"{{"type":"join","token":"{SECRET}"#),
        format!(r#"{{"type":"{SECRET}"}}"#),
        format!(r#"{{"type":["{SECRET}"]}}"#),
        format!(r#"{{"type":"ack","received":"{SECRET}"}}"#),
        format!(r#"{{"type":"signal","to":["{SECRET}"],"data":0,"ref":"{SECRET}"}}"#),
        format!(r#""{SECRET}""#),
        SECRET.to_owned(),
    ] {
        let malformed = ClientMessage::parse(&frame).expect_err(&frame);
        let shown =
            format!("{malformed} {malformed:?} {:?} {}", malformed.problem, malformed.problem);
        assert!(!shown.contains(SECRET), "{frame} gives {shown}");
    }
}

/// A type that is missing here has no secret, or was forgotten.
#[test]
fn every_public_type_is_looked_at() {
    let known: Vec<_> =
        shown().into_iter().map(|(name, _)| name).chain(HOLD_NONE.iter().copied()).collect();
    let mut found = Vec::new();
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(&file).expect("a source file");
        for line in text.lines() {
            let line = line.trim_start();
            let Some(rest) = line.strip_prefix("pub struct ").or(line.strip_prefix("pub enum "))
            else {
                continue;
            };
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let name = &rest[..end];
            assert!(
                known.contains(&name),
                "{name} in {} is in no table of src/secret/tests.rs",
                file.display()
            );
            found.push(name.to_owned());
        }
    }
    for name in known {
        let inner = matches!(name, "Ticket");
        assert!(inner || found.iter().any(|found| found == name), "{name} is no type any more");
    }
}

/// The `Debug` output of the types that hold a secret or data from a client.
fn shown() -> Vec<(&'static str, String)> {
    let (meta, ice_servers) = (meta(), [turn()]);
    let data: &RawValue = serde_json::from_str(JSON).expect("JSON");
    let member = || {
        let ticket = Ticket::random().hash();
        Member::new(PeerId::random(), meta.clone(), Permissions::default(), ticket)
            .identity(Some(SECRET.into()))
            .data(Some(AppData::new(&SECRET).expect("JSON")))
    };
    let (id, frame) = (PeerId::random(), Frame::new(JSON.to_owned()));
    let permissions = Some(Permissions::default());
    let (status, offered) = (Status::Here, Some(0));
    let peer = || Peer { id, meta: &meta, status, polite: true, permissions, offered };
    let me = || SelfInfo { id, meta: &meta, permissions: Permissions::default() };
    let room_id = room();
    let welcome = Welcome {
        v: VERSION,
        room: &room_id,
        me: me(),
        ticket: SECRET.into(),
        resumed: Resumed::No,
        received: 0,
        locked: false,
        peers: vec![peer()],
        ice_servers: &ice_servers,
        heartbeat_ms: 0,
        grace_ms: 0,
        limits: Some((&Limits::default()).into()),
        lobby: true,
        knocking: vec![Knocking { id, meta: &meta }],
    };
    let waiting = Waiting { ticket: SECRET.into(), heartbeat_ms: 0, grace_ms: 0 };
    let (hub, now) = (Hub::default(), Instant::now());
    let join_request =
        || JoinRequest::new(meta.clone()).replaces(Some(SECRET)).offers([data].as_slice());
    let session = hub.join(room(), join_request(), &grant(), now).expect("the hub has space");
    let first = first_frame(&session);
    let mut state = Room::new(1);
    let effects = state.apply(Input::Join(Newcomer::new(member())));
    let mut lobby = Room::new(1);
    let waits = Newcomer::new(member()).admission(Admission::ByModerator);
    let _ = lobby.apply(Input::Join(waits)).expect("there is a place");
    let mut banned = Room::new(1);
    let ban = Input::Ban { identity: SECRET.into(), reason: None, until: now };
    let _ = banned.apply(ban).expect("the application may");
    let mut roster = Roster::default();
    roster.push(member());
    let headers = [
        ("cookie", SECRET.as_bytes()),
        ("authorization", SECRET.as_bytes()),
        ("sec-websocket-protocol", SECRET.as_bytes()),
    ];
    let join = join(SECRET);
    let ClientMessage::Join(Join { resume, .. }) = ClientMessage::parse(&join).expect("a join")
    else {
        panic!("a join");
    };
    let debug_of = |message: ClientMessage<'_>| format!("{message:?}");
    let parse = |text: &str| debug_of(ClientMessage::parse(text).expect(text));
    let server = [
        ServerMessage::Hello { ice_servers: Some(&ice_servers) },
        ServerMessage::Joined { peer: peer(), offer: Some(data) },
        ServerMessage::Updated { peer: id, meta: &meta },
        ServerMessage::Signal { from: id, data },
        ServerMessage::Broadcast { from: id, data },
        ServerMessage::App { data },
        ServerMessage::Knock { peer: Knocking { id, meta: &meta } },
        ServerMessage::IceServers { ice_servers: &ice_servers },
    ];
    let request = AuthRequest {
        room: room(),
        token: Some(Secret::from(SECRET)),
        meta: meta.clone(),
        address: None,
        previous: Some(PreviousSession { identity: Some(SECRET.into()), resumes: true }),
    };
    let client = ["signal", "broadcast", "update", "deny", "kick"].map(|kind| {
        parse(&format!(
            r#"{{"type":"{kind}","to":"{SECRET}","peer":"{SECRET}","reason":"{SECRET}","data":{JSON},"meta":{JSON}}}"#
        ))
    });
    #[allow(unused_mut, reason = "without the driver, there are no events")]
    let mut shown = vec![
        ("Secret", debug(Secret::from(SECRET))),
        ("Ticket", debug(Ticket::random())),
        ("TicketHash", debug(Ticket::random().hash())),
        ("AuthRequest", debug(&request)),
        ("PreviousSession", debug(&request.previous)),
        ("Identity", debug(Identity::from(SECRET))),
        ("AppData", debug(AppData::new(&SECRET).expect("JSON"))),
        ("Reason", debug(Reason::from(SECRET))),
        ("CloseReason", debug(CloseReason::Kicked { reason: Some(SECRET.into()) })),
        ("Access", debug(banned.access())),
        ("Grant", debug(grant())),
        ("IceServer", debug(turn())),
        ("IceServers", debug(IceServers::new([turn()]))),
        ("TurnCredentials", debug(provider())),
        ("Meta", debug(&meta)),
        ("JoinRequest", debug(join_request())),
        ("Join", parse(&join)),
        ("Resume", debug(resume)),
        ("ClientMessage", client.concat()),
        ("SelfInfo", debug(me())),
        ("Peer", debug(peer())),
        ("Knocking", debug(Knocking { id, meta: &meta })),
        ("Welcome", debug(&welcome)),
        ("Waiting", debug(&waiting)),
        ("ServerMessage", debug((ServerMessage::Welcome(welcome), server))),
        ("Frame", debug((&frame, &first))),
        ("Hub", debug(&hub)),
        ("Session", debug(&session)),
        ("Member", debug(member())),
        ("Granted", debug(Granted::new(Permissions::default(), Some(meta.clone())))),
        ("MemberInfo", debug(MemberInfo::from(&member()))),
        ("Roster", debug(&roster)),
        ("Room", debug(&state)),
        (
            "Input",
            debug((
                Input::Join(Newcomer::new(member()).replaces(TicketHash::of(SECRET))),
                Input::Deny { by: None, peer: id, reason: Some(SECRET.into()) },
                Input::Ban { identity: SECRET.into(), reason: Some(SECRET.into()), until: now },
                Input::App { to: None, frame: frame.clone() },
            )),
        ),
        ("Newcomer", debug(Newcomer::new(member()))),
        ("Lobby", debug(lobby.lobby())),
        ("Effect", debug((&effects, Effect::Send(Recipients::All, frame.clone())))),
        ("Effects", debug(&effects)),
        ("Event", debug(Event::Joined(id, meta.clone(), Permissions::default()))),
        ("Incoming", debug(Incoming::Text(join.as_str()))),
        ("Handshake", debug(Handshake::new(None, headers))),
        ("ErrorFrame", debug(ErrorFrame::new(ErrorCode::BadMessage, "for people"))),
    ];
    #[cfg(feature = "driver")]
    shown.extend(shown_of_events(&hub, &member()));
    shown
}

#[cfg(feature = "driver")]
fn shown_of_events(hub: &Hub, member: &Member) -> Vec<(&'static str, String)> {
    use crate::{Lagged, RoomEvent, RoomEventKind};

    let told = RoomEvent {
        room: room(),
        number: 1,
        at: std::time::SystemTime::UNIX_EPOCH,
        kind: RoomEventKind::Joined(MemberInfo::from(member)),
    };
    let (rooms, events) = hub.events();
    vec![
        ("Events", debug(events)),
        ("RoomSnapshot", debug(&rooms)),
        ("Lagged", debug(Lagged { missed: 1, rooms })),
        ("RoomEvent", debug(&told)),
        ("RoomEventKind", debug(&told.kind)),
    ]
}

fn first_frame(session: &Session) -> Frame {
    let mut batch = Vec::new();
    let _ = session.poll_drain(&Context::from_waker(Waker::noop()), 1, &mut batch);
    batch.remove(0)
}

fn debug(value: impl Debug) -> String {
    format!("{value:?} {value:#?}")
}

fn room() -> RoomId {
    "standup".parse().expect("a name")
}

fn meta() -> Meta {
    Meta::new(&SECRET).expect("JSON")
}

fn turn() -> IceServer {
    IceServer::turn("turn:turn.example", SECRET, SECRET)
}

fn grant() -> Grant {
    let data = AppData::new(&SECRET).expect("JSON");
    let grant = Grant::new().meta(meta()).ice_servers([turn()]).identity(SECRET).data(data);
    grant.ice_provider(Arc::new(provider()))
}

#[cfg(feature = "turn")]
fn provider() -> crate::TurnCredentials {
    crate::TurnCredentials::new(["turn:turn.example"], SECRET).expect("a URL and a secret")
}

/// Nothing that can be shown.
#[cfg(not(feature = "turn"))]
fn provider() -> impl crate::IceServerProvider + Debug {
    #[derive(Debug)]
    struct None;
    impl crate::IceServerProvider for None {
        fn provide(&self, _: crate::IceServerRequest) -> crate::ProvideIceServers<'_> {
            Box::pin(std::future::ready(Err("none".into())))
        }
    }
    None
}

fn join(secret: &str) -> String {
    format!(
        r#"{{"type":"join","token":"{secret}","meta":"{secret}","replaces":"{secret}","resume":{{"ticket":"{secret}","received":0}}}}"#
    )
}

/// The source files, except those of `testing`, whose types are for tests: failed assertions have
/// to show their values.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of sources");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| path.file_stem().is_some_and(|stem| stem != "testing"))
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .collect()
}

/// Public types without secrets and without data from clients.
const HOLD_NONE: &[&str] = &[
    "Accepted",
    "ByClosure",
    "BySend",
    "ByWithResumes",
    "Admission",
    "RoomCount",
    "RoomSettings",
    "Duplicates",
    "KnockEnd",
    "ModerationError",
    // Holds what the application decides with.
    "WithResumes",
    "EndReason",
    "IceServerRequest",
    "IntoEffects",
    "Outcome",
    "Reporter",
    "SessionWatch",
    "Traffic",
    "Recipients",
    // Configuration of the application.
    "ClientAddress",
    // The message is the application's, and is sent to the client.
    "Denied",
    "ErrorCode",
    "InvalidPeerId",
    "InvalidRoomId",
    "JoinError",
    "KnockEnd",
    "LeaveReason",
    "InvalidLimits",
    // Configuration of the application.
    "InvalidOrigin",
    // It names a URL, and no secret.
    "InvalidTurnCredentials",
    // Limits of the application.
    "ClientLimits",
    "InvalidHeaderName",
    "Limits",
    "LimitsBuilder",
    "Disconnected",
    // Tested by `no_error_about_a_frame_quotes_it`.
    "Malformed",
    "Meter",
    "OriginFault",
    "OriginPolicy",
    "OriginRefused",
    "PeerId",
    "Permissions",
    "Problem",
    "ApplyError",
    "ResumeError",
    "Resumed",
    "RoomId",
    "SendError",
    "Status",
    "UnknownSubprotocol",
    "UpgradeRefused",
];

const SECRET: &str = "correct-horse-battery-staple";
const JSON: &str = r#"{"sdp":"correct-horse-battery-staple"}"#;
