//! RESULTS.md, and its charts.

use std::{fmt::Write as _, fs, io, path::Path};

use crate::{
    chart::Chart,
    machine, margin,
    results::{Results, Spread},
    server::{Kind, Server, servers},
    target::{Bound, Target, targets},
};

/// Writes `RESULTS.md` and `charts` into a folder.
pub(crate) fn write(results: &Results, folder: &Path) -> io::Result<()> {
    let charts = folder.join("charts");
    fs::create_dir_all(&charts)?;
    let mut text = head(results);
    let targets = targets(results);
    text.push_str(&target_table(&targets));
    text.push_str(&margin::table(results, &targets));
    text.push_str(PROFILE);
    for section in SECTIONS {
        if let Some((table, chart)) = section.render(results) {
            write!(text, "\n## {}\n\n{}\n\n", section.title, section.about).expect("a string");
            if let Some((_, caption)) = section.chart {
                fs::write(charts.join(format!("{}.svg", section.scenario)), chart.svg())?;
                writeln!(text, "![{caption}](charts/{}.svg)\n", section.scenario)
                    .expect("a string");
            }
            text.push_str(&table);
        }
    }
    text.push_str(&in_process(results));
    fs::write(folder.join("RESULTS.md"), text)
}

/// Three digits, whatever the size.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1e4 => grouped(value),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
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

fn target_table(targets: &[Target]) -> String {
    let mut text =
        String::from("## Targets\n\n| target | bound | measured | |\n|---|---|---|---|\n");
    for target in targets {
        let bound = match target.bound {
            Bound::AtMost(bound) => format!("≤ {}", number(bound)),
            Bound::AtLeast(bound) => format!("≥ {}", number(bound)),
            Bound::None => "–".into(),
        };
        let verdict = match (target.is_met(), target.missed_by()) {
            (None, _) => String::new(),
            (Some(true), _) => "met".into(),
            (Some(false), Some(by)) => format!("**missed by {:.0} %**", by * 100.0),
            (Some(false), None) => "**missed**".into(),
        };
        let measured = cell(target.measured);
        writeln!(text, "| {} | {bound} | {measured} | {verdict} |", target.claim)
            .expect("a string");
    }
    text
}

/// A scenario's part of the report.
struct Section {
    scenario: &'static str,
    title: &'static str,
    about: &'static str,
    /// The heads of the columns, and which metric each shows.
    columns: &'static [(&'static str, &'static str)],
    /// Which metric is charted, and what the chart is called.
    chart: Option<(&'static str, &'static str)>,
    /// Relative to whom the chart's metric is shown.
    relative: &'static str,
}

impl Section {
    fn render(&self, results: &Results) -> Option<(String, Chart)> {
        let (metric, caption) = self.chart.unwrap_or((self.columns[0].1, self.title));
        let mut chart = Chart::new(caption);
        let heads: Vec<_> = self.columns.iter().map(|(head, _)| *head).collect();
        let mut table = format!(
            "| server | {} | × {} |\n|---|{}---|\n",
            heads.join(" | "),
            servers().iter().find(|it| it.name == self.relative)?.title.replace("**", ""),
            "---|".repeat(heads.len()),
        );
        let mut rows = 0;
        for server in servers() {
            let Some(spread) = results.get((self.scenario, server.name, metric)) else { continue };
            let cells: Vec<_> = self
                .columns
                .iter()
                .map(|(_, metric)| cell(results.get((self.scenario, server.name, metric))))
                .collect();
            let relative = results.ratio(
                (self.scenario, server.name, metric),
                (self.scenario, self.relative, metric),
            );
            let (title, cells, relative) = (server.title, cells.join(" | "), cell(relative));
            writeln!(table, "| {title} | {cells} | {relative} |").expect("a string");
            chart.bar(title, spread, class(&server));
            rows += 1;
        }
        (rows > 0).then_some((table, chart))
    }
}

fn in_process(results: &Results) -> String {
    let get = |metric: &str| results.get(("in-process", "in-process", metric));
    if get("join_beside_1_room_ns").is_none() {
        return String::new();
    }
    let mut text = String::from(
        "\n## The core, without a socket\n\nWhat a join takes, what a relayed message \
         takes from its text to the receiver's outbox and back out of it, and how often memory is allocated \
         for one broadcast: from the sender's frame to all outboxes.\n\n| what | measured |\n|---|---|\n",
    );
    for (what, metric, unit) in [
        ("join, one other room", "join_beside_1_room_ns", "ns"),
        ("join, 100,000 other rooms", "join_beside_100000_rooms_ns", "ns"),
        ("join, 1 in the room", "join_room_of_1_ns", "ns"),
        ("join, 8 in the room", "join_room_of_8_ns", "ns"),
        ("join, 64 in the room", "join_room_of_64_ns", "ns"),
        ("join, 512 in the room", "join_room_of_512_ns", "ns"),
        ("relay of 2 KiB", "relay_2048_ns", "ns"),
        ("of which parsing", "parse_2048_ns", "ns"),
        ("broadcast to 2", "allocations_broadcast_to_2", "allocations"),
        ("broadcast to 8", "allocations_broadcast_to_8", "allocations"),
        ("broadcast to 64", "allocations_broadcast_to_64", "allocations"),
        ("broadcast to 512", "allocations_broadcast_to_512", "allocations"),
    ] {
        writeln!(text, "| {what} | {} {unit} |", cell(get(metric))).expect("a string");
    }
    text
}

fn cell(spread: Option<Spread>) -> String {
    match spread {
        None => "–".into(),
        Some(Spread { least, median, most }) if number(least) == number(most) => number(median),
        Some(Spread { least, median, most }) => {
            format!("{} ({}–{})", number(median), number(least), number(most))
        }
    }
}

fn class(server: &Server) -> &'static str {
    match server.kind {
        Kind::Own | Kind::Reduced => "own",
        Kind::Peer => "peer",
        _ => "floor",
    }
}

/// With a comma between thousands.
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

/// Written by hand, from what perf sees.
const PROFILE: &str = include_str!("profile.md");

const SECTIONS: [Section; 9] = [
    Section {
        scenario: "relay",
        title: "Relay: as fast as it goes",
        about: "60 rooms of two play ping-pong with session descriptions of 2 KiB. One message is \
                under way in each room, so a faster server is given more to do; that is why latencies \
                are compared below, under the same load.",
        columns: &[
            ("CPU µs per message", "cpu_us"),
            ("messages/s", "per_second"),
            ("p50 µs", "p50_us"),
            ("p99 µs", "p99_us"),
        ],
        chart: Some(("cpu_us", "CPU of the server per relayed message of 2 KiB, in µs")),
        relative: "axum",
    },
    Section {
        scenario: "relay-open-loop",
        title: "Relay: the same load for all",
        about: "60 rooms of two, 2 KiB, 4,000 messages per second in all, sent on time whether or not \
                the ones before have arrived. A latency counts from when the message was due.",
        columns: &[
            ("p50 µs", "p50_us"),
            ("p99 µs", "p99_us"),
            ("p99.9 µs", "p999_us"),
            ("CPU µs per message", "cpu_us"),
            ("sent late by µs, on average", "late_us"),
        ],
        chart: Some((
            "p99_us",
            "99th percentile of the latency at 4,000 messages per second, in µs",
        )),
        relative: "axum",
    },
    Section {
        scenario: "calls",
        title: "Calls",
        about: "Each call: two connect and join, an offer and an answer of 3 KiB, twelve candidates \
                each way, both leave.",
        columns: &[
            ("CPU µs per call", "cpu_us"),
            ("calls/s", "per_second"),
            ("p50 µs", "p50_us"),
            ("p99 µs", "p99_us"),
        ],
        chart: Some(("cpu_us", "CPU of the server per call, in µs")),
        relative: "axum",
    },
    Section {
        scenario: "fan-out",
        title: "Fan-out",
        about: "One of 50 in a room sends 512 bytes to the 49 others, and again when all have them. \
                matchbox_server and the PeerJS server have no broadcast: there, the sender sends to each.",
        columns: &[
            ("CPU µs per delivery", "cpu_us"),
            ("deliveries/s", "per_second"),
            ("p99 µs", "p99_us"),
        ],
        chart: Some(("cpu_us", "CPU of the server per delivery, one message to 49, in µs")),
        relative: "axum",
    },
    Section {
        scenario: "fan-out-bursts",
        title: "Fan-out of bursts",
        about: "The same with ten messages at once.",
        columns: &[
            ("CPU µs per delivery", "cpu_us"),
            ("deliveries/s", "per_second"),
            ("p99 µs", "p99_us"),
        ],
        chart: Some(("cpu_us", "CPU of the server per delivery, ten messages to 49, in µs")),
        relative: "axum",
    },
    Section {
        scenario: "idle",
        title: "Idle connections",
        about: "2,000 connections in rooms of two. Memory is what the server's grew by.",
        columns: &[("KiB per connection", "kib_per_connection")],
        chart: Some(("kib_per_connection", "Memory of the server per idle connection, in KiB")),
        relative: "axum",
    },
    Section {
        scenario: "join-storm",
        title: "Join storm",
        about: "2,000 connect and join rooms of two, 64 at a time.",
        columns: &[
            ("CPU µs per join", "cpu_us"),
            ("joins/s", "per_second"),
            ("p50 µs", "p50_us"),
            ("p99 µs", "p99_us"),
        ],
        chart: Some(("cpu_us", "CPU of the server per join, in µs")),
        relative: "axum",
    },
    Section {
        scenario: "resume-storm",
        title: "Resume storm",
        about: "5,000 sessions lose their sockets at once, and come back, 64 at a time as when they \
                joined. No peer has sessions that could come back.",
        columns: &[
            ("CPU µs per return", "cpu_us"),
            ("CPU µs per first join", "first_join_cpu_us"),
            ("CPU µs per loss", "loss_cpu_us"),
            ("back `full`", "full"),
            ("p99 µs", "p99_us"),
        ],
        chart: None,
        relative: "axum",
    },
    Section {
        scenario: "churn",
        title: "Churn",
        about: "150 a second join one of 1,000 rooms, send, and leave, every other one by losing its \
                connection. Memory is compared between a quarter of the time and its end.",
        columns: &[
            ("CPU µs per stay", "cpu_us"),
            ("seconds", "seconds"),
            ("stays", "operations"),
            ("KiB before", "resident_before_kib"),
            ("growth in KiB", "growth_kib"),
        ],
        chart: None,
        relative: "axum",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let shown = [0.123, 7.0, 12.34, 123.4, 5_000.0, 12_345.6, 1_234_567.0].map(number);
        assert_eq!(shown, ["0.12", "7.00", "12.3", "123", "5000", "12,346", "1,234,567"]);
    }
}
