//! Every relative link in the project's pages leads to a file and, if it names one, to a heading.

use std::{collections::BTreeSet, fs, path::Path};

use pulldown_cmark::{Event, Tag, TagEnd};

use super::{files_in, markdown, root};

#[test]
fn every_relative_link_resolves() {
    let root = root();
    let top =
        fs::read_dir(&root).expect("the project").map(|entry| entry.expect("an entry").path());
    let mut pages: Vec<_> = top.filter(|path| path.is_file()).collect();
    pages.extend(files_in(&root.join("docs")));
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    assert!(pages.len() > 3, "the pages are there: {pages:?}");

    let mut broken = Vec::new();
    for page in &pages {
        let text = fs::read_to_string(page).expect("a page");
        let links = links(&text).into_iter().filter(|link| !resolves(page, link));
        broken.extend(links.map(|link| format!("{}: {link}", page.display())));
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn links_and_anchors_are_those_that_a_reader_sees() {
    let page = "\
# The *wire* protocol, version 1\n\
## `Limits`, and [what they are](limits.md)\n\
## Not_yet: done?\n\
## Not_yet: done?\n\
```sh\n\
# [code](f)\n\
```\n\
![picture](a.png) and [text](b.md#c \"title\"), not `[code](d)`\n\n\
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

/// The targets of links and pictures, then those of reference definitions.
fn links(page: &str) -> Vec<String> {
    let parser = markdown(page);
    let definitions = parser.reference_definitions().iter();
    let mut defined: Vec<_> = definitions.map(|(_, it)| it.dest.to_string()).collect();
    defined.sort();
    let target = |event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            Some(dest_url.into_string())
        }
        _ => None,
    };
    parser.filter_map(target).chain(defined).collect()
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
    let has_anchor =
        || fs::read_to_string(&target).is_ok_and(|text| anchors_of(&text).contains(anchor));
    target.exists() && (anchor.is_empty() || has_anchor())
}

/// What GitHub makes of the headings: lower case, hyphens for spaces, no punctuation, and a number
/// if another heading has the same anchor.
fn anchors_of(page: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut heading = None;
    for event in markdown(page) {
        match (event, &mut heading) {
            (Event::Start(Tag::Heading { .. }), _) => heading = Some(String::new()),
            (Event::Text(text) | Event::Code(text), Some(title)) => title.push_str(&text),
            (Event::End(TagEnd::Heading(_)), Some(title)) => {
                let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
                let anchor = title.to_lowercase().chars().filter(kept).collect::<String>();
                let anchor = anchor.replace(' ', "-");
                let numbered = (1..).map(|n| format!("{anchor}-{n}"));
                let mut names = [anchor.clone()].into_iter().chain(numbered);
                anchors.extend(names.find(|name| !anchors.contains(name)));
                heading = None;
            }
            _ => {}
        }
    }
    anchors
}
