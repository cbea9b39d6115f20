//! Bar charts, as SVG that is readable on a light and on a dark page.

use std::fmt::Write;

use crate::results::Spread;

/// A chart of bars, one below the other.
pub(crate) struct Chart {
    title: String,
    bars: Vec<Bar>,
}

struct Bar {
    label: String,
    spread: Spread,
    class: &'static str,
}

impl Chart {
    pub(crate) fn new(title: &str) -> Self {
        Self { title: title.to_owned(), bars: Vec::new() }
    }

    /// Adds a bar; the class is one of the style's.
    pub(crate) fn bar(&mut self, label: &str, spread: Spread, class: &'static str) {
        let label = label.replace("**", "").replace('&', "&amp;").replace('<', "&lt;");
        self.bars.push(Bar { label, spread, class });
    }

    /// The whole file.
    pub(crate) fn svg(&self) -> String {
        let height = TOP + ROW * self.bars.len() as f64 + BOTTOM;
        let most = self.bars.iter().map(|bar| bar.spread.most).fold(0.0, f64::max);
        let scale = |value: f64| value / most * SPACE;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n<title>{title}</title>\n{STYLE}\
             <text class=\"title\" x=\"0\" y=\"20\">{title}</text>\n",
            title = self.title,
        );
        for (bar, at) in self.bars.iter().zip(0_u32..) {
            let y = TOP + ROW * f64::from(at);
            let Bar { label, spread: Spread { least, median, most }, class } = bar;
            let (middle, text) = (y + THICK / 2.0, y + THICK / 2.0 + 4.5);
            let (left, right) = (LABELS + scale(*least), LABELS + scale(*most));
            writeln!(
                svg,
                "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{label}</text>\
                 <rect class=\"{class}\" x=\"{LABELS}\" y=\"{y}\" width=\"{:.1}\" \
                 height=\"{THICK}\" rx=\"2\"/>\
                 <path class=\"spread\" d=\"M{left:.1} {middle}H{right:.1}M{left:.1} {}v6M{right:.1} {}v6\"/>\
                 <text class=\"value\" x=\"{:.1}\" y=\"{text}\">{}</text>",
                LABELS - 8.0,
                scale(*median),
                middle - 3.0,
                middle - 3.0,
                right + 8.0,
                crate::report::number(*median),
            )
            .expect("writing to a string does not fail");
        }
        svg.push_str("</svg>\n");
        svg
    }
}

const STYLE: &str = "<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 15px }
.value { font-variant-numeric: tabular-nums }
.own { fill: #1a7f5a }
.floor { fill: #9aa4af }
.peer { fill: #6c8ebf }
.spread { stroke: #1f2328; stroke-opacity: .55; fill: none }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .own { fill: #3fb27f }
  .floor { fill: #6e7781 }
  .peer { fill: #7ba1d8 }
  .spread { stroke: #e6edf3 }
}
</style>
";

const WIDTH: f64 = 820.0;
/// How far the bars are from the left edge: the longest label has room.
const LABELS: f64 = 330.0;
/// How long a bar may be; a number has room after it.
const SPACE: f64 = 410.0;
const TOP: f64 = 36.0;
const ROW: f64 = 26.0;
const THICK: f64 = 18.0;
const BOTTOM: f64 = 6.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bar_has_its_length_and_its_number() {
        let mut chart = Chart::new("Costs");
        chart.bar("**ours**", Spread { least: 5.0, median: 5.0, most: 5.0 }, "own");
        chart.bar("a <peer>", Spread { least: 9.0, median: 10.0, most: 10.0 }, "peer");
        let svg = chart.svg();
        assert!(svg.contains(">ours</text><rect class=\"own\" x=\"330\" y=\"36\" width=\"205.0\""));
        assert!(svg.contains(
            ">a &lt;peer></text><rect class=\"peer\" x=\"330\" y=\"62\" width=\"410.0\""
        ));
        assert!(svg.contains(">10.0</text>"));
    }
}
