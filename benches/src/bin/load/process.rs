//! What a server has used, as the kernel counts it.

use std::{collections::BTreeSet, io, time::Duration};

use procfs::{
    ProcResult,
    process::{Process as Entry, Stat, all_processes},
};

/// A process and its descendants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

/// What they have used so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// In user mode and in the kernel, with children that have ended.
    pub(crate) cpu: Duration,
    /// Bytes of memory that they hold now.
    pub(crate) resident: u64,
}

impl Process {
    pub(crate) fn usage(self) -> io::Result<Usage> {
        self.read().map_err(io::Error::other)
    }

    fn read(self) -> ProcResult<Usage> {
        // Processes that end meanwhile are left out.
        let stats: Vec<Stat> =
            all_processes()?.filter_map(|process| process.ok()?.stat().ok()).collect();
        let mut tree = BTreeSet::from([self.0.cast_signed()]);
        let is_new =
            |tree: &BTreeSet<i32>, it: &&Stat| tree.contains(&it.ppid) && !tree.contains(&it.pid);
        while let Some(child) = stats.iter().find(|it| is_new(&tree, it)) {
            tree.insert(child.pid);
        }
        let mut usage = Usage::default();
        for pid in tree {
            let process = Entry::new(pid)?;
            let stat = process.stat()?;
            let ended = (stat.cutime + stat.cstime).cast_unsigned();
            let seconds =
                (stat.utime + stat.stime + ended) as f64 / procfs::ticks_per_second() as f64;
            usage.cpu += Duration::from_secs_f64(seconds);
            usage.resident += process.status()?.vmrss.unwrap_or_default() * 1024;
        }
        Ok(usage)
    }
}
