//! Runs tasks until none can go on, and moves their clock.
//!
//! The tasks are polled here and not by tokio, which cannot say when all of them wait. tokio has the
//! timers and the paused clock.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use tokio::{
    runtime::{Builder, Runtime},
    time::{Instant, sleep_until},
};

type Task = Pin<Box<dyn Future<Output = ()>>>;

pub(crate) struct Executor {
    tasks: BTreeMap<u32, (Task, Waker)>,
    ready: Arc<Mutex<Ready>>,
    start: Instant,
    /// After the tasks, whose timers are its own.
    runtime: Runtime,
}

#[derive(Default)]
struct Ready {
    /// The lowest goes first: in which order a room wakes its members depends on their random ids.
    tasks: BTreeSet<u32>,
    /// Of the future that waits for time to pass.
    clock: Option<Waker>,
}

struct TaskWaker {
    task: u32,
    ready: Arc<Mutex<Ready>>,
}

impl Executor {
    pub(crate) fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
        let start = runtime.block_on(async { Instant::now() });
        Ok(Self { tasks: BTreeMap::new(), ready: Arc::default(), start, runtime })
    }

    /// Adds a task, and runs it as far as it goes.
    pub(crate) fn spawn(&mut self, id: u32, task: impl Future<Output = ()> + 'static) {
        let waker = Waker::from(Arc::new(TaskWaker { task: id, ready: self.ready.clone() }));
        waker.wake_by_ref();
        self.tasks.insert(id, (Box::pin(task), waker));
        self.run();
    }

    /// Drops a task.
    pub(crate) fn abort(&mut self, id: u32) {
        self.tasks.remove(&id);
        self.run();
    }

    /// Drops all tasks.
    pub(crate) fn clear(&mut self) {
        self.tasks.clear();
    }

    /// Runs whatever can go on.
    pub(crate) fn run(&mut self) {
        let _entered = self.runtime.enter();
        while let Some(id) = pop(&self.ready) {
            let Some((task, waker)) = self.tasks.get_mut(&id) else { continue };
            if task.as_mut().poll(&mut Context::from_waker(waker)).is_ready() {
                self.tasks.remove(&id);
            }
        }
    }

    /// Lets time pass, until `to` or until a timer is due before, and runs what goes on then.
    /// Gives the time that it is. Both are whole milliseconds since the start.
    pub(crate) fn advance(&mut self, to: u64) -> u64 {
        let end = self.start + Duration::from_millis(to);
        let ready = &self.ready;
        // While its future waits, a paused clock goes to the next timer by itself.
        let now = self.runtime.block_on(async {
            let mut sleep = pin!(sleep_until(end));
            poll_fn(|cx| {
                let mut ready = lock(ready);
                if !ready.tasks.is_empty() {
                    return Poll::Ready(());
                }
                ready.clock = Some(cx.waker().clone());
                drop(ready);
                sleep.as_mut().poll(cx)
            })
            .await;
            Instant::now()
        });
        self.run();
        (now - self.start).as_millis() as u64
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let mut ready = lock(&self.ready);
        ready.tasks.insert(self.task);
        let clock = ready.clock.take();
        drop(ready);
        clock.into_iter().for_each(Waker::wake);
    }
}

fn pop(ready: &Mutex<Ready>) -> Option<u32> {
    lock(ready).tasks.pop_first()
}

fn lock(ready: &Mutex<Ready>) -> MutexGuard<'_, Ready> {
    ready.lock().unwrap_or_else(PoisonError::into_inner)
}
