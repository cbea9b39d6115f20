//! Measures meet-signal beside the floors and the peers, and writes `benches/RESULTS.md`.
//!
//! Each round runs each scenario against each server in turn, so that other load on the machine affects
//! all of them.

mod chart;
mod format;
mod machine;
mod margin;
mod report;
mod results;
mod running;
mod suite;

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use clap::{Parser, builder::PossibleValuesParser};

use crate::{
    results::Results,
    running::{Running, program},
    suite::{Kind, SUITE, Scenario, Server},
};

#[derive(Debug, Parser)]
#[command(about = "Measures meet-signal beside other signaling servers")]
struct Options {
    /// How many times everything is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long one measurement takes, in seconds.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// These scenarios only.
    #[arg(long, value_delimiter = ',')]
    #[arg(value_parser = PossibleValuesParser::new(SUITE.scenarios.iter().map(|it| &*it.name)))]
    only: Vec<String>,
    /// These servers only.
    #[arg(long, value_delimiter = ',')]
    #[arg(value_parser = PossibleValuesParser::new(SUITE.servers.iter().map(|it| &*it.name)))]
    servers: Vec<String>,
    /// Only checks that everything runs: no peers, few connections, no report.
    #[arg(long)]
    smoke: bool,
    /// The file of the measurements, one JSON object a line.
    #[arg(long, default_value = "target/bench-results.jsonl")]
    raw: PathBuf,
    /// Appends to the measurements in `--raw`, and reports all of them.
    #[arg(long)]
    append: bool,
    /// Measures nothing, and reports the measurements in `--raw`.
    #[arg(long)]
    render: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let results = if options.render { Results::read(&options.raw)? } else { measure(options)? };
    if options.smoke { Ok(()) } else { report::write(&results, Path::new("benches")) }
}

fn measure(options: &Options) -> io::Result<Results> {
    let mut results = Results::create((!options.smoke).then_some(&*options.raw), options.append)?;
    let mut failures = Vec::new();
    for round in 0..options.rounds {
        for (scenario, server) in options.selected() {
            let name = format!("{} to {}", scenario.name, server.name);
            eprintln!("round {}, {name}", round + 1);
            match play(scenario, server, options) {
                Ok(line) => results.add(round, &scenario.name, &server.name, &line)?,
                Err(error) => failures.push(format!("{name}: {error}")),
            }
        }
    }
    if results.is_empty() && failures.is_empty() {
        return Err(io::Error::other("none of these scenarios is for any of these servers"));
    }
    // A failure does not discard what was measured.
    if failures.is_empty() || !options.smoke {
        failures.iter().for_each(|failure| eprintln!("{failure}"));
        return Ok(results);
    }
    Err(io::Error::other(failures.join("\n")))
}

impl Options {
    /// Each scenario with each server that takes part in it.
    fn selected(&self) -> impl Iterator<Item = (&'static Scenario, &'static Server)> {
        let chosen = |names: &[String], name| names.is_empty() || names.contains(name);
        let scenarios = SUITE.scenarios.iter().filter(move |it| {
            let is_due = self.smoke || !it.on_request || !self.only.is_empty();
            is_due && chosen(&self.only, &it.name)
        });
        scenarios.flat_map(move |scenario| {
            let servers = SUITE.servers.iter().filter(move |it| {
                scenario.kinds.contains(&it.kind)
                    && chosen(&self.servers, &it.name)
                    && !(self.smoke && it.kind == Kind::Peer)
            });
            servers.map(move |server| (scenario, server))
        })
    }
}

/// Starts a server, runs a scenario against it, and stops it.
fn play(scenario: &Scenario, server: &Server, options: &Options) -> io::Result<String> {
    let arguments = if options.smoke { &scenario.smoke } else { &scenario.load };
    let arguments = arguments.replace("SECONDS", &options.seconds.to_string());
    if server.kind == Kind::InProcess {
        return output(Command::new(program(&server.command)?).args(arguments.split_whitespace()));
    }
    let running = Running::start(server, &scenario.server)?;
    let mut load = Command::new(program("load")?);
    load.args(["--server", &running.address(), "--pid", &running.pid().to_string()])
        .args(["--protocol", &server.protocol])
        .args(["--deadline", &(options.seconds + TIMEOUT).ceil().to_string()])
        .args(arguments.split_whitespace());
    output(&mut load)
}

fn output(command: &mut Command) -> io::Result<String> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("ended with {}", output.status)));
    }
    String::from_utf8(output.stdout).map_err(io::Error::other)
}

/// How many seconds a measurement may take beyond its time: with a slow server, thousands join in
/// half a minute.
const TIMEOUT: f64 = 120.0;
