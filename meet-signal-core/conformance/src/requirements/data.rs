//! The server relays `data` without parsing it.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    check::{Result, Violation, ensure},
    observers::Observers,
    server::Server,
};

#[derive(Deserialize)]
struct Relayed<'a> {
    from: String,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// JSON that parsing and serializing would change.
pub(super) async fn byte_for_byte(server: Server) -> Result {
    let (mut observers, sender) = Observers::join_with_client(&server).await?;
    for data in [
        "null",
        "-0",
        "1.0",
        "1E+2",
        "1e400",
        "12345678901234567890123456789012345678901234567890",
        "0.1000000000000000055511151231257827021181583404541015625",
        r#""\u0041\/\u00e9é\ud83d\ude00""#,
        // Half a surrogate pair, which a Rust string cannot hold.
        r#""\ud800""#,
        r#""\u0000\u2028""#,
        "\"\u{2028}\u{7f}\u{fffd}\u{10ffff}\"",
        r#"{ "b" : 1 ,"a":[ ] ,"b":	2 , "type":"leave", "":{} }"#,
        "[1 ,\n\t{\r\n}, [[[]]] ]",
        r#"{"description":{"type":"offer","sdp":"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n"},"offerId":1}"#,
    ] {
        let receiver = observers.first();
        let to = &receiver.id;
        let signal = format!(r#"{{"type":"signal","data": {data} ,"to":"{to}"}}"#);
        sender.send(signal).await?;
        sender.send(format!(r#"{{"data":{data},"type":"broadcast"}}"#)).await?;
        for _ in ["signal", "broadcast"] {
            let text = receiver.recv_text().await?;
            let relayed: Relayed<'_> = serde_json::from_str(&text).map_err(Violation::new)?;
            ensure!(relayed.from == sender.id, "`from` is {}", relayed.from);
            ensure!(relayed.data.get() == data, "{data} arrives as {}", relayed.data);
        }
        let [_, other] = observers.both();
        other.recv_text().await?;
    }
    observers.check_undisturbed().await
}
