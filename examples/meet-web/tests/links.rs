//! No relative link in the project's pages leads nowhere, to a file or to a heading.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

#[test]
fn every_relative_link_resolves() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages = pages_of(&root, false);
    pages.extend(pages_of(&root.join("docs"), true));
    assert!(pages.len() > 3, "the pages are there: {pages:?}");

    let broken: Vec<String> = pages
        .iter()
        .flat_map(|page| links(&prose(page)).into_iter().map(move |link| (page, link)))
        .filter(|(page, link)| !resolves(page, link))
        .map(|(page, link)| format!("{}: {link}", page.strip_prefix(&root).unwrap().display()))
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn links_and_anchors_are_those_that_a_reader_sees() {
    let page = "\
# The *wire* protocol, version 1\n\
## `Limits`, and [what they are](limits.md)\n\
## Not_yet: done?\n\
## Not_yet: done?\n\
![picture](a.png) and [text](b.md#c \"title\"), not `[code](d)`\n\
[reference]: e.md\n";
    assert_eq!(links(page), ["limits.md", "a.png", "b.md#c", "e.md"]);
    let anchors = [
        "the-wire-protocol-version-1",
        "limits-and-what-they-are",
        "not_yet-done",
        "not_yet-done-1",
    ];
    assert_eq!(anchors_of(page), anchors.map(str::to_owned).into());
}

fn pages_of(folder: &Path, recursive: bool) -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the project") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() && recursive {
            pages.extend(pages_of(&path, true));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    pages
}

/// A page without its blocks of code.
fn prose(page: &Path) -> String {
    let text = fs::read_to_string(page).expect("a page");
    let mut in_code = false;
    let outside = |line: &&str| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    };
    text.lines().filter(outside).fold(String::new(), |text, line| text + line + "\n")
}

/// The targets of `[text](target)`, `![text](target "title")` and `[name]: target`.
fn links(prose: &str) -> Vec<String> {
    let mut links = Vec::new();
    for line in prose.lines() {
        // Every second piece is inside of `code`.
        let text: String = line.split('`').step_by(2).collect();
        let inline = text.split("](").skip(1).map(|rest| rest.split([')', ' ']).next());
        links.extend(inline.flatten().map(str::to_owned));
        if let Some((_, target)) = text.strip_prefix('[').and_then(|rest| rest.split_once("]: ")) {
            links.push(target.to_owned());
        }
    }
    links
}

fn resolves(page: &Path, link: &str) -> bool {
    if link.contains("://") || link.starts_with("mailto:") {
        return true;
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = match path {
        "" => page.to_owned(),
        path => page.parent().expect("a page is in a folder").join(path),
    };
    target.exists() && (anchor.is_empty() || anchors_of(&prose(&target)).contains(anchor))
}

/// What GitHub makes of the headings: lower case, hyphens for spaces, no punctuation, and a number
/// where that is not unique.
fn anchors_of(prose: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for heading in prose.lines().filter(|line| line.starts_with('#')) {
        let title = heading.trim_start_matches('#').trim();
        let seen = title.split("](").enumerate().map(|(n, piece)| match n {
            0 => piece,
            _ => piece.split_once(')').map_or("", |(_, rest)| rest),
        });
        let anchor: String = seen
            .flat_map(str::chars)
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() })
            .collect();
        let same = (1..).map(|n| format!("{anchor}-{n}"));
        let free = [anchor.clone()].into_iter().chain(same).find(|name| !anchors.contains(name));
        anchors.extend(free);
    }
    anchors
}
