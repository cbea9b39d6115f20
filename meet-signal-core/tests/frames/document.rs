//! `docs/protocol.md` leaves nothing out.

use meet_signal_core::Limits;

use super::fixtures;

#[test]
fn every_word_of_the_protocol_is_explained() {
    let document = fixtures::text("protocol.md");
    for schema in ["client-message", "server-message"] {
        for word in fixtures::words(schema) {
            let mentions = [format!("`{word}`"), format!("\"{word}\"")];
            assert!(mentions.iter().any(|mention| document.contains(mention)), "{word}");
        }
    }
}

#[test]
fn every_limit_is_in_the_table_with_its_default() {
    let document = fixtures::text("protocol.md").replace(',', "");
    // `Limits { frame_bytes: 65536, join_timeout: 10s, … }`
    let limits = format!("{:?}", Limits::default());
    let fields = limits.trim_start_matches("Limits {").trim_end_matches('}').split(',');
    for field in fields {
        let (name, value) = field.trim().split_once(": ").expect("a name and a value");
        let row = match value.strip_suffix('s') {
            Some(seconds) => format!("| `{name}` | {seconds} | s |"),
            None => format!("| `{name}` | {value} | "),
        };
        assert!(document.contains(&row), "no row starts with: {row}");
    }
}
