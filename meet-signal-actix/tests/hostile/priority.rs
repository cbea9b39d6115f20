//! In production, attackers have their own machines. Here, if latencies are measured, the server and the
//! pair have priority over the attackers, and these over all other processes (`SCHED_FIFO`, sched(7)).
//! Without that privilege, the load of the machine affects the latencies.

use std::{fs, process::Command};

use crate::is_measured;

/// For the threads of the server and the pair.
pub(crate) fn first() {
    set(20);
}

/// For the attackers' thread.
pub(crate) fn second() {
    set(10);
}

/// Sets the priority of the calling thread.
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
