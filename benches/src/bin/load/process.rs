//! What a server has used, as the kernel counts it.

use std::{fs, io, time::Duration};

/// A process and all that came from it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

/// What it has used so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// In user mode and in the kernel.
    pub(crate) cpu: Duration,
    /// Bytes of memory that it holds now.
    pub(crate) resident: u64,
}

impl Process {
    pub(crate) fn usage(self) -> io::Result<Usage> {
        let mut usage = Usage::default();
        for pid in self.tree()? {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
            let ticks: u64 = [UTIME, STIME, CUTIME, CSTIME]
                .iter()
                .filter_map(|at| fields(&stat).nth(*at)?.parse::<u64>().ok())
                .sum();
            usage.cpu += TICK * u32::try_from(ticks).map_err(io::Error::other)?;
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            usage.resident += resident(&status).unwrap_or_default();
        }
        Ok(usage)
    }

    /// The process, its children, theirs, and so on.
    fn tree(self) -> io::Result<Vec<u32>> {
        let mut parents: Vec<(u32, u32)> = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let Ok(pid) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
            // Whoever has ended meanwhile is nobody's child.
            let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
            if let Some(parent) = fields(&stat).nth(PPID).and_then(|it| it.parse().ok()) {
                parents.push((pid, parent));
            }
        }
        let mut tree = vec![self.0];
        let mut at = 0;
        while let Some(&parent) = tree.get(at) {
            tree.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| pid));
            at += 1;
        }
        Ok(tree)
    }
}

/// What stands in `/proc/PID/stat` after the name, which may hold anything; see proc(5).
fn fields(stat: &str) -> impl Iterator<Item = &str> {
    stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace()
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

const PPID: usize = 1;
const UTIME: usize = 11;
const STIME: usize = 12;
const CUTIME: usize = 13;
const CSTIME: usize = 14;

/// The unit of these times, on every Linux.
const TICK: Duration = Duration::from_millis(10);
