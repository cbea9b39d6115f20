//! Frames between WebSockets of axum.

use std::{
    collections::{HashMap, hash_map::Entry},
    future::Future,
    io,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    extract::{
        self, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    routing::get,
    serve::ListenerExt,
};
use tokio::{
    net::TcpListener,
    select,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Buffers {
    /// Buffers of a few KiB instead of axum's own.
    #[arg(long)]
    tuned: bool,
}

/// Brings the WebSockets of a path to the task of the first.
struct Path {
    later: UnboundedSender<WebSocket>,
    /// How many beside the first, with those that are still to arrive.
    others: Arc<AtomicUsize>,
}

type Paths = Arc<Mutex<HashMap<String, Path>>>;

/// The other WebSockets of a path.
pub(crate) struct Others {
    arriving: UnboundedReceiver<WebSocket>,
    count: Arc<AtomicUsize>,
}

/// Serves each path by a task that gets all WebSockets of the path.
pub(crate) async fn serve<F>(
    listener: TcpListener,
    buffers: Buffers,
    task: fn(WebSocket, Others) -> F,
) -> io::Result<()>
where
    F: Future<Output = Option<()>> + Send + 'static,
{
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let paths = Paths::default();
    let upgrade = move |extract::Path(path): extract::Path<String>, upgrade: WebSocketUpgrade| {
        let paths = paths.clone();
        async move {
            let upgrade = if buffers.tuned {
                upgrade.read_buffer_size(3 * 1024).write_buffer_size(16 * 1024)
            } else {
                upgrade
            };
            // The order is that of the requests, so it is decided before they are answered.
            match arrive(&paths, &path) {
                Ok(later) => upgrade.on_upgrade(async move |socket| {
                    // The task may have ended.
                    let _ = later.send(socket);
                }),
                Err(others) => upgrade.on_upgrade(async move |socket| {
                    let _ = task(socket, others).await;
                    lock(&paths).remove(&path);
                }),
            }
        }
    };
    axum::serve(listener, Router::new().route("/{path}", get(upgrade))).await
}

/// Until one of the two ends.
pub(crate) async fn pair(mut first: WebSocket, mut others: Others) -> Option<()> {
    let mut second = others.arriving.recv().await?;
    loop {
        select! {
            message = first.recv() => relay(message?.ok()?, &mut second).await?,
            message = second.recv() => relay(message?.ok()?, &mut first).await?,
        }
    }
}

/// Until one of the two ends.
pub(crate) async fn tasks(first: WebSocket, mut others: Others) -> Option<()> {
    let second = others.arriving.recv().await?;
    let (to_first, for_first) = unbounded_channel();
    let (to_second, for_second) = unbounded_channel();
    tokio::spawn(one_of_two(second, to_first, for_second));
    one_of_two(first, to_second, for_first).await
}

async fn one_of_two(
    mut socket: WebSocket,
    other: UnboundedSender<Message>,
    mut own: UnboundedReceiver<Message>,
) -> Option<()> {
    loop {
        select! {
            message = socket.recv() => {
                // axum answers other frames when it reads on.
                if let message @ Message::Text(_) = message?.ok()? {
                    other.send(message).ok()?;
                }
            }
            message = own.recv() => socket.send(message?).await.ok()?,
        }
    }
}

/// Until the first ends. Does not read from the others.
pub(crate) async fn fan_out(mut first: WebSocket, mut others: Others) -> Option<()> {
    let mut sockets = Vec::new();
    loop {
        let Message::Text(text) = first.recv().await?.ok()? else { continue };
        while sockets.len() < others.count.load(Ordering::Relaxed) {
            sockets.push(others.arriving.recv().await?);
        }
        for socket in &mut sockets {
            socket.send(Message::Text(text.clone())).await.ok()?;
        }
    }
}

/// The sender to the first one's task; an error for the first.
fn arrive(paths: &Paths, path: &str) -> Result<UnboundedSender<WebSocket>, Others> {
    match lock(paths).entry(path.to_owned()) {
        Entry::Occupied(first) => {
            first.get().others.fetch_add(1, Ordering::Relaxed);
            Ok(first.get().later.clone())
        }
        Entry::Vacant(first) => {
            let (later, arriving) = unbounded_channel();
            let count = Arc::new(AtomicUsize::new(0));
            first.insert(Path { later, others: count.clone() });
            Err(Others { arriving, count })
        }
    }
}

async fn relay(message: Message, to: &mut WebSocket) -> Option<()> {
    match message {
        Message::Text(_) => to.send(message).await.ok(),
        // axum answers other frames when it reads on.
        _ => Some(()),
    }
}

fn lock(paths: &Paths) -> MutexGuard<'_, HashMap<String, Path>> {
    paths.lock().expect("no panic under the lock")
}
