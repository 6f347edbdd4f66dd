//! Connections in: accepting within limits, both HTTP versions on one port, draining.

use std::{convert::Infallible, future::poll_fn, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::body::Body;
use hyper::{Request, Version, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    app::Responder,
    connection::{Activity, Watched},
    quiet::{Quiet, Wakes},
    tls::Tls,
};
use crate::{aside::aside, policy::Presented};

/// Bytes of a request head; above it hyper answers 431. Large enough for the tokens and cookies of real clients.
const HEAD_MAX: usize = 32 * 1024;
/// Streams of one HTTP/2 connection at once.
const STREAMS_MAX: u32 = 256;
/// How long a connection that asked too little may take to close after it was told so.
const GOODBYE: Duration = Duration::from_secs(5);
/// Rest after the machine had no descriptor left.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// How a listener treats its connections.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) connections_max: usize,
    pub(super) header_timeout: Duration,
    pub(super) drain: Duration,
}

/// Opens a listening socket.
pub(super) async fn open(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Accepts until `stop`, then lets answers finish for `drain` and closes what is left.
pub(super) async fn run<R: Responder>(
    listener: TcpListener,
    responder: Arc<R>,
    bounds: Bounds,
    tls: Option<Tls>,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(bounds.connections_max.clamp(1, Semaphore::MAX_PERMITS)));
    let connections = TaskTracker::new();
    let kill = CancellationToken::new();
    loop {
        // A place first: when all are taken, callers wait in the kernel's queue and cost us nothing.
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = async {
                let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
                (listener.accept().await, place)
            } => accepted,
        };
        let (Ok((stream, peer)), place) = accepted else {
            // A caller that left again, or no descriptors: either passes.
            tokio::time::sleep(ACCEPT_REST).await;
            continue;
        };
        let (responder, tls, ends) = (Arc::clone(&responder), tls.clone(), (stop.clone(), kill.clone()));
        // Its task is polled for each request, in a frame that has room for all that the task holds itself.
        let served = aside(|| connection(stream, peer, responder, bounds, tls, ends));
        connections.spawn(async move {
            served.await;
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(bounds.drain, connections.wait()).await.is_err() {
        kill.cancel();
        connections.wait().await;
    }
}

async fn connection<R: Responder>(
    stream: TcpStream,
    peer: SocketAddr,
    responder: Arc<R>,
    bounds: Bounds,
    tls: Option<Tls>,
    (stop, kill): (CancellationToken, CancellationToken),
) {
    // Answers are written whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let activity = Activity::new(bounds.header_timeout, peer.ip());
    let watched = Watched::new(stream, Arc::clone(&activity));
    match tls {
        None => serve(watched, activity, responder, stop, kill).await,
        Some(tls) => aside(|| secured(watched, activity, responder, bounds, tls, (stop, kill))).await,
    }
}

/// Serves a connection when it is encrypted.
async fn secured<R: Responder>(
    watched: Watched,
    activity: Arc<Activity>,
    responder: Arc<R>,
    bounds: Bounds,
    tls: Tls,
    (stop, kill): (CancellationToken, CancellationToken),
) {
    let shaken = tokio::select! {
        shaken = tls.acceptor().accept(watched) => shaken,
        // It has the time of a request's head, and that of the head is counted from there on.
        () = tokio::time::sleep(bounds.header_timeout) => return,
        () = stop.cancelled() => return,
    };
    // Who speaks no TLS, or shows no certificate that is wanted, is told so by rustls.
    if let Ok(stream) = shaken {
        activity.body_read();
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        if let Some(leaf) = shown {
            activity.verified(Presented::new(leaf.to_vec()));
        }
        serve(stream, activity, responder, stop, kill).await;
    }
}

/// Answers the requests of a connection until it ends.
async fn serve<R: Responder, S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    activity: Arc<Activity>,
    responder: Arc<R>,
    stop: CancellationToken,
    kill: CancellationToken,
) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().header_read_timeout(None).max_buf_size(HEAD_MAX).keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20))
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEAD_MAX).expect("32 KiB"));
    let requests = Arc::clone(&activity);
    let service = service_fn(move |request: Request<Incoming>| {
        let in_flight = requests.begin(request.version());
        let responder = Arc::clone(&responder);
        async move {
            let is_multiplexed = request.version() >= Version::HTTP_2;
            let request = request.map(|body| if is_multiplexed { Body::new(body) } else { Body::new(Quiet(body)) });
            let response = responder.respond(request, Some(&in_flight)).await;
            drop(in_flight);
            Ok::<_, Infallible>(response)
        }
    });
    let mut serving = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut timer = std::pin::pin!(tokio::time::sleep_until(activity.deadline()));
    let mut told = false;
    let wakes = Wakes::new();
    loop {
        tokio::select! {
            // What has come is read before time is up: a machine that stood still is not the caller's fault.
            biased;
            // Errors are the caller's: a broken head, a reset. hyper has answered what can be answered.
            _ = poll_fn(|cx| wakes.poll(serving.as_mut(), cx)) => return,
            () = timer.as_mut() => {
                let deadline = activity.deadline();
                if deadline > Instant::now() {
                    timer.as_mut().reset(deadline);
                } else if activity.is_multiplexed() && !told {
                    told = true;
                    serving.as_mut().graceful_shutdown();
                    timer.as_mut().reset(Instant::now() + GOODBYE);
                } else {
                    return;
                }
            }
            () = stop.cancelled(), if !told => {
                told = true;
                serving.as_mut().graceful_shutdown();
            }
            // Not before it was told to stop.
            () = kill.cancelled(), if told => return,
        }
    }
}
