//! Tests that the server's messages equal the golden frames in `docs/frames`, byte for byte.
//!
//! The other golden frames are tested in `tests/frames`; these are here because `Welcome` cannot be
//! constructed outside of the crate.

use std::{fs, path::Path};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::*;
use crate::{ErrorCode, Limits, PeerId, Permissions, RoomId};

#[derive(Deserialize)]
struct Golden {
    name: String,
    frame: String,
}

#[test]
fn frames_are_written_as_the_golden_ones() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/frames/server-sent.json");
    let golden = fs::read_to_string(path).expect("the golden frames");
    let golden: Vec<Golden> = serde_json::from_str(&golden).expect("the golden frames");
    let mut golden = golden.into_iter();
    let mut write = |name: &str, message: ServerMessage<'_>| {
        let golden = golden.next().expect(name);
        assert_eq!((&*golden.name, &*golden.frame), (name, message.encode().as_str()));
    };
    beginnings(&mut write);
    events(&mut write);
    errors(&mut write);
    assert_eq!(golden.next().map(|golden| golden.name), None, "all are made here");
}

type Write<'a> = &'a mut dyn FnMut(&str, ServerMessage<'_>);

fn beginnings(write: Write<'_>) {
    write("hello, before a decision", ServerMessage::Hello { ice_servers: None });
    let ice_servers = &[turn("1767225600:bob")];
    write("hello, with ICE servers", ServerMessage::Hello { ice_servers: Some(ice_servers) });

    let (standup, no_meta) = ("standup".parse().unwrap(), Meta::default());
    let empty = ServerMessage::Welcome(welcome(&standup, ADA, &no_meta));
    write("welcome, to an empty room", empty);

    let [ada, bob, dan] =
        ["Ada", "Bob", "Dan"].map(|name| meta(&format!(r#"{{"name":"{name}"}}"#)));
    let named = "Stand-up_1.~".parse().unwrap();
    let full = Welcome {
        me: SelfInfo { id: peer(BOB), meta: &bob, permissions: Permissions::NONE.broadcast(true) },
        resumed: Resumed::Full,
        received: 17,
        locked: true,
        lobby: true,
        knocking: vec![Knocking { id: peer(DAN), meta: &dan }],
        peers: vec![
            Peer {
                id: peer(ADA),
                meta: &ada,
                status: Status::Away,
                polite: false,
                permissions: Some(Permissions::default().moderate(true)),
                offered: None,
            },
            Peer {
                id: peer(CLEO),
                meta: &no_meta,
                status: Status::Here,
                polite: true,
                permissions: Some(Permissions::NONE),
                offered: None,
            },
        ],
        ice_servers: &[IceServer::stun("stun:stun.example.com"), turn("1767225600:bob")],
        heartbeat_ms: 500,
        grace_ms: 0,
        ..welcome(&named, BOB, &bob)
    };
    write("welcome, back in a full room", ServerMessage::Welcome(full));

    let named = "Équipe \"朝会\" 🎉".parse().unwrap();
    let unicode = ServerMessage::Welcome(welcome(&named, ADA, &no_meta));
    write("welcome, to a room whose name is not ASCII", unicode);

    let list = meta("[1.50]");
    let gaps = Welcome {
        me: SelfInfo { id: peer(ADA), meta: &list, permissions: Permissions::NONE },
        resumed: Resumed::Partial,
        ..welcome(&standup, ADA, &list)
    };
    write("welcome, back with gaps, and with no permissions", ServerMessage::Welcome(gaps));

    let peers = [(ADA, &ada, Some(0)), (DAN, &dan, None), (CLEO, &no_meta, Some(2))];
    let peers = peers.map(|(id, meta, offered)| {
        let permissions = Some(Permissions::default());
        Peer { id: peer(id), meta, status: Status::Here, polite: false, permissions, offered }
    });
    let offered = Welcome { peers: peers.into(), ..welcome(&standup, BOB, &bob) };
    write("welcome, after a join with offers", ServerMessage::Welcome(offered));
    let waiting = Waiting { ticket: TICKET.into(), heartbeat_ms: 10_000, grace_ms: 30_000 };
    write("waiting", ServerMessage::Waiting(waiting));
}

/// To an empty room.
fn welcome<'a>(room: &'a RoomId, id: &str, meta: &'a Meta) -> Welcome<'a> {
    Welcome {
        v: VERSION,
        room,
        me: SelfInfo { id: peer(id), meta, permissions: Permissions::default() },
        ticket: TICKET.into(),
        resumed: Resumed::No,
        received: 0,
        locked: false,
        lobby: false,
        knocking: Vec::new(),
        peers: Vec::new(),
        ice_servers: &[],
        heartbeat_ms: 10_000,
        grace_ms: 30_000,
        limits: Some((&Limits::default()).into()),
    }
}

fn events(write: Write<'_>) {
    let (bob, cleo) = (peer(BOB), peer(CLEO));
    let name = meta(r#"{"name":"Cleo"}"#);
    let permissions = Some(Permissions::default());
    let (status, offered) = (Status::Here, None);
    let newcomer = || Peer { id: cleo, meta: &name, status, polite: true, permissions, offered };
    write("joined", ServerMessage::Joined { peer: newcomer(), offer: None });
    let offer = Some(raw(r#"{ "b" : 1.50e0,"a":[ ] }"#));
    write("joined, with an offer", ServerMessage::Joined { peer: newcomer(), offer });
    for (name, reason) in [
        ("left: left", LeaveReason::Left),
        ("left: timeout", LeaveReason::Timeout),
        ("left: kicked", LeaveReason::Kicked),
        ("left: replaced", LeaveReason::Replaced),
        ("left: node-lost", LeaveReason::NodeLost),
        ("left: closed", LeaveReason::Closed),
    ] {
        write(name, ServerMessage::Left { peer: bob, reason });
    }
    write("status: away", ServerMessage::Status { peer: bob, status: Status::Away });
    write("status: here", ServerMessage::Status { peer: bob, status: Status::Here });
    let muted = meta(r#"{"name":"Bob","muted":true}"#);
    write("updated", ServerMessage::Updated { peer: bob, meta: &muted });
    let permissions = Permissions::default().broadcast(false).moderate(true);
    write("permissions", ServerMessage::Permissions { peer: bob, permissions });

    let data = raw(r#"{ "b" : 1.50e0,"a":[ ] }"#);
    write("signal", ServerMessage::Signal { from: bob, data });
    let data = raw(r#""\u00e4\/""#);
    write("broadcast", ServerMessage::Broadcast { from: bob, data });
    write("app", ServerMessage::App { data: raw(r#"{"recording":true}"#) });

    write("knock", ServerMessage::Knock { peer: Knocking { id: cleo, meta: &name } });
    write("knockGone", ServerMessage::KnockGone { peer: cleo });
    write("locked", ServerMessage::Locked { locked: true });
    write("lobby", ServerMessage::Lobby { enabled: true });
    let ice_servers = &[turn("1767229200:bob")];
    write("iceServers", ServerMessage::IceServers { ice_servers });
    write("ping", ServerMessage::Ping { received: 17 });
}

fn errors(write: Write<'_>) {
    for (name, code) in [
        ("error: bad-message", ErrorCode::BadMessage),
        ("error: unknown-type", ErrorCode::UnknownType),
        ("error: not-joined", ErrorCode::NotJoined),
        ("error: already-joined", ErrorCode::AlreadyJoined),
        ("error: too-large", ErrorCode::TooLarge),
        ("error: rate-limited", ErrorCode::RateLimited),
        ("error: no-such-peer", ErrorCode::NoSuchPeer),
        ("error: peer-unreachable", ErrorCode::PeerUnreachable),
        ("error: not-allowed", ErrorCode::NotAllowed),
        ("error: denied", ErrorCode::Denied),
        ("error: room-full", ErrorCode::RoomFull),
        ("error: room-locked", ErrorCode::RoomLocked),
        ("error: banned", ErrorCode::Banned),
        ("error: duplicate", ErrorCode::Duplicate),
        ("error: unauthorized", ErrorCode::Unauthorized),
        ("error: unavailable", ErrorCode::Unavailable),
    ] {
        write(name, ServerMessage::Error(ErrorFrame::new(code, "for people")));
    }
    let mut error = ErrorFrame::new(ErrorCode::RateLimited, "too many messages");
    error.reference = Some(7);
    error.retry_after_ms = Some(17);
    write("error, with everything", ServerMessage::Error(error));
}

fn turn(username: &str) -> IceServer {
    IceServer::turn("turn:turn.example.com:3478", username, "c2VjcmV0")
}

fn peer(id: &str) -> PeerId {
    id.parse().unwrap()
}

fn meta(json: &str) -> Meta {
    raw(json).to_owned().into()
}

fn raw(json: &str) -> &RawValue {
    serde_json::from_str(json).unwrap()
}

const ADA: &str = "AdaAdaAdaAdaAdaAdaAdaA";
const BOB: &str = "BobBobBobBobBobBobBobA";
const CLEO: &str = "CleCleCleCleCleCleCleA";
const DAN: &str = "DanDanDanDanDanDanDanA";
const TICKET: &str = "TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTA";
