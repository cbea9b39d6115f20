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
mod process;
mod server;
mod stalling;
mod unfinished;

/// How much longer or larger an attack is than in the short form.
fn scale() -> usize {
    let scale = std::env::var("MEET_SIGNAL_HOSTILE_SCALE").ok();
    scale.map_or(1, |scale| scale.parse().expect("a whole number"))
}
