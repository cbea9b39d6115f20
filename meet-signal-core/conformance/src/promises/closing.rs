//! The end of a connection.

use crate::{
    bystanders::Bystanders,
    check::{Verdict, ensure},
    client::Conduct,
    server::Server,
    wire::{BINARY, CLOSE, FIN, NO_CODE, frame},
};

pub(super) async fn unanswered(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    let mut member = server.join_as(Conduct::Mute).await?;
    others.see_joined(&member.id).await?;
    member.write(&frame(FIN | BINARY, b"")).await?;
    member.closed(1003).await?;
    others.see_left(&member.id, "closed").await?;
    member.ended().await?;
    others.undisturbed().await
}

pub(super) async fn any_code(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    let longest_reason = "x".repeat(123);
    let mut closes = vec![(Vec::new(), NO_CODE)];
    for code in [1000_u16, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 4000, 4999] {
        for reason in ["", "good bye", &longest_reason] {
            closes.push((payload(code, reason.as_bytes()), code));
        }
    }
    // Not for a close frame (RFC 6455, section 7.4), so they are not repeated either.
    for code in [0_u16, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535] {
        for reason in ["", "good bye", &longest_reason] {
            closes.push((payload(code, reason.as_bytes()), 1002));
        }
    }
    for (payload, answer) in closes {
        let kept = keeps_session(&server, &mut others, &payload, answer).await;
        kept.map_err(|broken| broken.during(format_args!("a close with {}", show(&payload))))?;
    }
    others.undisturbed().await
}

async fn keeps_session(
    server: &Server,
    others: &mut Bystanders,
    payload: &[u8],
    answer: u16,
) -> Verdict {
    let mut member = server.join_as(Conduct::Mute).await?;
    others.see_joined(&member.id).await?;
    member.write(&frame(FIN | CLOSE, payload)).await?;
    member.closed(answer).await?;
    others.see_away(&member.id).await?;
    let back = server.resume(&member, 0).await?;
    ensure!(back.welcome["resumed"] == "full", "the answer is {}", back.welcome);
    others.see_back(&member.id).await?;
    back.leave().await?;
    others.see_left(&member.id, "left").await
}

pub(super) async fn malformed(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    for (what, payload) in [
        ("half a code", vec![3]),
        ("a reason that is not UTF-8", payload(1000, b"good bye\xFF")),
        ("a reason that ends within a character", payload(1000, b"good bye\xC3")),
        ("a code that is not allowed and a reason that is not UTF-8", payload(999, b"\xFF")),
        ("a reason of 124 bytes", payload(1000, &[b'x'; 124])),
    ] {
        let mut intruder = server.join().await?;
        others.see_joined(&intruder.id).await?;
        intruder.write(&frame(FIN | CLOSE, &payload)).await?;
        intruder.closed(1002).await.map_err(|broken| broken.during(what))?;
        others.see_left(&intruder.id, "closed").await?;
    }
    others.undisturbed().await
}

/// Of a close frame.
pub(super) fn payload(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

fn show(payload: &[u8]) -> String {
    match payload.split_first_chunk() {
        Some((code, reason)) => {
            format!("the code {} and {} bytes", u16::from_be_bytes(*code), reason.len())
        }
        None => format!("{payload:?}"),
    }
}
