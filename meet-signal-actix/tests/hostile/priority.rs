//! In production, attackers have machines of their own. Here, where it is measured, server and pair run
//! before the attackers, and these before all other processes (`SCHED_FIFO`, sched(7)). Without the
//! right to that, the load of the machine is measured, too.

use std::{fs, process::Command};

use crate::is_measured;

/// The server's threads and the pair's.
pub(crate) fn first() {
    set(20);
}

/// The attackers' thread.
pub(crate) fn second() {
    set(10);
}

/// Sets the calling thread's.
fn set(priority: u8) {
    if !is_measured() {
        return;
    }
    let thread = fs::read_link("/proc/thread-self").expect("this is Linux");
    let thread = thread.file_name().expect("a thread's number");
    let set =
        Command::new("chrt").arg("-f").arg("-p").arg(priority.to_string()).arg(thread).status();
    if !set.is_ok_and(|status| status.success()) {
        eprintln!("no real-time priorities: what is measured is the machine's load, too");
    }
}
