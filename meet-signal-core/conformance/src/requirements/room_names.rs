//! The names of rooms in the URL.

use serde_json::json;

use crate::{
    check::{Context, Result, ensure},
    client::ReadMode,
    server::{Member, Server},
};

/// The parts are in addition to the suite's own name of the room, so that no other test uses it.
pub(super) async fn text(server: Server) -> Result {
    let run = server.room_name();
    let rest = 128 - run.len();
    let names = [
        format!("{run}{}", "x".repeat(rest)),
        format!("{run}{}{}", "x".repeat(rest % 4), "\u{1f389}".repeat(rest / 4)),
        format!("{run}._~-AZaz09"),
        format!(" {run} with spaces "),
        format!("{run} 50% + more? #1 & \"a:b\", 'c' <d>; e=f@g!*$()[]\\|^`{{}}"),
        format!("{run} اجتماع الصباح"),
        format!("朝会 {run}"),
        format!("{run} हिन्दी"),
        format!("\u{1f389}\u{1f44d}\u{1f3fd}\u{2764}\u{fe0f} {run}"),
    ];
    for name in names {
        let member = join(&server, &encode(&name)).await.context(&name)?;
        ensure!(member.welcome["room"] == name, "`room` is {}", member.welcome["room"]);
    }
    // Only a few characters of a path must be encoded.
    for segment in [format!("{run}+a@b:c,d*$(e);f=g!'&~"), format!("%7e{run}")] {
        let member = join(&server, &segment).await.context(&segment)?;
        let name = segment.replace("%7e", "~");
        ensure!(member.welcome["room"] == name, "`room` is {}", member.welcome["room"]);
    }
    Ok(())
}

pub(super) async fn bytes(server: Server) -> Result {
    let run = server.room_name();
    let mut members = Vec::new();
    for name in ["caf\u{e9}", "cafe\u{301}", "CAF\u{c9}", "caf\u{e9} ", "\u{fb01}", "fi"] {
        let name = format!("{run} {name}");
        members.push(join(&server, &encode(&name)).await.context(&name)?);
    }
    for member in &mut members {
        ensure!(member.peers().is_empty(), "{} shares a room", member.welcome);
        member.check_alive().await?;
    }
    // The same bytes, encoded in another way.
    let escaped: String = run.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let member = join(&server, &format!("{escaped}%20caf%c3%a9")).await?;
    ensure!(member.peers().len() == 1, "{} is another room", member.welcome);
    Ok(())
}

pub(super) async fn invalid(server: Server) -> Result {
    let too_long = "x".repeat(129);
    let too_many_bytes = "%C3%A9".repeat(65);
    let segments = [
        // Too long.
        &*too_long,
        &too_many_bytes,
        // Steps in a path.
        "%2E",
        "%2E%2E",
        // Control characters.
        "%00",
        "a%0Ab",
        "a%0D",
        "%09",
        "%7F",
        "%C2%85",
        // Format characters: a joiner, an override of the direction, a byte order mark, a tag.
        "a%E2%80%8Db",
        "%E2%80%AEa",
        "%EF%BB%BFa",
        "%F3%A0%81%81",
        // Line and paragraph separators.
        "%E2%80%A8",
        "%E2%80%A9",
        // No version of Unicode assigns U+FFFF and U+10FFFF.
        "%EF%BF%BF",
        "%F4%8F%BF%BF",
        // Not UTF-8: no first byte, an incomplete and an overlong sequence, a surrogate, U+110000.
        "%FF",
        "caf%E9",
        "%C3",
        "%C0%AE",
        "%ED%A0%80",
        "%F4%90%80%80",
        // U+FFFD stands for what is not UTF-8.
        "%EF%BF%BD",
    ];
    for segment in segments {
        let response = server.request_for(segment).send().await?;
        response.expect_status(400).context(segment)?;
    }
    // The application may have no route for this path.
    let empty = server.request_for("").send().await?;
    empty.expect_status(400).or_else(|_| empty.expect_status(404))
}

async fn join(server: &Server, segment: &str) -> Result<Member> {
    let client = server.request_for(segment).upgrade(ReadMode::AutoReply).await?;
    Member::join(client, json!({})).await
}

/// Encodes every byte but letters and digits: more than `encodeURIComponent` does.
fn encode(name: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    name.bytes().map(encode).collect()
}
