//! Checks what was logged against `docs/logging.md`: nothing else may be in the log.

use std::collections::{BTreeMap, BTreeSet};

use meet_signal_core::PeerId;
use tracing::Level;

use crate::capture::Line;

/// What the page documents.
#[derive(Debug)]
pub(crate) struct Documented {
    /// The levels and the fields of each event.
    events: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)>,
    words: BTreeSet<String>,
}

impl Documented {
    pub(crate) fn read() -> Self {
        let mut documented = Self { events: BTreeMap::new(), words: BTreeSet::new() };
        for line in PAGE.lines().filter(|line| line.starts_with("| ")) {
            let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
            if let [name, levels, fields, _] = cells[..]
                && let [name] = &quoted(name)[..]
            {
                let levels = levels.split(", ").map(str::to_uppercase).collect();
                let fields = quoted(fields).into_iter().collect();
                documented.events.insert(name.clone(), (levels, fields));
            } else if let [_, words] = cells[..] {
                documented.words.extend(quoted(words));
            }
        }
        assert!(documented.events.len() > 10 && documented.words.len() > 30, "{documented:?}");
        documented
    }

    /// What is wrong with an event of the library. Above `trace`, each value is a number, a documented
    /// word, a tag or an id, or a text of the library, so nothing of a user can be in it.
    pub(crate) fn fault(&self, line: &Line) -> Option<&'static str> {
        let Some((levels, fields)) = self.events.get(&line.message) else {
            return Some("the event is not documented");
        };
        if line.target != "meet_signal" || !levels.contains(line.level.as_str()) {
            return Some("the target or the level is not documented");
        }
        if line.fields.keys().any(|name| !fields.contains(*name)) {
            return Some("a field is not documented");
        }
        let is_fixed = |(name, value): (&&str, &String)| match *name {
            "why" => value.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b' ' | b'`')),
            _ => is_number(value) || self.words.contains(value),
        };
        if line.level < Level::TRACE && !line.fields.iter().all(is_fixed) {
            return Some("a value is not documented");
        }
        let is_tag = |value: &str| value.len() == 16 && value.bytes().all(is_hexadecimal);
        let is_span = |(name, value): (&&str, &String)| match *name {
            "room" => is_tag(value),
            "peer" => value.parse::<PeerId>().is_ok(),
            _ => false,
        };
        (!line.span.iter().all(is_span)).then_some("a field of the span is not documented")
    }

    /// Checks events of the library. Returns the names of those that were seen.
    #[track_caller]
    pub(crate) fn check(&self, lines: &[Line]) -> BTreeSet<String> {
        for line in lines {
            assert_eq!(self.fault(line), None, "{line:?}");
        }
        lines.iter().map(|line| line.message.clone()).collect()
    }
}

/// The parts of a text between backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn is_number(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_hexadecimal(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

const PAGE: &str = include_str!("../../../docs/logging.md");
