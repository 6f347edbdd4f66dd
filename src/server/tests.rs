//! Over real sockets: what hyper and the kernel do is part of what is promised.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{
    body::Body,
    http::{Request, Response},
};
use http_body_util::BodyExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Notify,
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    app::Responder,
    connection::InFlight,
    listen::{self, Bounds},
};

/// Reads the body and says how long it was; waits first where the path says so.
#[derive(Debug, Default)]
struct Stub {
    entered: Notify,
    release: Notify,
    dropped: AtomicUsize,
    left: Notify,
}

struct OnDrop<'a>(&'a Stub);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, SeqCst);
        self.0.left.notify_one();
    }
}

impl Responder for Stub {
    async fn respond(&self, request: Request<Body>, in_flight: Option<&InFlight>) -> Response<Body> {
        let waits = request.uri().path() == "/wait";
        let version = request.version();
        let body = request.into_body().collect().await.map(|body| body.to_bytes().len()).unwrap_or_default();
        if let Some(in_flight) = in_flight {
            in_flight.body_read();
        }
        if waits {
            let _guard = OnDrop(self);
            self.entered.notify_one();
            self.release.notified().await;
        }
        Response::new(Body::from(format!("{body} {version:?}")))
    }
}

struct Listening {
    address: SocketAddr,
    stub: Arc<Stub>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn listening(bounds: Bounds) -> Listening {
    let listener = listen::open(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stub = Arc::new(Stub::default());
    let stop = CancellationToken::new();
    let task = tokio::spawn(listen::run(listener, Arc::clone(&stub), bounds, None, stop.clone()));
    Listening { address, stub, stop, task }
}

fn bounds(header_timeout: Duration) -> Bounds {
    Bounds { connections_max: 8, header_timeout, drain: Duration::from_secs(10) }
}

const LONG: Duration = Duration::from_secs(30);

/// Nothing in these tests may take this long.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), work).await.expect("it takes too long")
}

impl Listening {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends text and reads until the end of the connection.
    async fn exchange(&self, text: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon(stream.read_to_string(&mut answer)).await.unwrap();
        answer
    }
}

#[tokio::test]
async fn both_versions_of_http_on_one_port() {
    let server = listening(bounds(LONG)).await;
    let answer = server.exchange("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("0 HTTP/1.1"), "{answer}");

    let mut stream = server.connect().await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00").await.unwrap();
    let mut head = [0; 9];
    soon(stream.read_exact(&mut head)).await.unwrap();
    assert_eq!(head[3], 4, "the first frame is SETTINGS");
}

#[tokio::test]
async fn who_says_nothing_is_sent_away() {
    for sent in ["", "P", "GET / HT", "GET / HTTP/1.1\r\nhost: a\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let server = listening(bounds(Duration::from_millis(200))).await;
        let before = Instant::now();
        let mut stream = server.connect().await;
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let _ = soon(stream.read_to_end(&mut rest)).await;
        assert!(before.elapsed() >= Duration::from_millis(200), "{sent:?} had its time");
    }
}

#[tokio::test]
async fn half_a_second_head_is_sent_away_too() {
    let server = listening(bounds(Duration::from_millis(200))).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut head = [0; 12];
    soon(stream.read_exact(&mut head)).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let mut rest = Vec::new();
    soon(stream.read_to_end(&mut rest)).await.unwrap();
}

#[tokio::test]
async fn two_lengths_close_the_connection() {
    let server = listening(bounds(LONG)).await;
    // The second "request" is inside the first one's body for one reading of the head and after it for the other.
    let text = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 48\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n\
                GET /wait HTTP/1.1\r\nhost: a\r\n\r\n";
    let answer = server.exchange(text).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    let text = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab";
    assert!(server.exchange(text).await.starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn a_caller_who_leaves_ends_its_request() {
    let server = listening(bounds(LONG)).await;
    let mut stream = server.connect().await;
    stream.write_all(b"POST /wait HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
    soon(server.stub.entered.notified()).await;
    assert_eq!(server.stub.dropped.load(SeqCst), 0);
    drop(stream);
    soon(server.stub.left.notified()).await;
    assert_eq!(server.stub.dropped.load(SeqCst), 1);
}

#[tokio::test]
async fn draining_finishes_what_is_in_flight() {
    let server = listening(bounds(LONG)).await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut idle = server.connect().await;
    idle.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut head = [0; 12];
    soon(idle.read_exact(&mut head)).await.unwrap();
    soon(server.stub.entered.notified()).await;

    server.stop.cancel();
    let mut rest = Vec::new();
    soon(idle.read_to_end(&mut rest)).await.unwrap();
    assert!(!server.task.is_finished(), "one request is left");
    server.stub.release.notify_one();
    let mut answer = String::new();
    soon(busy.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    soon(server.task).await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn draining_ends_although_a_request_does_not() {
    let server = listening(Bounds { drain: Duration::from_millis(100), ..bounds(LONG) }).await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    soon(server.stub.entered.notified()).await;
    server.stop.cancel();
    soon(server.task).await.unwrap();
    assert_eq!(server.stub.dropped.load(SeqCst), 1);
}

#[tokio::test]
async fn connections_above_the_maximum_wait_their_turn() {
    let server = listening(Bounds { connections_max: 1, ..bounds(LONG) }).await;
    let mut first = server.connect().await;
    first.write_all(b"GET /wait HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    soon(server.stub.entered.notified()).await;
    let mut second = server.connect().await;
    second.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut byte = [0; 1];
    let early = timeout(Duration::from_millis(100), second.read(&mut byte)).await;
    assert!(early.is_err(), "there is no place yet");
    server.stub.release.notify_one();
    let mut answer = String::new();
    soon(second.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
