//! Measures meet-signal beside the floors and the peers, and writes `benches/RESULTS.md`.
//!
//! Each scenario is played to each server in turn, and all of that several times over: whatever else
//! the machine does, it does to all of them.

mod chart;
mod machine;
mod margin;
mod plan;
mod report;
mod results;
mod server;
mod target;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use clap::{Parser, builder::PossibleValuesParser};

use crate::{
    plan::{Plan, plans},
    results::Results,
    server::{Kind, Running, Server, servers},
};

#[derive(Debug, Parser)]
#[command(about = "Measures meet-signal beside other signaling servers")]
struct Options {
    /// How often everything is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long one measurement takes, in seconds.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// These scenarios only.
    #[arg(long, value_delimiter = ',')]
    #[arg(value_parser = PossibleValuesParser::new(plans().iter().map(|plan| plan.name)))]
    only: Vec<String>,
    /// These servers only.
    #[arg(long, value_delimiter = ',')]
    #[arg(value_parser = PossibleValuesParser::new(servers().iter().map(|server| server.name)))]
    servers: Vec<String>,
    /// Only that everything runs: no peers, few connections, no report.
    #[arg(long)]
    smoke: bool,
    /// Where the measurements go as they are made, one JSON object a line.
    #[arg(long, default_value = "target/bench-results.jsonl")]
    raw: PathBuf,
    /// Adds to what `--raw` holds, and reports all of it.
    #[arg(long)]
    append: bool,
    /// Measures nothing: the report is of what `--raw` holds.
    #[arg(long)]
    render: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = if options.render { Results::read(&options.raw) } else { measure(&options) };
    let written = done.and_then(|results| {
        if options.smoke { Ok(()) } else { report::write(&results, Path::new("benches")) }
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> io::Result<Results> {
    let mut results = Results::create((!options.smoke).then_some(&*options.raw), options.append)?;
    let chosen =
        |names: &[String], name: &str| names.is_empty() || names.iter().any(|it| it == name);
    let mut failures = Vec::new();
    for round in 0..options.rounds {
        let is_due = |plan: &Plan| options.smoke || !plan.on_request || !options.only.is_empty();
        for plan in plans().iter().filter(|it| is_due(it) && chosen(&options.only, it.name)) {
            for server in servers() {
                let wanted = plan.is_for(&server)
                    && chosen(&options.servers, server.name)
                    && !(options.smoke && server.kind == Kind::Peer);
                if !wanted {
                    continue;
                }
                eprintln!("round {}, {} to {}", round + 1, plan.name, server.name);
                match play(plan, &server, options) {
                    Ok(line) => results.add(round, plan.name, server.name, &line)?,
                    Err(error) => {
                        failures.push(format!("{} to {}: {error}", plan.name, server.name));
                    }
                }
            }
        }
    }
    if results.is_empty() && failures.is_empty() {
        return Err(io::Error::other("none of these scenarios is for any of these servers"));
    }
    // What was measured is kept, whatever failed.
    if failures.is_empty() || !options.smoke {
        failures.iter().for_each(|failure| eprintln!("{failure}"));
        return Ok(results);
    }
    Err(io::Error::other(failures.join("\n")))
}

/// Starts a server, plays a scenario to it, and stops it.
fn play(plan: &Plan, server: &Server, options: &Options) -> io::Result<String> {
    if server.kind == Kind::InProcess {
        return output(Command::new(own("in-process")?).args(options.smoke.then_some("--smoke")));
    }
    let running = Running::start(server, plan)?;
    let mut load = Command::new(own("load")?);
    load.args(["--server", &running.address(), "--pid", &running.pid().to_string()])
        .args(["--protocol", server.protocol])
        .args(["--deadline", &(options.seconds + PATIENCE).ceil().to_string()])
        .args(plan.arguments(options.seconds, options.smoke));
    output(&mut load)
}

fn output(command: &mut Command) -> io::Result<String> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("ended with {}", output.status)));
    }
    String::from_utf8(output.stdout).map_err(io::Error::other)
}

/// A program of this crate.
fn own(name: &str) -> io::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if fs::exists(&path)? {
        Ok(path)
    } else {
        Err(io::Error::other(format!("build {name} first: benches/run does")))
    }
}

/// How many seconds a measurement may take beyond its time: with a slow server, thousands join in
/// half a minute.
const PATIENCE: f64 = 120.0;
