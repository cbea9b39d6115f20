//! The code in `docs/new-adapter.md` is this example's code.

#[test]
fn the_walk_through_shows_this_code() {
    let files = [include_str!("../src/lib.rs"), include_str!("../src/conformance.rs")];
    let guide = include_str!("../../../docs/new-adapter.md");
    let excerpts: Vec<_> =
        guide.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(!excerpts.is_empty());
    for excerpt in excerpts {
        assert!(files.iter().any(|file| file.contains(excerpt)), "not in the example:\n{excerpt}");
    }
}
