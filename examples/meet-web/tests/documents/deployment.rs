//! `docs/deployment.md` shows the code of the Meet applications, and no other.

use pulldown_cmark::{CodeBlockKind, Event, Tag, TextMergeStream};

use super::{markdown, read};

#[test]
fn the_guide_shows_the_code_of_the_examples() {
    let files = [
        "meet-axum/src/main.rs",
        "meet-axum/src/server.rs",
        "meet-actix/src/main.rs",
        "meet-web/src/stop.rs",
    ]
    .map(|file| read(format!("examples/{file}")));
    let guide = read("docs/deployment.md");
    let events: Vec<_> = TextMergeStream::new(markdown(&guide)).collect();
    let excerpts = events.windows(2).filter_map(|pair| match pair {
        [Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))), Event::Text(code)] => {
            (&**language == "rust").then_some(&**code)
        }
        _ => None,
    });
    let excerpts: Vec<_> = excerpts.collect();
    assert!(excerpts.len() > 3, "the guide shows code");
    for excerpt in excerpts {
        assert!(files.iter().any(|file| file.contains(excerpt)), "not in an example:\n{excerpt}");
    }
}
