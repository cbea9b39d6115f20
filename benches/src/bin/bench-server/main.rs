//! meet-signal, as an application would mount it, and with limits that no benchmark reaches.

mod adapter;

use std::{io, net::TcpListener, time::Duration};

use clap::{Parser, ValueEnum};
use meet_signal_core::{Hub, Limits};

#[derive(Debug, Parser)]
#[command(about = "Serves /signal/{room}")]
struct Options {
    #[arg(long, value_enum)]
    adapter: Adapter,
    /// On 127.0.0.1.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// How long a session outlives its socket, in seconds.
    #[arg(long, default_value_t = 30)]
    grace: u64,
    /// Keep no sent frames for a resume, to see what keeping them costs.
    #[arg(long)]
    forget: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Adapter {
    Axum,
    Actix,
    Tungstenite,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    let listener = TcpListener::bind(("127.0.0.1", options.port))?;
    listener.set_nonblocking(true)?;
    println!("http://{}", listener.local_addr()?);
    let hub = hub(Duration::from_secs(options.grace), options.forget);
    match options.adapter {
        Adapter::Axum => adapter::axum(listener, hub),
        Adapter::Actix => adapter::actix(listener, hub),
        Adapter::Tungstenite => adapter::tungstenite(listener, hub),
    }
}

/// All features are as they are by default; only the limits are out of reach.
fn hub(grace: Duration, forget: bool) -> Hub {
    let mut limits = Limits::builder()
        .rate_per_second(1_000_000)
        .rate_burst(1_000_000)
        .rate_bytes_per_second(1 << 30)
        .rate_burst_bytes(1 << 30)
        .room_joins_per_minute(1_000_000)
        .updates_per_minute(1_000_000)
        .resumes_per_minute(1_000_000)
        .room_peers(10_000)
        .sessions(10_000_000)
        .hub_bytes(usize::MAX)
        .address_connections(u32::MAX)
        .address_joins_per_minute(1_000_000)
        .address_away(u32::MAX)
        .grace(grace);
    if forget {
        limits = limits.unacknowledged_frames(0).unacknowledged_bytes(0);
    }
    Hub::new(limits.build().expect("within their ranges"))
}
