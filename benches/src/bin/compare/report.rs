//! RESULTS.md, and its charts.

use std::{error::Error, fmt::Write as _, fs, path::Path};

use plotters::style::RGBColor;

use crate::{
    chart::{self, Bar},
    format, machine, margin,
    results::{Key, Results},
    suite::{Kind, SUITE, Scenario, Target},
};

/// Writes `RESULTS.md` and `charts` into a folder.
pub(crate) fn write(results: &Results, folder: &Path) -> Result<(), Box<dyn Error>> {
    let charts = folder.join("charts");
    fs::create_dir_all(&charts)?;
    let mut text = head(results);
    text.push_str(&target_table(results, &SUITE.targets));
    text.push_str(&margin::table(results, &SUITE.targets));
    text.push_str(PROFILE);
    for scenario in &SUITE.scenarios {
        let table = if scenario.rows.is_empty() {
            server_table(results, scenario)?
        } else {
            metric_table(results, scenario)?
        };
        let Some(table) = table else { continue };
        write!(text, "\n## {}\n\n{}\n\n", scenario.title, scenario.about)?;
        if let Some(title) = &scenario.chart {
            let file = format!("{}.svg", scenario.name);
            chart::draw(&charts.join(&file), title, &bars(results, scenario))?;
            writeln!(text, "![{title}](charts/{file})\n")?;
        }
        text.push_str(&table);
    }
    let file = folder.join("RESULTS.md");
    if let Some(part) = fs::read_to_string(&file).ok().as_deref().and_then(start_part) {
        write!(text, "\n{part}")?;
    }
    fs::write(file, text)?;
    Ok(())
}

/// The end of the file, which `benches/start` writes.
fn start_part(former: &str) -> Option<&str> {
    former.find("<!-- benches/start -->").map(|at| &former[at..])
}

fn head(results: &Results) -> String {
    let versions: Vec<_> =
        machine::versions().iter().map(|(name, version)| format!("{name} {version}")).collect();
    format!(
        "# Results\n\n\
         Written by `benches/run`; [README.md](README.md) says what is measured and how. \
         {} rounds, medians; in brackets the least and the most of all rounds. A ratio is taken \
         within each round, so what else the machine did is in both of its sides.\n\n\
         Machine: {}.\n\nVersions: {}.\n\n",
        results.rounds(),
        machine::machine(),
        versions.join(", "),
    )
}

fn target_table(results: &Results, targets: &[Target]) -> String {
    let mut text =
        String::from("## Targets\n\n| target | bound | measured | |\n|---|---|---|---|\n");
    for target in targets {
        let bound = match (target.at_most, target.at_least) {
            (Some(bound), _) => format!("≤ {}", format::number(bound)),
            (_, Some(bound)) => format!("≥ {}", format::number(bound)),
            _ => "–".into(),
        };
        let measured = target.measured(results);
        let verdict = match target.missed_by(results) {
            Some(by) => format!("**missed by {:.0} %**", by * 100.0),
            None if measured.is_some() && bound != "–" => "met".into(),
            None => String::new(),
        };
        let measured = format::spread(measured);
        writeln!(text, "| {} | {bound} | {measured} | {verdict} |", target.claim)
            .expect("a string");
    }
    text
}

/// A row for each server that was measured.
fn server_table(results: &Results, scenario: &Scenario) -> Result<Option<String>, Box<dyn Error>> {
    let base = SUITE.servers.iter().find(|it| it.name == BASE).ok_or("no such server")?;
    let heads: Vec<_> = scenario.columns.iter().map(|(head, _)| &**head).collect();
    let mut table = format!(
        "| server | {} | × {} |\n|---|{}---|\n",
        heads.join(" | "),
        base.title.replace("**", ""),
        "---|".repeat(heads.len()),
    );
    let mut rows = 0;
    for server in &SUITE.servers {
        let key = |metric: &str| Key::new(&scenario.name, &server.name, metric);
        let compared = key(scenario.compared());
        if results.get(&compared).is_none() {
            continue;
        }
        write!(table, "| {} |", server.title)?;
        for (_, metric) in &scenario.columns {
            write!(table, " {} |", format::spread(results.get(&key(metric))))?;
        }
        let base = Key::new(&scenario.name, BASE, scenario.compared());
        writeln!(table, " {} |", format::spread(results.ratio(&compared, &base)))?;
        rows += 1;
    }
    Ok((rows > 0).then_some(table))
}

/// A row for each metric.
fn metric_table(results: &Results, scenario: &Scenario) -> Result<Option<String>, Box<dyn Error>> {
    let mut table = String::from("| what | measured |\n|---|---|\n");
    let mut measured = false;
    for (what, metric, unit) in &scenario.rows {
        let spread = results.get(&Key::new(&scenario.name, &scenario.name, metric));
        measured |= spread.is_some();
        writeln!(table, "| {what} | {} {unit} |", format::spread(spread))?;
    }
    Ok(measured.then_some(table))
}

fn bars(results: &Results, scenario: &Scenario) -> Vec<Bar> {
    let bar = |server: &crate::suite::Server| {
        let key = Key::new(&scenario.name, &server.name, scenario.compared());
        let color = match server.kind {
            Kind::Own | Kind::Reduced => GREEN,
            Kind::Peer => BLUE,
            _ => GRAY,
        };
        let label = server.title.replace("**", "");
        Some(Bar { label, spread: results.get(&key)?, color })
    };
    SUITE.servers.iter().filter_map(bar).collect()
}

/// The server that the others are compared with.
const BASE: &str = "axum";

/// Written by hand, from what perf shows.
const PROFILE: &str = include_str!("profile.md");

const GREEN: RGBColor = RGBColor(63, 178, 127);
const BLUE: RGBColor = RGBColor(122, 161, 216);
const GRAY: RGBColor = RGBColor(154, 164, 175);
