//! A server with rooms, on either adapter, in separate threads.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    pin::Pin,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use actix_web::{App, HttpServer, rt::System, web};
use axum::{Router, routing::get};
use meet_signal_actix::{AuthRequest, Denied, Grant, Hub, Limits, SignalService};
use meet_signal_axum::SignalRouter;
use socket2::{Domain, Socket, Type};

use crate::priority;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adapter {
    Axum,
    Actix,
}

pub(crate) type Decision = Pin<Box<dyn Future<Output = Result<Grant, Denied>> + Send>>;
type Decide = Arc<dyn Fn(AuthRequest) -> Decision + Send + Sync>;

/// The configuration of a server.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) hub: Hub,
    pub(crate) decide: Decide,
    pub(crate) workers: usize,
    /// Whether connections have small send buffers: the system's default is megabytes.
    pub(crate) small_buffers: bool,
}

impl Setup {
    pub(crate) fn new(limits: Limits) -> Self {
        let decide = |_| -> Decision { Box::pin(async { Ok(Grant::new()) }) };
        let hub = Hub::new(limits);
        Self { hub, decide: Arc::new(decide), workers: 2, small_buffers: false }
    }

    pub(crate) fn decide<F>(mut self, decide: F) -> Self
    where
        F: Fn(AuthRequest) -> Decision + Send + Sync + 'static,
    {
        self.decide = Arc::new(decide);
        self
    }

    pub(crate) fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    pub(crate) fn small_buffers(mut self) -> Self {
        self.small_buffers = true;
        self
    }

    /// Serves until the process ends: nextest runs each test in a process of its own.
    pub(crate) fn serve(&self, adapter: Adapter) -> SocketAddr {
        let listener = self.listener();
        let address = listener.local_addr().expect("it listens");
        let setup = self.clone();
        let (started, starts) = mpsc::channel();
        thread::spawn(move || match adapter {
            Adapter::Axum => setup.serve_axum(listener, &started),
            Adapter::Actix => setup.serve_actix(listener, &started),
        });
        starts.recv().expect("it starts");
        address
    }

    fn serve_axum(self, listener: TcpListener, started: &mpsc::Sender<()>) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(self.workers)
            .on_thread_start(priority::first)
            .enable_all()
            .build()
            .expect("a runtime");
        let decide = self.decide;
        let rooms =
            SignalRouter::new(self.hub).authorize(move |request| decide(request)).into_router();
        let app: Router = rooms.route(STAND_STILL, get(async || thread::sleep(STANDSTILL)));
        runtime.block_on(async {
            // Not on the runtime's main thread, which is not a worker.
            let served = tokio::spawn(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await
            });
            started.send(()).expect("the test waits");
            served.await.expect("it goes on").expect("it goes on");
        });
    }

    fn serve_actix(self, listener: TcpListener, started: &mpsc::Sender<()>) {
        let workers = self.workers;
        System::new().block_on(async move {
            let server = HttpServer::new(move || {
                priority::first();
                let decide = Arc::clone(&self.decide);
                let rooms =
                    SignalService::new(self.hub.clone()).authorize(move |request| decide(request));
                let stand_still = web::get().to(async || {
                    thread::sleep(STANDSTILL);
                    "done"
                });
                App::new().route(STAND_STILL, stand_still).service(rooms)
            })
            .on_connect(meet_signal_actix::on_connect)
            .workers(workers)
            .client_disconnect_timeout(Duration::ZERO)
            .disable_signals()
            .listen(listener)
            .expect("it listens")
            .run();
            started.send(()).expect("the test waits");
            server.await.expect("it goes on");
        });
    }

    fn listener(&self) -> TcpListener {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        if self.small_buffers {
            socket.set_send_buffer_size(4096).expect("a size");
        }
        // Accepted connections inherit it. Nagle's algorithm would delay the second of two small frames
        // until the other end acknowledges the first.
        socket.set_tcp_nodelay(true).expect("an option");
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a port");
        socket.listen(1024).expect("a port");
        socket.set_nonblocking(true).expect("a mode");
        socket.into()
    }
}

/// A request for this path blocks one worker.
pub(crate) const STAND_STILL: &str = "/stand-still";

/// The duration: more than three heartbeats of a second.
const STANDSTILL: Duration = Duration::from_millis(3_500);
