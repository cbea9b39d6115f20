//! The load generator: runs one scenario against one server, and measures what it costs the server.
//! Prints a readable line to the standard error, and a line of JSON to the standard output.

mod codec;
mod metrics;
mod payload;
mod peer;
mod process;
mod protocol;
mod recorder;
mod scenario;
mod websocket;

use std::{io, net::SocketAddr, process::ExitCode, time::Duration};

use clap::Parser;
use tokio::{task::LocalSet, time::timeout};

use crate::{peer::Target, process::Process, protocol::Protocol, scenario::Scenario};

#[derive(Debug, Parser)]
#[command(about = "Runs a scenario against a signaling server")]
struct Options {
    /// The address of the server.
    #[arg(long)]
    server: SocketAddr,
    /// The process of the server.
    #[arg(long)]
    pid: u32,
    /// The protocol of the server.
    #[arg(long, value_enum, default_value = "meet-signal")]
    protocol: Protocol,
    /// Fails after so many seconds.
    #[arg(long, default_value_t = 120)]
    deadline: u64,
    #[command(subcommand)]
    scenario: Scenario,
}

// One thread, because the server needs the other cores.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    match LocalSet::new().run_until(run(&options)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
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
    eprintln!("{}", metrics.line());
    println!("{}", serde_json::to_string(&metrics).expect("numbers"));
    Ok(())
}
