//! Calls over real sockets: what upstreams do in the wild, and what becomes of it.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::Method;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
};

use super::{decode::tests as encode, *};

/// An upstream on a raw socket. Remembers every request head with its body.
struct Stub {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

async fn send(upstreams: &Upstreams, call: Call) -> Result<Box<Reply>, CallError> {
    upstreams.call(call).await
}

/// One connection of a stub.
struct Peer {
    stream: TcpStream,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    /// Runs the handler for each connection; it gets the connection's number, from 0.
    async fn start<F, Fut>(handler: F) -> Self
    where
        F: Fn(usize, Peer) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, connections) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
        let stub = Self { address, requests: Arc::clone(&requests), connections: Arc::clone(&connections) };
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let number = connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(handler(number, Peer { stream, requests: Arc::clone(&requests) }));
            }
        });
        stub
    }

    /// Answers every request of every connection with these bytes.
    async fn answering(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = Arc::new(bytes.into());
        Self::start(move |_, mut peer| {
            let bytes = Arc::clone(&bytes);
            async move {
                while peer.request().await.is_some() {
                    peer.send(&bytes).await;
                }
            }
        })
        .await
    }

    /// As [`Stub::answering`], and closes each connection behind its answer.
    async fn closing(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = Arc::new(bytes.into());
        Self::start(move |_, mut peer| {
            let bytes = Arc::clone(&bytes);
            async move {
                peer.request().await;
                peer.send(&bytes).await;
            }
        })
        .await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Peer {
    /// Reads one request; `None` when the client closed.
    async fn request(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        let mut missing = None;
        loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                missing = Some(end + 4 + length.map_or(0, |length| length.parse::<usize>().unwrap()));
            }
            if missing.is_some_and(|missing| bytes.len() >= missing) {
                let text = String::from_utf8(bytes).unwrap();
                self.requests.lock().unwrap().push(text.clone());
                return Some(text);
            }
            if self.stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        }
    }

    async fn send(&mut self, bytes: &[u8]) {
        // A client that was refused the rest closes early.
        self.stream.write_all(bytes).await.ok();
    }
}

fn ok(body: &[u8]) -> Vec<u8> {
    reply("200 OK", "", body)
}

fn reply(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn spec() -> UpstreamSpec {
    UpstreamSpec {
        timeout: Duration::from_secs(20),
        connect_timeout: Duration::from_secs(5),
        body_max: 1 << 20,
        concurrency_max: 16,
        share: crate::config::Share::Off,
        ..UpstreamSpec::named("catalog")
    }
}

fn upstreams(spec: UpstreamSpec) -> Arc<Upstreams> {
    Arc::new(Upstreams::new(vec![spec], &Transport::default(), &Kept::default()).unwrap())
}

fn get(url: String) -> Call {
    Call::new(Method::GET, url)
}

fn post(url: String) -> Call {
    Call { method: Method::POST, body: Some("{}".into()), safety: Safety::Unsafe, ..get(url) }
}

async fn call(stub: &Stub) -> Result<Box<Reply>, CallError> {
    upstreams(spec()).call(get(stub.url("/"))).await
}

#[tokio::test]
async fn the_request_goes_out_as_rendered() {
    let stub = Stub::answering(reply("201 Created", "x-a: 1\r\nx-a: 2\r\n", b"{\"a\":1}")).await;
    let mut request = post(stub.url("/v1/a//b%2Fc/%zz;x=(1)/?q=a+b&ids[]=1&empty=&d={}|&%20"));
    request.headers.insert("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap());
    request.headers.insert("content-type", "application/json".parse().unwrap());
    let reply = upstreams(spec()).call(request).await.unwrap();
    assert_eq!((reply.status, reply.body.as_ref()), (201, b"{\"a\":1}".as_ref()));
    assert_eq!(reply.headers.get_all("x-a").iter().count(), 2);
    let sent = stub.requests().remove(0);
    assert!(sent.starts_with("POST /v1/a//b%2Fc/%zz;x=(1)/?q=a+b&ids[]=1&empty=&d={}|&%20 HTTP/1.1\r\n"), "{sent}");
    for line in [
        "accept-encoding: gzip, br, deflate, zstd\r\n",
        "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n",
        "content-type: application/json\r\n",
        "user-agent: weft/",
        "\r\n\r\n{}",
    ] {
        assert!(sent.contains(line), "`{line}` is not in {sent}");
    }
    assert_eq!(stub.requests().len(), 1);
}

#[tokio::test]
async fn a_url_that_would_be_changed_is_not_sent() {
    let stub = Stub::answering(ok(b"1")).await;
    for path in ["/a/../admin", "/a/%2e%2e/admin", "/a\\b", "/x#y"] {
        let error = upstreams(spec()).call(get(stub.url(path))).await.unwrap_err();
        assert!(matches!(error, CallError::Invalid { .. }), "{path}: {error}");
        assert!(!error.to_string().contains("127.0.0.1"), "{error}");
    }
    assert_eq!(stub.connections(), 0);
}

#[tokio::test]
async fn any_status_is_a_reply() {
    for (status, text) in [(204, "204 No Content"), (404, "404 Not Found"), (503, "503 Service Unavailable")] {
        let stub = Stub::answering(reply(text, "content-type: text/html\r\n", b"<html>")).await;
        assert_eq!(call(&stub).await.unwrap().status, status);
    }
}

#[tokio::test]
async fn redirects_are_replies_too() {
    let elsewhere = Stub::answering(ok(b"1")).await;
    let location = format!("location: {}\r\n", elsewhere.url("/secret"));
    let stub = Stub::answering(reply("302 Found", &location, b"")).await;
    let reply = call(&stub).await.unwrap();
    assert_eq!(reply.status, 302);
    assert!(reply.headers.contains_key("location"));
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn nobody_listening_is_a_connection_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = upstreams(spec()).call(get(url)).await.unwrap_err();
    assert!(matches!(error, CallError::Connection { .. }), "{error}");
    assert_eq!(error.to_string(), "`catalog` could not be reached");
}

#[tokio::test]
async fn a_connection_that_ends_without_an_answer_is_asked_once() {
    for bytes in [&b""[..], b"HTTP/1.1 2", b"SSH-2.0-nonsense\r\n\r\n"] {
        let stub = Stub::closing(bytes).await;
        let error = call(&stub).await.unwrap_err();
        assert!(matches!(error, CallError::Connection { .. }), "{error}");
        assert_eq!(stub.requests().len(), 1, "a fresh connection that breaks is a failure");
    }
}

#[tokio::test]
async fn a_reset_is_a_connection_error() {
    let stub = Stub::start(|_, mut peer| async move {
        peer.request().await;
        socket_reset(peer.stream);
    })
    .await;
    assert!(matches!(call(&stub).await, Err(CallError::Connection { .. })));
    assert_eq!(stub.requests().len(), 1);
}

/// Closes with RST instead of FIN.
fn socket_reset(stream: TcpStream) {
    stream.set_zero_linger().unwrap();
    drop(stream);
}

#[tokio::test]
async fn a_hanging_upstream_times_out() {
    let stub = Stub::start(|_, mut peer| async move {
        peer.request().await;
        std::future::pending::<()>().await;
    })
    .await;
    let timeout = Duration::from_millis(50);
    let error = upstreams(UpstreamSpec { timeout, ..spec() }).call(get(stub.url("/"))).await.unwrap_err();
    assert!(matches!(error, CallError::TimedOut { waited, .. } if waited == timeout), "{error}");
}

#[tokio::test]
async fn a_body_that_never_ends_times_out() {
    let stub = Stub::start(|_, mut peer| async move {
        peer.request().await;
        peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
        std::future::pending::<()>().await;
    })
    .await;
    let spec = UpstreamSpec { timeout: Duration::from_millis(50), ..spec() };
    let error = upstreams(spec).call(get(stub.url("/"))).await.unwrap_err();
    assert!(matches!(error, CallError::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn a_cut_body_is_unreadable() {
    for head in ["content-length: 100\r\n\r\n[1,", "transfer-encoding: chunked\r\n\r\n3\r\n[1,\r\n"] {
        let stub = Stub::closing(format!("HTTP/1.1 200 OK\r\n{head}")).await;
        let error = call(&stub).await.unwrap_err();
        assert!(matches!(error, CallError::Unreadable { status: 200, .. }), "{error}");
        assert_eq!(stub.requests().len(), 1, "an answer that began is not asked for again");
    }
}

#[tokio::test]
async fn the_body_limit_is_exact() {
    let spec = || UpstreamSpec { body_max: 1000, ..spec() };
    let chunked = |length: usize| {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let chunk = format!("{:x}\r\n{}\r\n", length / 10, "x".repeat(length / 10));
        format!("{head}{}0\r\n\r\n", chunk.repeat(10)).into_bytes()
    };
    for (length, bytes) in [(1000, ok(&[b'x'; 1000])), (1000, chunked(1000))] {
        let stub = Stub::answering(bytes).await;
        assert_eq!(upstreams(spec()).call(get(stub.url("/"))).await.unwrap().body.len(), length);
    }
    for bytes in [ok(&[b'x'; 1001]), chunked(1010)] {
        let stub = Stub::answering(bytes).await;
        let error = upstreams(spec()).call(get(stub.url("/"))).await.unwrap_err();
        assert!(matches!(error, CallError::TooLarge { limit: 1000, .. }), "{error}");
    }
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let (ended, mut wait) = mpsc::channel::<()>(1);
    let stub = Stub::start(move |_, mut peer| {
        let ended = ended.clone();
        async move {
            peer.request().await;
            peer.send(b"HTTP/1.1 200 OK\r\n\r\n").await;
            while peer.stream.write_all(&[b'x'; 8192]).await.is_ok() {}
            ended.send(()).await.unwrap();
        }
    })
    .await;
    assert!(matches!(call(&stub).await, Err(CallError::TooLarge { .. })));
    wait.recv().await.expect("the connection was closed");
}

#[tokio::test]
async fn compressed_bodies_arrive_decoded() {
    let text = b"{\"text\":\"abc abc abc abc\"}";
    let twice = encode::brotli(&encode::gzip(text));
    for (coding, body) in [("gzip", encode::gzip(text)), ("br", encode::brotli(text)), ("gzip, br", twice)] {
        let stub = Stub::answering(reply("200 OK", &format!("content-encoding: {coding}\r\n"), &body)).await;
        let reply = call(&stub).await.unwrap();
        assert_eq!(reply.body.as_ref(), text, "{coding}");
        assert!(!reply.headers.contains_key("content-encoding") && !reply.headers.contains_key("content-length"));
    }
}

#[tokio::test]
async fn broken_and_unknown_codings_are_unreadable() {
    let mut broken = encode::gzip(b"abc");
    broken.truncate(12);
    for (coding, body) in [("gzip", &broken[..]), ("gzip", b"plain text"), ("compress", b"x")] {
        let stub = Stub::answering(reply("200 OK", &format!("content-encoding: {coding}\r\n"), body)).await;
        assert!(matches!(call(&stub).await, Err(CallError::Unreadable { status: 200, .. })), "{coding}");
    }
}

#[tokio::test]
async fn a_bomb_is_too_large() {
    let bomb = encode::gzip(&vec![b' '; 50 << 20]);
    let stub = Stub::answering(reply("200 OK", "content-encoding: gzip\r\n", &bomb)).await;
    assert!(matches!(call(&stub).await, Err(CallError::TooLarge { .. })));
}

#[tokio::test]
async fn a_coding_without_a_body_is_fine() {
    let stub = Stub::answering(reply("200 OK", "content-encoding: gzip\r\n", b"")).await;
    assert!(call(&stub).await.unwrap().body.is_empty());
}

#[tokio::test]
async fn connections_are_reused() {
    let stub = Stub::answering(ok(b"1")).await;
    let upstreams = upstreams(spec());
    for _ in 0..5 {
        send(&upstreams, get(stub.url("/"))).await.unwrap();
    }
    assert_eq!((stub.requests().len(), stub.connections()), (5, 1));
}

/// A stub whose first connection answers once and, told of a second request, closes without a word.
async fn forgetful() -> Stub {
    Stub::start(|number, mut peer| async move {
        peer.request().await;
        peer.send(&ok(b"1")).await;
        if number == 0 {
            peer.request().await;
            return;
        }
        while peer.request().await.is_some() {
            peer.send(&ok(b"1")).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_read_on_a_connection_that_had_died_is_sent_again() {
    let stub = forgetful().await;
    let upstreams = upstreams(spec());
    send(&upstreams, get(stub.url("/1"))).await.unwrap();
    send(&upstreams, get(stub.url("/2"))).await.unwrap();
    assert_eq!((stub.requests().len(), stub.connections()), (3, 2));
}

#[tokio::test]
async fn a_write_is_never_sent_again() {
    let stub = forgetful().await;
    let upstreams = upstreams(spec());
    send(&upstreams, post(stub.url("/1"))).await.unwrap();
    let error = send(&upstreams, post(stub.url("/2"))).await.unwrap_err();
    assert!(matches!(error, CallError::Connection { .. }), "{error}");
    assert_eq!((stub.requests().len(), stub.connections()), (2, 1));
}

#[tokio::test]
async fn a_read_nobody_waits_for_stops() {
    let (events, mut seen) = mpsc::channel::<&str>(4);
    let stub = Stub::start(move |_, mut peer| {
        let events = events.clone();
        async move {
            peer.request().await;
            events.send("asked").await.unwrap();
            assert!(peer.request().await.is_none());
            events.send("left").await.unwrap();
        }
    })
    .await;
    let upstreams = upstreams(spec());
    tokio::select! {
        _ = send(&upstreams, get(stub.url("/"))) => panic!("there is no answer"),
        event = seen.recv() => assert_eq!(event, Some("asked")),
    }
    assert_eq!(seen.recv().await, Some("left"));
}

#[tokio::test]
async fn a_write_nobody_waits_for_is_read_to_its_end() {
    let (events, mut seen) = mpsc::channel::<&str>(4);
    let answer = Arc::new(Notify::new());
    let may_answer = Arc::clone(&answer);
    let stub = Stub::start(move |_, mut peer| {
        let (events, may_answer) = (events.clone(), Arc::clone(&may_answer));
        async move {
            peer.request().await;
            events.send("asked").await.unwrap();
            may_answer.notified().await;
            peer.send(&ok(b"1")).await;
            // Kept for the next call: the answer was read, the connection went back to the pool.
            peer.request().await;
            events.send("asked again").await.unwrap();
            peer.send(&ok(b"2")).await;
        }
    })
    .await;
    let upstreams = upstreams(UpstreamSpec { concurrency_max: 1, ..spec() });
    tokio::select! {
        _ = send(&upstreams, post(stub.url("/"))) => panic!("there is no answer yet"),
        event = seen.recv() => assert_eq!(event, Some("asked")),
    }
    // The place of the write is taken until it ends, so this one waits for it.
    let url = stub.url("/next");
    let next = tokio::spawn(async move { send(&upstreams, get(url)).await });
    answer.notify_one();
    assert_eq!(next.await.unwrap().unwrap().body.as_ref(), b"2");
    assert_eq!(seen.recv().await, Some("asked again"));
    assert_eq!(stub.connections(), 1);
}

#[tokio::test]
async fn calls_at_once_are_limited_and_the_queue_too() {
    let (arrived, mut seen) = mpsc::channel::<()>(4096);
    let open = Arc::new(Notify::new());
    let may_answer = Arc::clone(&open);
    let stub = Stub::start(move |_, mut peer| {
        let (arrived, may_answer) = (arrived.clone(), Arc::clone(&may_answer));
        async move {
            while peer.request().await.is_some() {
                arrived.send(()).await.unwrap();
                may_answer.notified().await;
                may_answer.notify_one();
                peer.send(&ok(b"1")).await;
            }
        }
    })
    .await;
    let upstreams = upstreams(UpstreamSpec { concurrency_max: 2, ..spec() });
    let ask = || {
        let (upstreams, url) = (Arc::clone(&upstreams), stub.url("/"));
        tokio::spawn(async move { send(&upstreams, get(url)).await })
    };
    let mut tasks: Vec<_> = (0..2).map(|_| ask()).collect();
    for _ in 0..2 {
        seen.recv().await.unwrap();
    }
    // Two are made; 1024 may wait; ten are too many. Only those end before the upstream answers.
    tasks.extend((0..1034).map(|_| ask()));
    let mut refused = 0;
    while refused < 10 {
        tokio::task::yield_now().await;
        let (done, waiting): (Vec<_>, Vec<_>) = tasks.drain(..).partition(tokio::task::JoinHandle::is_finished);
        tasks = waiting;
        for task in done {
            assert!(matches!(task.await.unwrap(), Err(CallError::Overloaded { .. })));
            refused += 1;
        }
    }
    assert_eq!(stub.requests().len(), 2);
    open.notify_one();
    for task in tasks {
        assert!(task.await.unwrap().is_ok());
    }
    assert_eq!((stub.requests().len(), stub.connections()), (1026, 2));
}

#[tokio::test]
async fn waiting_for_a_place_counts_against_the_timeout() {
    let stub = Stub::start(|_, mut peer| async move {
        peer.request().await;
        std::future::pending::<()>().await;
    })
    .await;
    let spec = UpstreamSpec { concurrency_max: 1, timeout: Duration::from_millis(50), ..spec() };
    let upstreams = upstreams(spec);
    let (one, other) = tokio::join!(send(&upstreams, get(stub.url("/1"))), send(&upstreams, get(stub.url("/2"))));
    assert!(matches!(one, Err(CallError::TimedOut { .. })));
    assert!(matches!(other, Err(CallError::TimedOut { .. })));
    assert_eq!(stub.requests().len(), 1);
}

#[tokio::test]
async fn a_reload_keeps_connections() {
    let stub = Stub::answering(ok(b"1")).await;
    let (kept, transport) = (Kept::default(), Transport::default());
    let before = Upstreams::new(vec![spec()], &transport, &kept).unwrap();
    before.call(get(stub.url("/"))).await.unwrap();
    let after = Upstreams::new(vec![spec()], &transport, &kept).unwrap();
    drop(before);
    after.call(get(stub.url("/"))).await.unwrap();
    assert_eq!(stub.connections(), 1);
    let other = UpstreamSpec { connect_timeout: Duration::from_secs(1), ..spec() };
    Upstreams::new(vec![other], &transport, &kept).unwrap().call(get(stub.url("/"))).await.unwrap();
    assert_eq!(stub.connections(), 2, "other settings, other connections");
}

#[tokio::test]
async fn names_resolve_where_the_transport_says() {
    let stub = Stub::answering(ok(b"1")).await;
    let transport = Transport { resolve: vec![("Shop.example".to_owned(), stub.address)], ..Transport::default() };
    let upstreams = Upstreams::new(vec![spec()], &transport, &Kept::default()).unwrap();
    for (url, host) in [
        ("http://shop.example/x", "host: shop.example\r\n"),
        ("http://shop.example:8080/x", "host: shop.example:8080\r\n"),
    ] {
        send(&upstreams, get(url.to_owned())).await.unwrap();
        let sent = stub.requests().pop().unwrap();
        assert!(sent.contains(host), "{sent}");
    }
}

#[tokio::test]
async fn an_unknown_upstream_is_refused() {
    let call = Call { upstream: 1, ..get("http://127.0.0.1/".to_owned()) };
    assert!(matches!(upstreams(spec()).call(call).await, Err(CallError::Invalid { .. })));
}

#[test]
fn a_certificate_that_cannot_be_read_is_refused() {
    for pem in [&b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"[..], b"nothing"] {
        let transport = Transport { ca_pem: Some(pem.to_vec()), ..Transport::default() };
        assert!(Upstreams::new(vec![spec()], &transport, &Kept::default()).is_err());
    }
}

#[tokio::test]
async fn https_trusts_the_given_authority_and_nobody_else() {
    let authority = Authority::new();
    let acceptor = authority.acceptor("shop.example");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that does not trust us hangs up here.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = [0; 4096];
            assert!(stream.read(&mut head).await.unwrap() > 0);
            stream.write_all(&ok(b"secure")).await.unwrap();
            stream.shutdown().await.ok();
        }
    });
    let resolve = vec![("shop.example".to_owned(), address), ("other.example".to_owned(), address)];
    let ask = |transport: Transport, url: &str| {
        let call = get(url.to_owned());
        async move { Upstreams::new(vec![spec()], &transport, &Kept::default()).unwrap().call(call).await }
    };
    let trusting = Transport { resolve, ca_pem: Some(authority.pem.clone().into_bytes()), ..Transport::default() };
    for url in ["https://shop.example/x", "https://shop.example:8443/x"] {
        assert_eq!(ask(trusting.clone(), url).await.unwrap().body.as_ref(), b"secure");
    }
    let wrong_name = ask(trusting.clone(), "https://other.example/x").await;
    assert!(matches!(wrong_name, Err(CallError::Connection { .. })));
    let unknown = ask(Transport { ca_pem: None, ..trusting }, "https://shop.example/x").await;
    assert!(matches!(unknown, Err(CallError::Connection { .. })));
}

/// A certificate authority of the test's own.
struct Authority {
    issuer: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer = rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
        let pem = issuer.pem();
        Self { issuer, pem }
    }

    fn acceptor(&self, host: &str) -> tokio_rustls::TlsAcceptor {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        tokio_rustls::TlsAcceptor::from(Arc::new(config))
    }
}

/// Many calls wait at once, and each is moved to where it waits.
#[test]
fn a_call_is_small() {
    let guarded = UpstreamSpec { retry: Some(crate::config::Retry::default()), ..spec() };
    for (spec, most) in [(spec(), 1300), (guarded, 1900)] {
        let upstreams = upstreams(spec);
        let call = get("http://127.0.0.1/".to_owned());
        let size = size_of_val(&*upstreams.call(call));
        assert!(size <= most, "{size} bytes");
    }
}
