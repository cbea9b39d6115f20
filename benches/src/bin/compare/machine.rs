//! The machine, and the versions of what was measured.

use std::{fs, process::Command};

use procfs::{CpuInfo, Current, Meminfo, sys::kernel::Version};

use crate::running::peers;

/// The processor, the memory and the system, without a host name.
pub(crate) fn machine() -> String {
    let processors = CpuInfo::current().ok();
    let cores = processors.as_ref().map_or(0, CpuInfo::num_cores);
    let model = processors.as_ref().and_then(|it| it.model_name(0)).unwrap_or("unknown processor");
    let gib = Meminfo::current().map_or(0, |it| it.mem_total >> 30);
    let kernel = Version::current()
        .map_or_else(|_| String::new(), |it| format!("{}.{}.{}", it.major, it.minor, it.patch));
    format!(
        "{cores} cores ({model}), {gib} GiB of memory, Linux {kernel}, over the loopback interface"
    )
}

/// Versions by name.
pub(crate) fn versions() -> Vec<(&'static str, String)> {
    let npm = |name: &str| {
        let manifest = peers().ok()?.join("node/node_modules").join(name).join("package.json");
        let manifest: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(manifest).ok()?).ok()?;
        Some(manifest["version"].as_str()?.to_owned())
    };
    let requirements = include_str!("../../../peers/python/requirements.txt");
    let python = |name: &str| {
        let line = requirements.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once("==")?.1.to_owned())
    };
    let install = include_str!("../../../peers/install");
    let matchbox = install.lines().find_map(|line| line.strip_prefix("readonly matchbox="));
    let versions = [
        ("Rust", version(Command::new("rustc").arg("--version"))),
        ("axum", locked(include_str!("../../../../Cargo.lock"), "axum")),
        ("actix-web", locked(include_str!("../../../../Cargo.lock"), "actix-web")),
        ("tokio-tungstenite", locked(include_str!("../../../../Cargo.lock"), "tokio-tungstenite")),
        ("socketioxide", locked(include_str!("../../../peers/rust/Cargo.lock"), "socketioxide")),
        ("matchbox_server", matchbox.map(str::to_owned)),
        ("Node", version(Command::new("node").arg("--version"))),
        ("Socket.IO", npm("socket.io")),
        ("PeerJS server", npm("peer")),
        ("y-webrtc", npm("y-webrtc")),
        ("Python", version(Command::new("python3").arg("--version"))),
        ("FastAPI", python("fastapi")),
        ("uvicorn", python("uvicorn")),
    ];
    versions.into_iter().filter_map(|(name, version)| Some((name, version?))).collect()
}

/// The first word with a digit at its beginning, or after a `v`.
fn version(command: &mut Command) -> Option<String> {
    let output = String::from_utf8(command.output().ok()?.stdout).ok()?;
    let mut words = output.split_whitespace().map(|word| word.trim_start_matches('v'));
    words.find(|word| word.starts_with(|it: char| it.is_ascii_digit())).map(str::to_owned)
}

fn locked(lock: &str, name: &str) -> Option<String> {
    let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(rest.split_once('"')?.0.to_owned())
}
