//! Attacks over real sockets against both adapters, with an innocent pair of peers beside each. What
//! each attack shows is in `docs/semantics.md`; `scripts/hostile` runs them alone.
#![cfg(target_os = "linux")]

mod addresses;
mod authorising;
mod churn;
mod endings;
mod flooding;
mod memory;
mod nonsense;
mod pair;
mod peer;
mod priority;
mod process;
mod server;
mod stalling;
mod unfinished;

use server::Adapter;

/// Attacks both adapters: one after the other where they are measured, otherwise at the same time, to
/// be done sooner.
async fn on_both(attack: impl AsyncFn(Adapter)) {
    if is_measured() {
        priority::second();
        attack(Adapter::Axum).await;
        attack(Adapter::Actix).await;
    } else {
        tokio::join!(attack(Adapter::Axum), attack(Adapter::Actix));
    }
}

/// Whether the pair's times are of interest.
fn is_measured() -> bool {
    std::env::var_os(SCALE).is_some()
}

/// How much longer or larger an attack is than in the short form.
fn scale() -> usize {
    let scale = std::env::var(SCALE).ok();
    scale.map_or(1, |scale| scale.parse().expect("a whole number"))
}

/// Set by `scripts/hostile`.
const SCALE: &str = "MEET_SIGNAL_HOSTILE_SCALE";
