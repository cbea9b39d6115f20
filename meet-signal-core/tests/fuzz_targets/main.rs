//! The targets of `fuzz`, without a fuzzer: over the committed corpus, over mutilations of it, and
//! over random bytes.

mod envelope;
mod session;

use std::{fs, path::Path};

use meet_signal_core::testing::strategies;
use proptest::{collection::vec, prelude::*, sample::Index};

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in strategies::frame_text()) {
        envelope::run(text.as_bytes());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        envelope::run(&bytes);
    }

    #[test]
    fn mutilated_frames_are_read_or_refused(seed in any::<Index>(), edits in edits()) {
        envelope::run(&mutilated(&corpus("envelope"), seed, &edits));
    }

    #[test]
    fn any_operations_leave_nothing_behind(bytes in vec(any::<u8>(), 0..1_000)) {
        session::run(&bytes);
    }

    #[test]
    fn mutilated_operations_leave_nothing_behind(seed in any::<Index>(), edits in edits()) {
        session::run(&mutilated(&corpus("session"), seed, &edits));
    }
}

#[test]
fn the_corpus_passes() {
    corpus("envelope").iter().for_each(|bytes| envelope::run(bytes));
    corpus("session").iter().for_each(|bytes| session::run(bytes));
}

/// Where to put which bytes in the place of how many.
fn edits() -> impl Strategy<Value = Vec<(Index, u8, Vec<u8>)>> {
    vec((any::<Index>(), 0..8_u8, vec(any::<u8>(), 0..8)), 1..6)
}

fn mutilated(corpus: &[Vec<u8>], seed: Index, edits: &[(Index, u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = seed.get(corpus).clone();
    for (at, gone, come) in edits {
        let from = at.index(bytes.len() + 1);
        let to = (from + usize::from(*gone)).min(bytes.len());
        bytes.splice(from..to, come.iter().copied());
    }
    bytes
}

/// The committed files.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = fs::read_dir(folder).expect("the corpus is there");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    assert!(files.len() >= 4, "the corpus is more than this: {files:?}");
    files.iter().map(|file| fs::read(file).expect("a file")).collect()
}
