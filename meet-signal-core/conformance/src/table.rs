//! Which adapter keeps which promise, as a Markdown file that cannot rot.

use std::{collections::HashMap, env, fmt, fs, path::Path};

use crate::{report::Report, suite::promises};

impl Report {
    /// Compares this report with the adapter's column in the Markdown table at `path`. The table's
    /// rows have to be the suite's promises, and the column this report.
    ///
    /// Where the environment has `MEET_SIGNAL_RECORD`, it writes them instead, broken ones too;
    /// columns of other adapters stay, and so does all text before the first section.
    ///
    /// # Panics
    ///
    /// The table shows something else, or the file cannot be read or written.
    #[track_caller]
    pub fn assert_recorded(&self, path: impl AsRef<Path>, adapter: &str) {
        let path = path.as_ref();
        let recorded = fs::read_to_string(path).unwrap_or_default();
        let mut table = Table::parse(&recorded);
        table.record(adapter, self);
        let current = table.to_string();
        if env::var_os("MEET_SIGNAL_RECORD").is_some() {
            let written = fs::write(path, current);
            written.unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        } else if current != recorded {
            let path = path.display();
            panic!("{path} does not show this (MEET_SIGNAL_RECORD=1 writes it):\n{self}");
        }
    }
}

/// The file: text, then one table for each section.
#[derive(Debug, Default)]
struct Table {
    intro: String,
    adapters: Vec<String>,
    /// By promise and adapter.
    cells: HashMap<(String, String), String>,
}

impl Table {
    fn parse(markdown: &str) -> Self {
        let (intro, tables) = match markdown.find(HEADING) {
            Some(at) => markdown.split_at(at),
            None => (markdown, ""),
        };
        let mut table = Self { intro: intro.trim_end().to_owned(), ..Self::default() };
        for row in tables.lines().filter(|line| line.starts_with("| ")) {
            let mut cells = row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
            let promise = cells.next().unwrap_or_default();
            if promise == CORNER {
                table.adapters = cells.collect();
                continue;
            }
            for (adapter, cell) in table.adapters.iter().zip(cells) {
                table.cells.insert((promise.clone(), adapter.clone()), cell);
            }
        }
        table
    }

    fn record(&mut self, adapter: &str, report: &Report) {
        if !self.adapters.iter().any(|other| other == adapter) {
            self.adapters.push(adapter.to_owned());
        }
        self.adapters.sort();
        self.cells.retain(|(_, other), _| other != adapter);
        self.cells.extend(report.iter().map(|(promise, outcome)| {
            ((promise.name.to_owned(), adapter.to_owned()), outcome.to_string())
        }));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.intro)?;
        let mut section = 0;
        for promise in promises() {
            if promise.section != section {
                section = promise.section;
                write!(f, "{HEADING}{section}. {}\n\n", promise.section_title())?;
                writeln!(f, "| {CORNER} | {} |", self.adapters.join(" | "))?;
                writeln!(f, "|---{}|", "|---".repeat(self.adapters.len()))?;
            }
            write!(f, "| {} |", promise.name)?;
            for adapter in &self.adapters {
                let key = (promise.name.to_owned(), adapter.clone());
                // A promise that is newer than the adapter's last run.
                write!(f, " {} |", self.cells.get(&key).map_or("?", String::as_str))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

const HEADING: &str = "\n## ";

/// What stands above the promises.
const CORNER: &str = "promise";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Outcome;

    fn all(outcome: &Outcome) -> Report {
        Report::new(promises().map(|promise| (promise, outcome.clone())).collect())
    }

    #[test]
    fn what_is_written_can_be_read() {
        let mut table = Table::parse("# Title\n\nSome text.\n");
        table.record("one", &all(&Outcome::Kept));
        table.record("two", &all(&Outcome::NotDriven));
        let written = table.to_string();
        assert!(written.starts_with("# Title\n\nSome text.\n\n## 1. Frame and envelope\n\n"));
        assert!(written.contains("\n| promise | one | two |\n|---|---|---|\n"));
        assert!(written.contains("\n| a binary frame closes with 1003 | kept | not driven |\n"));
        assert_eq!(Table::parse(&written).to_string(), written);
    }

    #[test]
    fn a_column_is_replaced_and_the_others_stay() {
        let mut table = Table::default();
        table.record("one", &all(&Outcome::Kept));
        table.record("two", &all(&Outcome::Kept));
        let before = table.to_string();
        table.record("one", &all(&Outcome::Broken("seen".to_owned())));
        assert_eq!(table.to_string(), before.replace("| kept | kept |", "| BROKEN | kept |"));
    }

    #[test]
    fn rows_are_the_promises_of_the_suite() {
        let stale = "\n\n## 1. Old\n\n| promise | one |\n|---|---|\n| no promise | kept |\n";
        let written = Table::parse(stale).to_string();
        assert!(!written.contains("no promise"));
        assert!(written.contains("\n| a binary frame closes with 1003 | ? |\n"));
        let rows = written.lines().filter(|line| line.ends_with("| ? |")).count();
        assert_eq!(rows, promises().len());
    }
}
