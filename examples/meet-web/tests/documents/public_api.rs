//! What the lists in `docs/public-api` have to agree on.

use std::collections::BTreeSet;

use super::read;

#[test]
fn both_adapters_export_the_same_names() {
    let [axum, actix] = ["axum", "actix"].map(|adapter| {
        let list = read(format!("docs/public-api/meet-signal-{adapter}.txt"));
        let prefix = format!("pub use meet_signal_{adapter}::");
        let names = list.lines().filter_map(|line| line.strip_prefix(&prefix));
        names.map(str::to_owned).collect::<BTreeSet<_>>()
    });
    assert!(axum.len() > 20, "{axum:?}");
    assert_eq!(axum, actix);
}
