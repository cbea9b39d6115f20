//! The requirements, each with its test: a function in the module of its group. To add one, write
//! such a function and add its line here; `scripts/conformance` then adds it to
//! `docs/conformance.md`.

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
mod lobby;
mod lobby_return;
mod lobby_rules;
mod moderation;
mod offers;
mod order;
mod rate;
mod relaying;
mod resume;
mod room_names;
mod roster;
mod slow;

use crate::requirement::{Requirement, Schedule, TestCase};

/// All requirements that the suite tests, in the order of the protocol.
pub fn requirements() -> impl ExactSizeIterator<Item = Requirement> {
    TEST_CASES.iter().map(|case| case.requirement)
}

macro_rules! test_cases {
    ($($section:literal { $($name:literal $schedule:ident $group:ident::$function:ident)+ })+) => {
        &[$($(TestCase {
            requirement: Requirement { name: $name, section: $section },
            schedule: Schedule::$schedule,
            run: |server| Box::pin($group::$function(server)),
        },)+)+]
    };
}

pub(crate) const TEST_CASES: &[TestCase] = test_cases! {
    1 {
        "a room name is 1 to 128 bytes of text, percent-encoded in the URL"
            Parallel room_names::text
        "room names are compared byte for byte: two normalization forms are two rooms"
            Parallel room_names::bytes
        "an invalid room name gets status 400 before the upgrade"
            Parallel room_names::invalid
        "the server selects the subprotocol `meet-signal.v1`, also among others"
            Parallel handshake::subprotocol
        "a client that offers no subprotocol gets version 1"
            Parallel handshake::no_subprotocol
        "a client that offers only unknown subprotocols gets status 400"
            Parallel handshake::unknown_subprotocol
        "a page of the same host may connect, and so may a client without `Origin`"
            Parallel handshake::same_host
        "a page of another origin gets status 403"
            Parallel handshake::other_origin
        "an invalid WebSocket handshake is not upgraded"
            Parallel handshake::invalid_handshake
        "connections that end within the handshake affect no other client"
            Parallel handshake::incomplete_handshake
        "a message in fragments is reassembled, also with a ping between them"
            Parallel framing::fragments
        "a frame of 64 KiB is accepted; a longer one closes with 1009"
            Parallel framing::oversized_frame
        "fragments over the limit in total close with 1009 before the last one arrives"
            Parallel framing::oversized_fragments
        "a length over the limit closes with 1009 before the payload arrives"
            Parallel framing::oversized_length
        "a binary frame closes with 1003"
            Parallel framing::binary
        "text that is not UTF-8 closes with 1007"
            Parallel framing::not_utf8
        "an invalid WebSocket frame closes with 1002"
            Parallel framing::not_websocket
        "a malformed close frame closes with 1002"
            Parallel closing::malformed
        "unknown fields are ignored, and fields may have any order"
            Parallel envelope::unknown_fields
        "names and values may contain JSON escapes"
            Parallel envelope::escapes
        "an unknown type gets `unknown-type`, any number of times"
            Parallel envelope::unknown_types
        "a message that is not a JSON object with a `type` gets `bad-message`"
            Parallel envelope::not_a_message
        "a missing or invalid field gets `bad-message` and has no effect"
            Parallel envelope::invalid_fields
        "a duplicate field gets `bad-message`"
            Parallel envelope::duplicate_fields
        "the 17th bad message closes with 4501"
            Parallel envelope::too_many_bad_messages
        "JSON with 30,000 nested levels is relayed as `data` and is harmless in other fields"
            Parallel envelope::deep_nesting
    }
    2 {
        "the welcome has all fields that a client needs"
            Parallel joining::welcome
        "the welcome lists the peers in the order in which they joined"
            Parallel joining::roster
        "the other members get `joined` with the `meta` of the new peer"
            Parallel joining::joined
        "of two members, the one that joined first is the polite peer"
            Parallel joining::polite
        "a missing `meta` is `null`"
            Parallel joining::no_meta
        "a `meta` of 4 KiB is accepted; a longer one gets `too-large` and closes with 4501"
            Parallel joining::big_meta
        "another message before `join` gets `not-joined`, and `join` may follow"
            Parallel joining::not_joined
        "a second `join` gets `already-joined`, and the session continues"
            Parallel joining::already_joined
        "no `join` in time closes with 4501, also if the client sends other messages"
            Parallel joining::no_join
        "before `join`, violations close with the same codes, and the room is not notified"
            Parallel joining::violations_before_join
        "a hundred connections that never join are closed and affect no other client"
            Parallel joining::idle_connections
        "a join into a full room gets `room-full` and closes with 4503; `away` members count"
            Parallel joining::room_full
        "a join that replaces a session takes its place, also in a full room"
            Parallel joining::replaces
        "the i-th of the other members gets the i-th offer of a `join`, byte for byte, and the welcome says so"
            Parallel offers::delivered
        "a member that is away gets its offer when it is back"
            Parallel offers::away
        "a `join` that resumes delivers no offers"
            Parallel offers::resumed
        "a member that is replaced gets no offer"
            Parallel offers::replaced
        "the offers of a peer that waits in the lobby are dropped"
            Parallel offers::lobby
        "without the permission `signal`, no offer is delivered"
            Parallel offers::not_allowed
        "`offers` that are no list get `bad-message`, and `join` may follow"
            Parallel offers::invalid
        "a client that offers the subprotocol `meet-signal.v1.hello` gets a `hello` first, if that is selected"
            Parallel offers::hello
        "in a room with a lobby, a newcomer waits to be admitted, and only moderators hear of it"
            Parallel lobby::admitted
        "a peer that is denied gets the moderator's reason, and its connection closes with 4504"
            Parallel lobby::denied
        "a peer in the lobby can be removed and banned, and gets 4500"
            Parallel lobby_rules::kicked
        "`admitAll` admits in the order of the knocks, until the room is full; the others go on waiting"
            Parallel lobby::admit_all
        "a peer that leaves the lobby, or does not return to it in time, waits no longer"
            Parallel lobby::gone
        "a peer in the lobby gets `ping`, and its place outlives its connection"
            Parallel lobby::liveness
        "a moderator that joins later, or becomes one, hears of all that wait"
            Parallel lobby_rules::moderators
        "a join to a full lobby gets `room-full` and closes with 4503"
            Parallel lobby_rules::full
        "turning the lobby off admits none of those that wait, and the last member may leave them"
            Parallel lobby_rules::turned_off
        "in the lobby, messages get `not-joined`, have no effect and do not count"
            Parallel lobby_rules::messages
        "an identity waits once if the application says so"
            Parallel lobby_rules::duplicates
        "a reload keeps the place in the lobby, or in the room once it was admitted"
            Parallel lobby_return::reloaded
        "a ticket of the lobby does not open a locked room"
            Parallel lobby_return::locked
        "a client that does not know the lobby waits, and counts from its welcome"
            Parallel lobby_return::older_client
        "each denial of the application has its error code and close code"
            Parallel granting::denials
        "a panic of the application in a join gets `unavailable` and closes with 4003, without its text"
            Parallel granting::panic
        "the application may set the `meta` of a member and its ICE servers"
            Parallel granting::guest
        "of 16 concurrent joins, a room for 8 accepts 8, and each member sees each other one once"
            Parallel roster::concurrent_joins
        "rooms are separate"
            Parallel roster::separate_rooms
    }
    3 {
        "a signal reaches only its receiver"
            Parallel relaying::signal
        "a broadcast reaches all other members"
            Parallel relaying::broadcast
        "`data` is relayed byte for byte"
            Parallel data::byte_for_byte
        "messages of one sender arrive in the order in which it sent them"
            Parallel order::per_sender
        "all members get the events of a room in the same order"
            Parallel order::same_for_all
        "an update reaches all other members and those that join later"
            Parallel relaying::update
        "a `meta` over 4 KiB in `update` gets `too-large`, and the session continues"
            Parallel relaying::big_update
        "`leave` removes the member at once and closes with 1000"
            Parallel lifetime::leave
        "`leave` with a ticket instead of `join` ends that session and closes with 1000"
            Parallel lifetime::leave_by_ticket
        "a message without its permission gets `not-allowed`"
            Parallel granting::listener
        "moderation without its permission gets `not-allowed`"
            Parallel moderation::without_permission
        "moderation of an unknown peer or with bad values gets an error, and changes nothing"
            Parallel moderation::invalid
        "`admit`, `deny` and `lobby` with bad values get an error, and the peer goes on waiting"
            Parallel lobby_rules::invalid
        "a moderator removes a member, which is closed with 4500, also when it resumes"
            Parallel moderation::kick
        "a banned identity stays out, whatever tickets it has"
            Parallel moderation::ban
        "a locked room admits only its members, also after it was empty"
            Parallel moderation::lock
        "permissions that a moderator changes hold at once, and all members hear of them"
            Parallel moderation::permissions
        "an identity is in a room once if the application says so, also if it joins several times at once"
            Parallel moderation::duplicates
        "the application can send to one member or to all"
            SerialWithHub application::app
        "the application can change the ICE servers of a member"
            SerialWithHub application::ice_servers
        "ICE servers are renewed before they expire, and with each resume"
            Parallel granting::renewed
    }
    4 {
        "a silent connection gets `ping`, and `pong` keeps it open"
            Parallel liveness::quiet
        "a client that sends but receives nothing gets `ping`"
            Parallel liveness::sending
        "a WebSocket ping gets a pong and keeps the connection open"
            Parallel liveness::websocket_pings
        "`probe` gets `ping` at once, and neither has a sequence number"
            Parallel liveness::probe
        "three heartbeats without a message close with 4001"
            Parallel liveness::silent
        "a connection that neither reads nor sends is closed"
            Parallel liveness::half_open
        "an incomplete frame does not keep the connection open"
            Parallel liveness::slow_payload
    }
    5 {
        "a member without a connection is `away`, and leaves with `timeout` after the grace"
            Parallel lifetime::lost
        "a connection that ends within a frame counts as lost"
            Parallel lifetime::lost_within_a_frame
        "a close frame without `leave` counts as a lost connection"
            Parallel lifetime::closed_by_client
        "a client that closes with 1001 or 4900 leaves after a shorter grace period"
            Parallel lifetime::going_away
        "a close frame with any code gets a reply and keeps the session"
            Parallel closing::any_code
        "a ticket resumes its session at once; the older connection closes with 4508"
            Parallel resume::takeover
        "a resume delivers the missed messages once and in order, and no other message again"
            Parallel resume::full
        "a resume returns how many frames of the client were handled"
            Parallel resume::counted
        "a resume with a count that is too high is `partial`, and both ends count from 0"
            Parallel resume::partial
        "a ticket is valid only in its room and while its session exists"
            Parallel resume::spent_ticket
        "a resume with an unknown ticket is a new join"
            Parallel resume::unknown_ticket
        "a wait in the lobby continues on another connection, with the same place"
            Parallel lobby_return::resumed
        "a peer that was admitted while it was away resumes with a complete welcome"
            Parallel lobby_return::admitted_while_away
        "a peer that was denied while it was away gets the reason when it resumes"
            Parallel lobby_return::denied_while_away
        "a resume over the rate gets `rate-limited` and closes with 4004; the member stays"
            Parallel resume::too_often
    }
    6 {
        "an error has the `ref` of its message"
            Parallel relaying::references
        "a receiver that is not in the room gets `no-such-peer`, and so does the sender itself"
            Parallel relaying::no_such_peer
        "a receiver that does not read is `peer-unreachable`, then `away`, and delays no member"
            Parallel slow::unreachable
        "a client that reads again before the write timeout keeps its connection"
            Parallel slow::slow_but_reading
        "a message whose last fragment does not arrive closes with 4002"
            Parallel slow::incomplete_message
        "a frame over the rate gets `rate-limited` with `retryAfterMs` and is not processed"
            Parallel rate::limited
        "a flood of messages closes with 4004"
            Parallel rate::flood
        "a flood of WebSocket pings closes with 4004"
            Parallel rate::ping_flood
        "a flood of fragments closes with 4004, also if the messages are complete"
            Serial rate::fragment_flood
        "a connection that does not reply to a close frame is closed"
            Parallel closing::no_reply
        "a room that the application closes closes its connections with 4507"
            SerialWithHub application::close_room
        "members that were away and peers that waited get 4507 when they resume"
            SerialWithHub lobby_return::closed
        "a thousand joins with an immediate disconnect leave no member and no room"
            Serial load::mass_disconnect
        "draining closes with 4000 and `retry-after-ms`, rejects joins, and completes"
            SerialWithHub application::drain
    }
};

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_sections_in_order() {
        let names: HashSet<_> = requirements().map(|requirement| requirement.name).collect();
        assert_eq!(names.len(), requirements().len());
        assert!(requirements().is_sorted_by_key(|requirement| requirement.section));
        assert!(requirements().all(|it| !it.name.contains(['|', '\n'])), "a table's cell");
    }
}
