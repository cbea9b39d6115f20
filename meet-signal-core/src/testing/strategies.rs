//! Strategies for [proptest]: ids, messages, and whole histories of rooms.
//!
//! [proptest]: https://docs.rs/proptest

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::{
    collection::{SizeRange, vec},
    option,
    prelude::*,
    sample::select,
};
use serde_json::{Value, json, value::to_raw_value};

use super::{DisconnectMode, ids};
use crate::{
    Admission, AppData, Duplicates, Frame, Identity, LeaveReason, Meta, PeerId, Permissions,
    Reason, RoomId, Status,
    message::ServerMessage,
    room::{Input, Newcomer},
    roster::{Granted, Member},
};

/// Any name of a room.
pub fn room_id() -> impl Strategy<Value = RoomId> {
    // At most 128 bytes: four for each character.
    let text =
        prop_oneof!["[A-Za-z0-9._~-]{1,128}", r"[^\p{Cc}\p{Cf}\p{Cn}\p{Zl}\p{Zp}\u{FFFD}]{1,32}",];
    let text = text.prop_filter("a step in a path", |name| !matches!(&**name, "." | ".."));
    text.prop_map(|name| name.parse().expect("a valid name"))
}

/// Any way in which a client's connection can end; the simplest is that the client leaves.
pub fn disconnect_mode() -> impl Strategy<Value = DisconnectMode> {
    select(&[DisconnectMode::Leave, DisconnectMode::Cut, DisconnectMode::HalfOpen])
}

/// Any id that a hub can give.
pub fn peer_id() -> impl Strategy<Value = PeerId> {
    any::<[u8; 16]>()
        .prop_map(|bits| URL_SAFE_NO_PAD.encode(bits).parse().expect("128 bits of base64url"))
}

/// Any JSON, some levels deep: what a message can carry as `data` or `meta`.
pub fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((any::<String>(), inner), 0..4).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

/// Any `meta`.
pub fn meta() -> impl Strategy<Value = Meta> {
    json().prop_map(|value| Meta::new(&value).expect("JSON"))
}

/// The text of any message that a member can send, except `leave`: to one of these peers, or to one
/// that never joined.
///
/// ```
/// use meet_signal_core::{message::ClientMessage, testing::{ids, strategies}};
/// use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
///
/// let mut runner = TestRunner::deterministic();
/// let message = strategies::message([ids::peer(1)]).new_tree(&mut runner)?.current();
/// assert!(ClientMessage::parse(&message).is_ok());
/// # Ok::<(), proptest::test_runner::Reason>(())
/// ```
pub fn message(peers: impl IntoIterator<Item = PeerId>) -> impl Strategy<Value = String> {
    let mut peers: Vec<_> = peers.into_iter().collect();
    peers.push(ids::peer(NO_PEER));
    let with_ref = |message: Value, reference: Option<u64>| {
        let mut message = message;
        if let Some(reference) = reference {
            message["ref"] = reference.into();
        }
        message
    };
    let content = prop_oneof![
        4 => (select(peers), json())
            .prop_map(|(to, data)| json!({"type": "signal", "to": to, "data": data})),
        3 => json().prop_map(|data| json!({"type": "broadcast", "data": data})),
        2 => json().prop_map(|meta| json!({"type": "update", "meta": meta})),
    ];
    let counted = (content, option::of(any::<u64>()))
        .prop_map(move |(message, reference)| with_ref(message, reference));
    let uncounted = (select(vec!["pong", "ack"]), 0..4_u64)
        .prop_map(|(kind, received)| json!({"type": kind, "received": received}));
    prop_oneof![9 => counted, 1 => uncounted].prop_map(|message| message.to_string())
}

/// The text of any frame that a client can send. Most often it is no message: it is mutilated, of an
/// unknown type, any JSON, or any text.
pub fn frame_text() -> impl Strategy<Value = String> {
    let mutilated = (message([]), any::<prop::sample::Index>(), any::<char>(), 0..3_u8).prop_map(
        |(text, at, with, how)| {
            let mut chars: Vec<char> = text.chars().collect();
            let at = at.index(chars.len());
            match how {
                0 => chars.truncate(at),
                1 => chars[at] = with,
                _ => chars.insert(at, with),
            }
            chars.into_iter().collect()
        },
    );
    let kinds = select(vec![
        "join",
        "signal",
        "broadcast",
        "update",
        "leave",
        "probe",
        "pong",
        "ack",
        "admit",
        "deny",
        "admitAll",
        "lobby",
        "kick",
        "lock",
        "permissions",
        "welcome",
        "unheard-of",
    ]);
    let fields = select(vec![
        "to",
        "data",
        "ref",
        "meta",
        "token",
        "resume",
        "replaces",
        "ticket",
        "received",
        "peer",
        "reason",
        "banSeconds",
        "locked",
        "enabled",
        "permissions",
        "unheardOf",
    ]);
    let composed = (kinds, vec((fields, json()), 0..5)).prop_map(|(kind, fields)| {
        let mut message = json!({"type": kind});
        for (name, value) in fields {
            message[name] = value;
        }
        message.to_string()
    });
    prop_oneof![
        3 => message([]),
        4 => mutilated,
        4 => composed,
        1 => json().prop_map(|value| value.to_string()),
        1 => any::<String>(),
    ]
}

/// A history of a room, of so many steps. Each join is of a new peer; the other inputs may name any peer,
/// also one that never joined. Peers have [readable ids](ids).
pub fn history(steps: impl Into<SizeRange>) -> impl Strategy<Value = Vec<Input>> {
    vec(input(), steps).prop_map(|mut inputs| {
        let joins = inputs.iter_mut().filter_map(|input| match input {
            Input::Join(newcomer) => Some(&mut newcomer.member),
            _ => None,
        });
        for (member, n) in joins.zip(0..) {
            (member.id, member.ticket) = (ids::peer(n), ids::ticket(n));
        }
        inputs
    })
}

fn input() -> impl Strategy<Value = Input> {
    let peer = || (0..PEERS).prop_map(ids::peer);
    let status = prop_oneof![Just(Status::Here), Just(Status::Away)];
    let reason = prop_oneof![
        Just(LeaveReason::Left),
        Just(LeaveReason::Timeout),
        Just(LeaveReason::Closed),
    ];
    let number = || any::<u8>();
    prop_oneof![
        6 => (newcomer(), option::of((0..PEERS).prop_map(ids::ticket)))
            .prop_map(|(newcomer, replaces)| Input::Join(newcomer.replaces(replaces))),
        3 => (peer(), reason).prop_map(|(peer, reason)| Input::Leave { peer, reason }),
        3 => (peer(), status).prop_map(|(peer, status)| Input::Status { peer, status }),
        2 => (peer(), number()).prop_map(|(peer, n)| Input::Update { peer, meta: meta_of(n) }),
        4 => (peer(), peer(), number())
            .prop_map(|(from, to, n)| Input::Signal { from, to, frame: app(n) }),
        4 => (peer(), number()).prop_map(|(from, n)| Input::Broadcast { from, frame: app(n) }),
        2 => (option::of(peer()), number()).prop_map(|(to, n)| Input::App { to, frame: app(n) }),
        2 => moderation(),
        2 => lobby(),
        1 => Just(Input::Close),
    ]
}

/// What moderators and the application do.
fn moderation() -> impl Strategy<Value = Input> {
    let peer = || (0..PEERS).prop_map(ids::peer);
    let by = || option::of(peer());
    let reason = || option::of("[a-z]{0,8}".prop_map(Reason::from));
    let until = || (0..4_u64).prop_map(|seconds| *START + Duration::from_secs(seconds));
    prop_oneof![
        (peer(), any::<u8>()).prop_map(|(peer, n)| Input::SetMeta { peer, meta: meta_of(n) }),
        (by(), peer(), permissions()).prop_map(|(by, peer, permissions)| Input::SetPermissions {
            by,
            peer,
            permissions
        }),
        (peer(), permissions(), option::of(any::<u8>())).prop_map(|(peer, permissions, n)| {
            let data = n.map(|n| AppData::new(&n).expect("a number is JSON"));
            let granted = Granted::new(permissions, n.map(meta_of));
            Input::Regrant { peer, granted, data }
        }),
        (by(), peer(), reason(), option::of(until())).prop_map(|(by, peer, reason, ban_until)| {
            Input::Kick { by, peer, reason, ban_until }
        }),
        (identity(), reason(), until()).prop_map(|(identity, reason, until)| Input::Ban {
            identity,
            reason,
            until
        }),
        identity().prop_map(|identity| Input::Unban { identity }),
        until().prop_map(|now| Input::Expire { now }),
        (by(), any::<bool>()).prop_map(|(by, locked)| Input::Lock { by, locked }),
    ]
}

/// What moderators and the application do with the lobby.
fn lobby() -> impl Strategy<Value = Input> {
    let peer = || (0..PEERS).prop_map(ids::peer);
    let by = || option::weighted(0.3, peer());
    let reason = option::of("[a-z]{0,8}".prop_map(Reason::from));
    prop_oneof![
        4 => (by(), peer()).prop_map(|(by, peer)| Input::Admit { by, peer }),
        1 => (by(), peer(), reason).prop_map(|(by, peer, reason)| Input::Deny { by, peer, reason }),
        1 => (by(), any::<bool>()).prop_map(|(by, enabled)| Input::SetLobby { by, enabled }),
    ]
}

/// A member with an id and a ticket to be replaced.
fn newcomer() -> impl Strategy<Value = Newcomer> {
    let admission =
        select(&[Admission::ByRoom, Admission::ByRoom, Admission::Direct, Admission::ByModerator]);
    let how = (admission, option::weighted(0.2, permissions()), prop::bool::weighted(0.1));
    let duplicates =
        select(&[Duplicates::Allow, Duplicates::Allow, Duplicates::Replace, Duplicates::Reject]);
    let granted = prop::bool::weighted(0.2);
    (any::<u8>(), permissions(), granted, option::of(identity()), duplicates, how).prop_map(
        |(n, permissions, granted, identity, duplicates, (admission, opener, passes_lock))| {
            let (id, ticket) = (ids::peer(NO_PEER), ids::ticket(NO_PEER));
            let member = Member::new(id, meta_of(n), permissions, ticket);
            Newcomer::new(member.meta_is_granted(granted).identity(identity))
                .duplicates(duplicates)
                .admission(admission)
                .opener(opener)
                .passes_lock(passes_lock)
        },
    )
}

/// Most often what a member may do by default.
fn permissions() -> impl Strategy<Value = Permissions> {
    prop_oneof![
        4 => Just(Permissions::default()),
        2 => Just(Permissions::default().moderate(true)),
        1 => any::<[bool; 3]>().prop_map(|[signal, broadcast, moderate]| {
            Permissions { signal, broadcast, moderate }
        }),
    ]
}

/// One of a few.
fn identity() -> impl Strategy<Value = Identity> {
    (0..6_u8).prop_map(|n| format!("user-{n}").into())
}

fn meta_of(n: u8) -> Meta {
    Meta::new(&n).expect("a number is JSON")
}

fn app(n: u8) -> Frame {
    let data = to_raw_value(&n).expect("a number is JSON");
    ServerMessage::App { data: &data }.encode()
}

/// The time from which bans are counted.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Few enough that most steps of a history name a member.
const PEERS: u32 = 24;

/// The number of a peer that never joins.
const NO_PEER: u32 = 999_999_999;
