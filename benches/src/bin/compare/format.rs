//! Numbers as RESULTS.md and its charts show them.

use crate::results::Spread;

/// Three digits or more, with a comma between thousands from 10,000 on.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1e4 => grouped(value),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The median, with the extremes if they differ.
pub(crate) fn spread(spread: Option<Spread>) -> String {
    let Some(Spread { min, median, max }) = spread else { return "–".into() };
    let [min, median, max] = [min, median, max].map(number);
    if min == max { median } else { format!("{median} ({min}–{max})") }
}

fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::from(if value < 0.0 { "-" } else { "" });
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let shown = [0.123, 7.0, 12.34, 123.4, 5_000.0, 12_345.6, 1_234_567.0].map(number);
        assert_eq!(shown, ["0.12", "7.00", "12.3", "123", "5000", "12,346", "1,234,567"]);
    }
}
