//! Bar charts as SVG.

use std::{error::Error, path::Path};

use plotters::prelude::*;

use crate::{format, results::Spread};

pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) spread: Spread,
    pub(crate) color: RGBColor,
}

/// Draws a bar for each median, with its number and the extremes.
pub(crate) fn draw(path: &Path, title: &str, bars: &[Bar]) -> Result<(), Box<dyn Error>> {
    let last = bars.len() as i32 - 1;
    let max = bars.iter().map(|bar| bar.spread.max).fold(0.0, f64::max);
    let label = |at: &SegmentValue<i32>| match at {
        SegmentValue::CenterOf(at) => bars[(last - at) as usize].label.clone(),
        _ => String::new(),
    };
    let area = SVGBackend::new(path, (820, 44 + 26 * bars.len() as u32)).into_drawing_area();
    // The page behind it can be dark.
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(6)
        .caption(title, ("sans-serif", 18))
        .y_label_area_size(330)
        .build_cartesian_2d(0.0..max * 1.2, (0..last).into_segmented())?;
    chart
        .configure_mesh()
        .disable_mesh()
        .disable_x_axis()
        .axis_style(TRANSPARENT)
        .y_labels(bars.len())
        .y_label_style(("sans-serif", 15))
        .y_label_formatter(&label)
        .draw()?;
    for (bar, at) in bars.iter().rev().zip(0..) {
        let Spread { min, median, max } = bar.spread;
        let (low, high) = (SegmentValue::Exact(at), SegmentValue::Exact(at + 1));
        let mut shape = Rectangle::new([(0.0, low), (median, high)], bar.color.filled());
        shape.set_margin(4, 4, 0, 0);
        chart.draw_series([shape])?;
        let middle = SegmentValue::CenterOf(at);
        chart.draw_series([ErrorBar::new_horizontal(middle, min, median, max, BLACK, 6)])?;
        let number = Text::new(format::number(median), (8, -6), ("sans-serif", 15));
        chart.draw_series([EmptyElement::at((max, SegmentValue::CenterOf(at))) + number])?;
    }
    area.present()?;
    Ok(())
}
