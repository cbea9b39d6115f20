//! The table of what is promised, and how each promise is driven: a small function in the file of
//! its group. A new one is such a function and a line here; `scripts/conformance` then writes it
//! into `docs/conformance.md`.

mod application;
mod closing;
mod data;
mod envelope;
mod framing;
mod granting;
mod handshake;
mod joining;
mod lifetime;
mod liveness;
mod load;
mod order;
mod rate;
mod relaying;
mod resume;
mod roster;
mod slow;

use crate::{
    report::Promise,
    suite::{Entry, Turn},
};

macro_rules! promises {
    ($($section:literal { $($name:literal $turn:ident $group:ident::$function:ident)+ })+) => {
        &[$($(Entry {
            promise: Promise { name: $name, section: $section },
            turn: Turn::$turn,
            drive: |server| Box::pin($group::$function(server)),
        },)+)+]
    };
}

pub(crate) const PROMISES: &[Entry] = promises! {
    1 {
        "a room name is 1 to 64 characters of `A-Z a-z 0-9 . _ ~ -`"
            Together handshake::room_names
        "any other room name is refused with 400, before the upgrade"
            Together handshake::other_room_names
        "the subprotocol `meet-signal.v1` is chosen, among others too"
            Together handshake::subprotocol
        "a client that offers no subprotocol is served version 1"
            Together handshake::no_subprotocol
        "a client that offers only unknown subprotocols is refused with 400"
            Together handshake::unknown_subprotocol
        "a page of the same host may connect, and so may who sends no `Origin`"
            Together handshake::same_host
        "a page of any other origin is refused with 403"
            Together handshake::foreign_origin
        "what is no WebSocket handshake is not upgraded"
            Together handshake::no_handshake
        "connections that are cut within the handshake disturb nobody"
            Together handshake::cut_handshake
        "a message in fragments is put together, around a ping between them"
            Together framing::fragments
        "a frame of 64 KiB is taken, a longer one closes with 1009"
            Together framing::oversized_frame
        "fragments that are too long together close with 1009 before the last has come"
            Together framing::oversized_fragments
        "a length over the limit closes with 1009 before its bytes have come"
            Together framing::oversized_announcement
        "a binary frame closes with 1003"
            Together framing::binary
        "text that is not UTF-8 closes with 1007"
            Together framing::not_utf8
        "what is no WebSocket frame closes with 1002"
            Together framing::not_websocket
        "a malformed close frame closes with 1002"
            Together closing::malformed
        "unknown fields are ignored, and the order of the fields is free"
            Together envelope::unknown_fields
        "names and values may be spelled with JSON's escapes"
            Together envelope::escapes
        "an unknown type is `unknown-type`, any number of times"
            Together envelope::unknown_types
        "what is no JSON object with a `type` is `bad-message`"
            Together envelope::no_message
        "a missing or wrong field is `bad-message`, and changes nothing"
            Together envelope::wrong_fields
        "a field that comes twice is `bad-message`"
            Together envelope::field_twice
        "the 17th bad message closes with 4501"
            Together envelope::too_many_bad_messages
        "JSON nested 30,000 levels deep is relayed as `data` and harmless elsewhere"
            Together envelope::deep_nesting
    }
    2 {
        "the welcome has all that a client needs to begin"
            Together joining::welcome
        "the welcome lists the others in the order in which they joined"
            Together joining::roster
        "the others are told of a newcomer, with its `meta`"
            Together joining::joined
        "whoever was in the room first is polite toward who came later"
            Together joining::polite
        "a `meta` that is left out is `null`"
            Together joining::no_meta
        "a `meta` of 4 KiB is taken, a longer one is `too-large` and closes with 4501"
            Together joining::big_meta
        "anything but `join` at first is `not-joined`, and `join` may still follow"
            Together joining::not_joined
        "a second `join` is `already-joined`, and the session goes on"
            Together joining::already_joined
        "no `join` in time closes with 4501, whatever else is sent"
            Together joining::no_join
        "who has not joined is closed with the same codes, and nobody hears of it"
            Together joining::wrong_before_join
        "a hundred connections that never join are all closed, and disturb nobody"
            Together joining::silent_crowd
        "a full room is `room-full` and closes with 4503; away members count"
            Together joining::room_full
        "a join that replaces a session takes its place, in a full room too"
            Together joining::replaces
        "each refusal of the application has its error and its close code"
            Together granting::refusals
        "the application may set a member's `meta` and give it ICE servers"
            Together granting::guest
        "of 16 who join at once, a room of 8 takes 8, and each hears of the others once"
            Together roster::storm
        "rooms know nothing of each other"
            Together roster::separate_rooms
    }
    3 {
        "a signal goes to its receiver alone"
            Together relaying::signal
        "a broadcast goes to everybody else"
            Together relaying::broadcast
        "`data` is relayed byte for byte"
            Together data::byte_for_byte
        "messages from one sender arrive in the order in which they were sent"
            Together order::per_sender
        "all members are told a room's events in the same order"
            Together order::same_for_all
        "an update is told to everybody else, and to who joins later"
            Together relaying::update
        "a longer `meta` than 4 KiB in an update is `too-large`, and the session goes on"
            Together relaying::big_update
        "who leaves is gone at once, and is closed with 1000"
            Together lifetime::leave
        "`leave` with a ticket in the place of `join` ends that session, and closes with 1000"
            Together lifetime::leave_by_ticket
        "who lacks the permission gets `not-allowed`"
            Together granting::listener
        "moderating without the permission is `not-allowed`"
            Together granting::moderation
        "what the application says reaches one member, or all"
            WithHub application::app
    }
    4 {
        "a quiet connection is pinged, and lives by its pongs"
            Together liveness::quiet
        "who talks without being told anything is pinged"
            Together liveness::talking
        "a WebSocket ping is answered, and is a sign of life"
            Together liveness::websocket_pings
        "a `probe` is answered with a `ping` at once, and neither is counted"
            Together liveness::probe
        "three silent heartbeats close with 4001"
            Together liveness::silent
        "a connection that neither reads nor sends is ended"
            Together liveness::half_open
        "half a frame is no sign of life"
            Together liveness::dripping
    }
    5 {
        "a lost socket is `away`, and after the grace period has left with `timeout`"
            Together lifetime::cut
        "a connection that ends within a frame is lost like any other"
            Together lifetime::cut_within_a_frame
        "a close frame without `leave` is a lost socket, too"
            Together lifetime::closed_by_client
        "a client whose page goes away (close code 1001 or 4900) has left sooner"
            Together lifetime::going_away
        "a close frame of any code is answered, and keeps the session"
            Together closing::any_code
        "a ticket takes its session over at once: the older connection closes with 4508"
            Together resume::takeover
        "after a loss, what was missed comes once and in order, and nothing else again"
            Together resume::full
        "who comes back is told how many of its frames were handled"
            Together resume::counted
        "who claims more than was sent comes back `partial`, and both ends count anew"
            Together resume::partial
        "a ticket is good in its room alone, and for as long as its session"
            Together resume::spent_ticket
        "an unknown ticket is a fresh join"
            Together resume::unknown_ticket
        "who comes back too often is `rate-limited` and closed with 4004, and stays in the room"
            Together resume::too_often
    }
    6 {
        "the `ref` of a message is echoed in an error about it"
            Together relaying::references
        "a receiver who is not in the room is `no-such-peer`, and so is oneself"
            Together relaying::no_such_peer
        "a receiver who does not read is `peer-unreachable`, then `away`, and holds up nobody"
            Together slow::unreachable
        "who reads again before the write timeout goes on, whatever was sent to it"
            Together slow::slow_but_reading
        "a message whose last fragment does not come closes with 4002"
            Together slow::unending_message
        "a frame over the rate is `rate-limited` with `retryAfterMs`, and not processed"
            Together rate::limited
        "far too many messages close with 4004"
            Together rate::flood
        "far too many WebSocket pings close with 4004"
            Together rate::ping_flood
        "far too many fragments close with 4004, whether their messages end or not"
            Alone rate::fragment_flood
        "whoever does not answer a close is ended all the same"
            Together closing::unanswered
        "a room that the application closes closes with 4507"
            WithHub application::close_room
        "a thousand who join and are cut at once leave nothing behind"
            Alone load::storm_of_cuts
        "draining closes with 4000 and `retry-after-ms`, refuses joins, and ends"
            WithHub application::drain
    }
};
