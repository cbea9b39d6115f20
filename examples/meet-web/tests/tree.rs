//! What the documents name is there: `docs/architecture.md` every source file of the libraries, and
//! `docs/semantics.md` the tests that verify the requirements.

use std::{
    fs,
    path::{Path, PathBuf},
};

#[test]
fn every_source_file_has_its_line() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/architecture.md")).expect("the page");
    let mut unnamed = Vec::new();
    let mut libraries: Vec<_> = libraries(&root).into_iter().map(|it| (name_of(&it), it)).collect();
    let conformance = root.join("meet-signal-core/conformance");
    libraries.push(("meet-signal-conformance".to_owned(), conformance));
    for (name, library) in libraries {
        let section = page.split(&format!("\n### {name}\n")).nth(1).expect(&name);
        let section = section.split("\n### ").next().unwrap_or_default();
        let sources = library.join("src");
        let files = files_in(&sources).into_iter().filter(|file| {
            // The folder's line stands for all that is in it.
            let within = file.strip_prefix(&sources).expect("a source").ancestors();
            !within.map(|path| path.display()).any(|path| {
                section.contains(&format!("\n| `{path}` |"))
                    || section.contains(&format!("\n| `{path}/` |"))
            })
        });
        unnamed.extend(files);
    }
    assert!(unnamed.is_empty(), "docs/architecture.md does not name {unnamed:#?}");
}

#[test]
fn every_proof_is_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/semantics.md")).expect("the page");
    let folders = ["meet-signal-core/src", "meet-signal-core/tests", "meet-signal-actix/tests"];
    let sources: String = folders
        .into_iter()
        .flat_map(|folder| files_in(&root.join(folder)))
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .map(|file| fs::read_to_string(file).expect("a source"))
        .collect();
    // Every other part stands in backticks, and a test's name is a sentence.
    let named: Vec<_> = page.split('`').skip(1).step_by(2).filter(|it| is_sentence(it)).collect();
    assert!(named.len() > 20, "the page names tests: {named:?}");
    // A limit is no test.
    let limits = fs::read_to_string(root.join("meet-signal-core/src/limits.rs")).expect("a source");
    let is_there = |name: &str| {
        sources.contains(&format!("fn {name}(")) || limits.contains(&format!("\n    {name}: "))
    };
    let missing: Vec<_> = named.iter().filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "docs/semantics.md names {missing:#?}");
}

fn name_of(library: &Path) -> String {
    library.file_name().and_then(|name| name.to_str()).expect("a name").to_owned()
}

fn is_sentence(name: &str) -> bool {
    name.chars().all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.split('_').count() > 2
}

fn libraries(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).expect("the project").map(|entry| entry.expect("an entry"));
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

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of sources");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { files_in(&path) } else { vec![path] }).collect()
}
