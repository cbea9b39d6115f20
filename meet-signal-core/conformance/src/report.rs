//! What a run found.

use std::fmt;

/// Something that the protocol promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Promise {
    /// What is promised, in a sentence. No two promises have the same name.
    pub name: &'static str,
    /// The section of `docs/protocol.md` that promises it: 1 to 6.
    pub section: u8,
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The server keeps the promise.
    Kept,
    /// It does not, and this is what was seen.
    Broken(String),
    /// The promise is about what an application does, and the suite was given no
    /// [hub](super::Target::hub) to do it with.
    NotDriven,
}

/// Each promise with its outcome, in the order of the protocol. Displayed, it is a list.
#[derive(Debug, Clone)]
#[must_use = "a report may tell of broken promises"]
pub struct Report {
    results: Vec<(Promise, Outcome)>,
}

impl Promise {
    /// The title of its section.
    pub fn section_title(&self) -> &'static str {
        match self.section {
            1 => "Frame and envelope",
            2 => "Joining",
            3 => "In the room",
            4 => "Liveness",
            5 => "Resuming",
            _ => "Errors and close codes",
        }
    }
}

impl Report {
    pub(crate) fn new(results: Vec<(Promise, Outcome)>) -> Self {
        Self { results }
    }

    /// Each promise with its outcome.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Promise, &Outcome)> {
        self.results.iter().map(|(promise, outcome)| (*promise, outcome))
    }

    /// Passes if no promise is broken. One that was not driven is not.
    ///
    /// # Panics
    ///
    /// Promises are broken; the panic lists them all.
    #[track_caller]
    pub fn assert_kept(&self) {
        let broken: Vec<_> = self
            .iter()
            .filter_map(|(promise, outcome)| match outcome {
                Outcome::Broken(seen) => Some(format!("\n  {}: {seen}", promise.name)),
                Outcome::Kept | Outcome::NotDriven => None,
            })
            .collect();
        let (count, all) = (broken.len(), self.results.len());
        assert!(broken.is_empty(), "{count} of {all} promises are broken:{}", broken.concat());
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut section = 0;
        for (promise, outcome) in self.iter() {
            if promise.section != section {
                section = promise.section;
                writeln!(f, "{section}. {}", promise.section_title())?;
            }
            match outcome {
                Outcome::Broken(seen) => writeln!(f, "  {outcome:10} {}: {seen}", promise.name)?,
                _ => writeln!(f, "  {outcome:10} {}", promise.name)?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kept => "kept",
            Self::Broken(_) => "BROKEN",
            Self::NotDriven => "not driven",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcomes: [Outcome; 3]) -> Report {
        let promises = [("one", 1), ("two", 1), ("three", 4)];
        let promises = promises.map(|(name, section)| Promise { name, section });
        Report::new(promises.into_iter().zip(outcomes).collect())
    }

    #[test]
    fn each_promise_is_listed_by_section() {
        let broken = Outcome::Broken("this was seen".to_owned());
        let list = report([Outcome::Kept, broken, Outcome::NotDriven]).to_string();
        assert_eq!(
            list,
            "1. Frame and envelope\n  kept       one\n  BROKEN     two: this was seen\n\
             4. Liveness\n  not driven three\n"
        );
    }

    #[test]
    fn what_was_not_driven_is_not_broken() {
        report([Outcome::Kept, Outcome::Kept, Outcome::NotDriven]).assert_kept();
    }

    #[test]
    #[should_panic(expected = "2 of 3 promises are broken:\n  one: this\n  three: that")]
    fn all_that_is_broken_is_told_at_once() {
        let broken = |seen: &str| Outcome::Broken(seen.to_owned());
        report([broken("this"), Outcome::Kept, broken("that")]).assert_kept();
    }
}
