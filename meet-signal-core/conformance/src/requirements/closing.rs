//! Close frames.

use crate::{
    check::{Context, Result},
    client::ReadMode,
    observers::Observers,
    server::Server,
    wire::{BINARY, CLOSE, FIN, NO_CODE, frame},
};

pub(super) async fn no_reply(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let mut member = observers.join_client_as(ReadMode::NoReply).await?;
    member.write(&frame(FIN | BINARY, b"")).await?;
    member.expect_close(1003).await?;
    observers.expect_left(&member.id, "closed").await?;
    member.expect_eof().await?;
    observers.check_undisturbed().await
}

pub(super) async fn any_code(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let longest_reason = "x".repeat(123);
    let mut closes = vec![(Vec::new(), NO_CODE)];
    for code in [1000_u16, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 4000, 4999] {
        for reason in ["", "good bye", &longest_reason] {
            closes.push((payload(code, reason.as_bytes()), code));
        }
    }
    // Invalid in a close frame (RFC 6455, section 7.4), so the reply does not repeat them.
    for code in [0_u16, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535] {
        for reason in ["", "good bye", &longest_reason] {
            closes.push((payload(code, reason.as_bytes()), 1002));
        }
    }
    for (payload, reply) in closes {
        close_and_resume(&server, &mut observers, &payload, reply)
            .await
            .context(format_args!("a close frame with {}", describe(&payload)))?;
    }
    observers.check_undisturbed().await
}

async fn close_and_resume(
    server: &Server,
    observers: &mut Observers,
    payload: &[u8],
    reply: u16,
) -> Result {
    let mut member = observers.join_client_as(ReadMode::NoReply).await?;
    member.write(&frame(FIN | CLOSE, payload)).await?;
    member.expect_close(reply).await?;
    observers.expect_away(&member.id).await?;
    let back = server.resume(&member, 0).await?;
    back.check_resumed("full")?;
    observers.expect_back(&member.id).await?;
    observers.expect_leave(back).await
}

pub(super) async fn malformed(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    for (what, payload) in [
        ("a payload of one byte", vec![3]),
        ("a reason that is not UTF-8", payload(1000, b"good bye\xFF")),
        ("a reason that ends with half a character", payload(1000, b"good bye\xC3")),
        ("an invalid code and a reason that is not UTF-8", payload(999, b"\xFF")),
        ("a reason of 124 bytes", payload(1000, &[b'x'; 124])),
    ] {
        let mut client = observers.join_client().await?;
        client.write(&frame(FIN | CLOSE, &payload)).await?;
        client.expect_close(1002).await.context(what)?;
        observers.expect_left(&client.id, "closed").await?;
    }
    observers.check_undisturbed().await
}

/// The payload of a close frame.
pub(super) fn payload(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

fn describe(payload: &[u8]) -> String {
    match payload.split_first_chunk() {
        Some((code, reason)) => {
            format!("the code {} and a reason of {} bytes", u16::from_be_bytes(*code), reason.len())
        }
        None => format!("{payload:?}"),
    }
}
