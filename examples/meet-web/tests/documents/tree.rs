//! What the documents name is there: `docs/architecture.md` every source file of the libraries, and
//! `docs/semantics.md` the tests that verify the requirements.

use std::{collections::BTreeSet, fs, path::PathBuf};

use pulldown_cmark::{Event, HeadingLevel, Tag, TagEnd};

use super::{files_in, markdown, read, root};

#[test]
fn every_source_file_has_its_line() {
    let page = read("docs/architecture.md");
    let mut unnamed = Vec::new();
    let conformance = ("meet-signal-conformance", root().join("meet-signal-core/conformance"));
    let libraries = libraries();
    let libraries = libraries.iter().map(|library| {
        let name = library.file_name().and_then(|name| name.to_str()).expect("a name");
        (name, library.clone())
    });
    for (name, library) in libraries.chain([conformance]) {
        let named = rows(&page, name);
        let sources = library.join("src");
        unnamed.extend(files_in(&sources).into_iter().filter(|file| {
            // The folder's line stands for all that is in it.
            let mut within = file.strip_prefix(&sources).expect("a source").ancestors();
            !within.any(|path| path.to_str().is_some_and(|path| named.contains(path)))
        }));
    }
    assert!(unnamed.is_empty(), "docs/architecture.md does not name {unnamed:#?}");
}

#[test]
fn every_proof_is_a_test() {
    let page = read("docs/semantics.md");
    let folders = ["meet-signal-core/src", "meet-signal-core/tests", "meet-signal-actix/tests"];
    let sources: String = folders
        .into_iter()
        .flat_map(|folder| files_in(&root().join(folder)))
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .map(read)
        .collect();
    // A test's name is a sentence.
    let code = |event| if let Event::Code(code) = event { Some(code) } else { None };
    let named: Vec<_> = markdown(&page).filter_map(code).filter(|it| is_sentence(it)).collect();
    assert!(named.len() > 20, "the page names tests: {named:?}");
    // A limit is no test.
    let limits = read("meet-signal-core/src/limits.rs");
    let is_there = |name: &str| {
        sources.contains(&format!("fn {name}(")) || limits.contains(&format!("\n    {name}: "))
    };
    let missing: Vec<_> = named.iter().filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "docs/semantics.md names {missing:#?}");
}

fn is_sentence(name: &str) -> bool {
    name.chars().all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.split('_').count() > 2
}

/// The files and folders that the first column of a section's tables names.
fn rows(page: &str, section: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let (mut heading, mut in_heading, mut in_first_cell) = (String::new(), false, false);
    for event in markdown(page) {
        match event {
            Event::Start(Tag::Heading { level, .. }) if level <= HeadingLevel::H3 => {
                heading.clear();
                in_heading = true;
            }
            Event::End(TagEnd::Heading(_)) => in_heading = false,
            Event::Text(text) if in_heading => heading.push_str(&text),
            Event::Start(Tag::TableRow) => in_first_cell = true,
            Event::End(TagEnd::TableCell) => in_first_cell = false,
            Event::Code(name) if in_first_cell && heading == section => {
                names.insert(name.trim_end_matches('/').to_owned());
            }
            _ => {}
        }
    }
    assert!(!names.is_empty(), "docs/architecture.md has a section {section}");
    names
}

fn libraries() -> Vec<PathBuf> {
    let entries = fs::read_dir(root()).expect("the project").map(|entry| entry.expect("an entry"));
    let libraries: Vec<_> = entries
        .filter(|entry| {
            let name = entry.file_name();
            name == "js-client" || name.to_string_lossy().starts_with("meet-signal-")
        })
        .map(|entry| entry.path())
        .collect();
    assert!(libraries.len() >= 3, "the libraries are there: {libraries:?}");
    libraries
}
