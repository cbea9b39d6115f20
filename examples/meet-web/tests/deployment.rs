//! `docs/deployment.md` shows the code of the Meet applications, and no other.

#[test]
fn the_guide_shows_the_code_of_the_examples() {
    let files = [
        include_str!("../../meet-axum/src/main.rs"),
        include_str!("../../meet-axum/src/server.rs"),
        include_str!("../../meet-actix/src/main.rs"),
        include_str!("../src/stop.rs"),
    ];
    let guide = include_str!("../../../docs/deployment.md");
    let excerpts: Vec<_> =
        guide.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(excerpts.len() > 3, "the guide shows code");
    for excerpt in excerpts {
        assert!(files.iter().any(|file| file.contains(excerpt)), "not in an example:\n{excerpt}");
    }
}
