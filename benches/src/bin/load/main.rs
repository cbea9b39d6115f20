//! The load generator: plays participants of one scenario to one server, and says what it cost the
//! server. Prints a line for a person to the standard error, and one of JSON to the standard output.

mod metrics;
mod payload;
mod peer;
mod process;
mod protocol;
mod scenario;
mod websocket;

use std::{io, net::SocketAddr, process::ExitCode, time::Duration};

use clap::Parser;
use tokio::{task::LocalSet, time::timeout};

use crate::{peer::Target, process::Process, protocol::Protocol, scenario::Scenario};

#[derive(Debug, Parser)]
#[command(about = "Plays participants to a signaling server")]
struct Options {
    /// Where the server listens.
    #[arg(long)]
    server: SocketAddr,
    /// The server's process.
    #[arg(long)]
    pid: u32,
    /// What it speaks.
    #[arg(long, value_enum, default_value = "meet-signal")]
    protocol: Protocol,
    /// After so many seconds, something is wrong.
    #[arg(long, default_value_t = 120)]
    deadline: u64,
    #[command(subcommand)]
    scenario: Scenario,
}

// One thread: the generator is not to be in the server's way.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    match LocalSet::new().run_until(run(&options)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", options.scenario.name());
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> io::Result<()> {
    let Options { server, protocol, ref scenario, .. } = *options;
    let target = Target { server, protocol, length: scenario.length() };
    let running = scenario.run(target, Process(options.pid));
    let deadline = Duration::from_secs(options.deadline);
    let metrics =
        timeout(deadline, running).await.map_err(|_| io::Error::other("not done in time"))??;
    eprintln!("{}: {}", scenario.name(), metrics.line());
    println!("{}", serde_json::to_string(&metrics).expect("numbers"));
    Ok(())
}
