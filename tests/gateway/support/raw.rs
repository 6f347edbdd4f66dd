//! A server on a raw socket: resets, drips, half bodies, and callers who leave are seen. One request a connection.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// What happens to a request.
#[derive(Clone)]
pub enum Behaviour {
    /// These bytes, then the end of the connection.
    Bytes(Vec<u8>),
    /// A head, then a chunk again and again, up to so many bytes.
    Flood { head: Vec<u8>, chunk: Vec<u8>, total: usize },
    /// Nothing until the caller leaves.
    Hang,
    /// Nothing until [`Upstream::release`], then these bytes.
    Held(Vec<u8>),
    /// The connection ends without an answer.
    Close,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    /// `GET /path`
    pub line: String,
    /// Its request line and headers, as they came.
    pub head: String,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Seen {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// A running server; ends with the runtime.
#[derive(Clone)]
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    seen: Mutex<Vec<Seen>>,
    /// By request line: bytes of answers that were taken.
    sent: Mutex<BTreeMap<String, usize>>,
    /// Request lines whose connection ended before the answer was given.
    left: Mutex<Vec<String>>,
    /// Something changed.
    news: Notify,
    released: Notify,
}

impl Upstream {
    /// Starts to listen; `behave` gets every request.
    pub async fn start(behave: impl Fn(&Seen) -> Behaviour + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let state = Arc::new(State::default());
        let (shared, behave) = (state.clone(), Arc::new(behave));
        tokio::spawn(async move {
            loop {
                let Ok((socket, _)) = listener.accept().await else { continue };
                let (shared, behave) = (shared.clone(), behave.clone());
                tokio::spawn(async move {
                    let _ = serve(socket, &shared, &*behave).await;
                    shared.news.notify_waiters();
                });
            }
        });
        Self { address, state }
    }

    /// How many requests came whose line starts like this.
    pub fn count(&self, line: &str) -> usize {
        self.seen().iter().filter(|seen| seen.line.starts_with(line)).count()
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().expect("no panic in the stub").clone()
    }

    /// Bytes of the answer to this line that left for the caller.
    pub fn sent(&self, line: &str) -> usize {
        self.state.sent.lock().expect("no panic in the stub").get(line).copied().unwrap_or_default()
    }

    /// Lets one held request go on.
    pub fn release(&self) {
        self.state.released.notify_one();
    }

    /// Waits until so many requests of this line came.
    pub async fn came(&self, line: &str, times: usize) {
        self.until(|| self.count(line) >= times, &format!("{times} of `{line}`")).await;
    }

    /// Waits until the caller of such a request left before it was answered.
    pub async fn caller_left(&self, line: &str) {
        let gone = || self.state.left.lock().expect("no panic in the stub").iter().any(|left| left.starts_with(line));
        self.until(gone, &format!("the caller of `{line}` to leave")).await;
    }

    /// Whether the caller of such a request left before it was answered.
    pub fn has_left(&self, line: &str) -> bool {
        self.state.left.lock().expect("no panic in the stub").iter().any(|left| left.starts_with(line))
    }

    async fn until(&self, holds: impl Fn() -> bool, what: &str) {
        let wait = async {
            loop {
                // Registered before the look, so that no news between look and wait is lost.
                let news = self.state.news.notified();
                tokio::pin!(news);
                news.as_mut().enable();
                if holds() {
                    return;
                }
                news.await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(20), wait).await.is_ok(), "waited in vain for {what}");
    }
}

async fn serve(
    mut socket: TcpStream,
    state: &State,
    behave: &(dyn Fn(&Seen) -> Behaviour + Send + Sync),
) -> std::io::Result<()> {
    let Some(seen) = read_request(&mut socket).await? else { return Ok(()) };
    let line = seen.line.clone();
    let behaviour = behave(&seen);
    state.seen.lock().expect("no panic in the stub").push(seen);
    state.news.notify_waiters();
    match behaviour {
        Behaviour::Bytes(bytes) => socket.write_all(&bytes).await?,
        Behaviour::Close => return Ok(()),
        Behaviour::Hang => gone(&mut socket, state, &line).await,
        Behaviour::Held(bytes) => {
            tokio::select! {
                () = gone(&mut socket, state, &line) => return Ok(()),
                () = state.released.notified() => {}
            }
            socket.write_all(&bytes).await?;
        }
        Behaviour::Flood { head, chunk, total } => {
            let mut sent = 0;
            socket.write_all(&head).await?;
            while sent < total {
                if socket.write_all(&chunk).await.is_err() {
                    state.left.lock().expect("no panic in the stub").push(line);
                    return Ok(());
                }
                sent += chunk.len();
                state.sent.lock().expect("no panic in the stub").insert(line.clone(), sent);
            }
        }
    }
    socket.shutdown().await
}

/// Returns when the caller has closed its connection.
async fn gone(socket: &mut TcpStream, state: &State, line: &str) {
    let mut rest = [0; 64];
    while matches!(socket.read(&mut rest).await, Ok(count) if count > 0) {}
    state.left.lock().expect("no panic in the stub").push(line.to_owned());
}

/// Reads a head and a body of known length.
async fn read_request(socket: &mut TcpStream) -> std::io::Result<Option<Seen>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if socket.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let headers = text.lines().skip(1).filter_map(|line| line.split_once(':'));
    let headers: Vec<(String, String)> =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse::<usize>().ok()).unwrap_or_default();
    while bytes.len() < head + length {
        if socket.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
    let first = text.lines().next().unwrap_or_default();
    let line = first.rsplit_once(' ').map_or(first, |(line, _)| line).to_owned();
    Ok(Some(Seen { line, headers, body: bytes[head..].to_vec(), head: text }))
}

/// A whole answer with status, content type and body.
pub fn answer(status: u16, content_type: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 {status} Stub\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
