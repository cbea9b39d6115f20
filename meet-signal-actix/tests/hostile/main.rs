//! Attacks over real sockets against both adapters, each with an observer pair of peers on the same
//! server. `docs/semantics.md` lists the attacks; `scripts/hostile` runs them alone.
#![cfg(target_os = "linux")]

mod addresses;
mod authorizing;
mod bad_messages;
mod churn;
mod endings;
mod flooding;
mod lobby;
mod memory;
mod pair;
mod peer;
mod priority;
mod process;
mod server;
mod stalling;
mod unfinished;

use server::Adapter;

/// Attacks both adapters: one after the other if latencies are measured, otherwise at the same time, to
/// finish earlier.
async fn on_both(attack: impl AsyncFn(Adapter)) {
    if is_measured() {
        priority::second();
        attack(Adapter::Axum).await;
        attack(Adapter::Actix).await;
    } else {
        tokio::join!(attack(Adapter::Axum), attack(Adapter::Actix));
    }
}

/// Whether the pair's latencies are measured.
fn is_measured() -> bool {
    std::env::var_os(SCALE).is_some()
}

/// The factor by which an attack is longer or larger than in the short form.
fn scale() -> usize {
    let scale = std::env::var(SCALE).ok();
    scale.map_or(1, |scale| scale.parse().expect("a whole number"))
}

/// Set by `scripts/hostile`.
const SCALE: &str = "MEET_SIGNAL_HOSTILE_SCALE";
