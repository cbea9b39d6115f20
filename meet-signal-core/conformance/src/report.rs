//! The result of a run.

use std::fmt;

use crate::requirement::Requirement;

/// The result of one requirement's test.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The server meets the requirement.
    Passed,
    /// The server violates the requirement; the text describes how.
    Failed(String),
    /// The requirement concerns what an application does, and the suite has no
    /// [hub](crate::Target::hub).
    Skipped,
}

/// The outcome of each requirement, in the order of the protocol. `Display` writes a list.
#[derive(Debug, Clone)]
#[must_use = "a report may contain failures"]
pub struct Report {
    results: Vec<(Requirement, Outcome)>,
}

impl Report {
    pub(crate) fn new(results: Vec<(Requirement, Outcome)>) -> Self {
        Self { results }
    }

    /// Each requirement with its outcome.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Requirement, &Outcome)> {
        self.results.iter().map(|(requirement, outcome)| (*requirement, outcome))
    }

    /// Asserts that no requirement failed. A skipped requirement is not a failure.
    ///
    /// # Panics
    ///
    /// A requirement failed. The message lists all failures.
    #[track_caller]
    pub fn assert_passed(&self) {
        let failures: Vec<_> = self
            .iter()
            .filter_map(|(requirement, outcome)| match outcome {
                Outcome::Failed(violation) => {
                    Some(format!("\n  {}: {violation}", requirement.name))
                }
                Outcome::Passed | Outcome::Skipped => None,
            })
            .collect();
        let (count, all) = (failures.len(), self.results.len());
        assert!(failures.is_empty(), "{count} of {all} requirements failed:{}", failures.concat());
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut section = 0;
        for (requirement, outcome) in self.iter() {
            if requirement.section != section {
                section = requirement.section;
                writeln!(f, "{section}. {}", requirement.section_title())?;
            }
            write!(f, "  {outcome:7} {}", requirement.name)?;
            if let Outcome::Failed(violation) = outcome {
                write!(f, ": {violation}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Passed => "pass",
            Self::Failed(_) => "FAIL",
            Self::Skipped => "skipped",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcomes: [Outcome; 3]) -> Report {
        let requirements = [("one", 1), ("two", 1), ("three", 4)];
        let requirements = requirements.map(|(name, section)| Requirement { name, section });
        Report::new(requirements.into_iter().zip(outcomes).collect())
    }

    #[test]
    fn lists_requirements_by_section() {
        let failed = Outcome::Failed("violation".to_owned());
        let list = report([Outcome::Passed, failed, Outcome::Skipped]).to_string();
        assert_eq!(
            list,
            "1. Frame and envelope\n  pass    one\n  FAIL    two: violation\n\
             4. Liveness\n  skipped three\n"
        );
    }

    #[test]
    fn a_skipped_requirement_is_no_failure() {
        report([Outcome::Passed, Outcome::Passed, Outcome::Skipped]).assert_passed();
    }

    #[test]
    #[should_panic(expected = "2 of 3 requirements failed:\n  one: this\n  three: that")]
    fn a_panic_lists_all_failures() {
        let failed = |violation: &str| Outcome::Failed(violation.to_owned());
        report([failed("this"), Outcome::Passed, failed("that")]).assert_passed();
    }
}
