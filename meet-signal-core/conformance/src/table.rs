//! The Markdown table that shows which adapter meets which requirement.

use std::{collections::HashMap, env, fmt, fs, path::Path};

use crate::{report::Report, requirements::requirements};

impl Report {
    /// Asserts that the Markdown table at `path` has this report in the column of `adapter`, and
    /// the suite's requirements as its rows.
    ///
    /// If the environment variable `MEET_SIGNAL_RECORD` is set, it writes the report to the file
    /// instead, failures included. It keeps the columns of other adapters, and the text before the
    /// first section.
    ///
    /// # Panics
    ///
    /// The table differs, or the file cannot be read or written.
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
            panic!("{path} differs from this report (MEET_SIGNAL_RECORD=1 writes it):\n{self}");
        }
    }
}

/// The file: text, then one table for each section.
#[derive(Debug, Default)]
struct Table {
    intro: String,
    adapters: Vec<String>,
    /// By requirement and adapter.
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
            let requirement = cells.next().unwrap_or_default();
            if requirement == FIRST_COLUMN {
                table.adapters = cells.collect();
                continue;
            }
            for (adapter, cell) in table.adapters.iter().zip(cells) {
                table.cells.insert((requirement.clone(), adapter.clone()), cell);
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
        self.cells.extend(report.iter().map(|(requirement, outcome)| {
            ((requirement.name.to_owned(), adapter.to_owned()), outcome.to_string())
        }));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.intro)?;
        let mut section = 0;
        for requirement in requirements() {
            if requirement.section != section {
                section = requirement.section;
                write!(f, "{HEADING}{section}. {}\n\n", requirement.section_title())?;
                writeln!(f, "| {FIRST_COLUMN} | {} |", self.adapters.join(" | "))?;
                writeln!(f, "|---{}|", "|---".repeat(self.adapters.len()))?;
            }
            write!(f, "| {} |", requirement.name)?;
            for adapter in &self.adapters {
                let key = (requirement.name.to_owned(), adapter.clone());
                // The adapter's last run did not have this requirement.
                let cell = self.cells.get(&key).map_or("?", String::as_str);
                write!(f, " {cell} |")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

const HEADING: &str = "\n## ";

/// The heading of the column of requirements.
const FIRST_COLUMN: &str = "requirement";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Outcome;

    fn all(outcome: &Outcome) -> Report {
        Report::new(requirements().map(|requirement| (requirement, outcome.clone())).collect())
    }

    #[test]
    fn a_written_table_parses_to_the_same_table() {
        let mut table = Table::parse("# Title\n\nSome text.\n");
        table.record("one", &all(&Outcome::Passed));
        table.record("two", &all(&Outcome::Skipped));
        let written = table.to_string();
        assert!(written.starts_with("# Title\n\nSome text.\n\n## 1. Frame and envelope\n\n"));
        assert!(written.contains("\n| requirement | one | two |\n|---|---|---|\n"));
        assert!(written.contains("\n| a binary frame closes with 1003 | pass | skipped |\n"));
        assert_eq!(Table::parse(&written).to_string(), written);
    }

    #[test]
    fn recording_replaces_one_column_and_keeps_the_others() {
        let mut table = Table::default();
        table.record("one", &all(&Outcome::Passed));
        table.record("two", &all(&Outcome::Passed));
        let before = table.to_string();
        table.record("one", &all(&Outcome::Failed("violation".to_owned())));
        assert_eq!(table.to_string(), before.replace("| pass | pass |", "| FAIL | pass |"));
    }

    #[test]
    fn the_rows_are_the_requirements_of_the_suite() {
        let stale = "\n\n## 1. Old\n\n| requirement | one |\n|---|---|\n| obsolete | pass |\n";
        let written = Table::parse(stale).to_string();
        assert!(!written.contains("obsolete"));
        assert!(written.contains("\n| a binary frame closes with 1003 | ? |\n"));
        let rows = written.lines().filter(|line| line.ends_with("| ? |")).count();
        assert_eq!(rows, requirements().len());
    }
}
