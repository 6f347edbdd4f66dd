//! A few lines of HTTP client, for the tests of the services: they call a router over a real socket.

use axum::Router;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Something that is being served on loopback; a router of ours for as long as the runtime of the test lives.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    port: u16,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Heard {
    /// The status.
    pub status: u16,
    /// The head, in lower case.
    pub head: String,
    /// The body; null when it is empty or no JSON.
    pub body: Value,
}

impl Probe {
    /// Serves a router.
    ///
    /// # Panics
    ///
    /// Without a free port on loopback.
    pub async fn serve(router: Router) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { port }
    }

    /// What listens on a port of 127.0.0.1 already.
    pub fn at(port: u16) -> Self {
        Self { port }
    }

    /// `GET target`, with further header lines.
    pub async fn get(&self, target: &str, headers: &[&str]) -> Heard {
        self.send("GET", target, headers, "").await
    }

    /// `POST target` with a JSON body, and further header lines.
    pub async fn post(&self, target: &str, headers: &[&str], body: &Value) -> Heard {
        let body = body.to_string();
        let length = format!("content-length: {}", body.len());
        let headers = [&["content-type: application/json", length.as_str()], headers].concat();
        self.send("POST", target, &headers, &body).await
    }

    async fn send(&self, method: &str, target: &str, headers: &[&str], body: &str) -> Heard {
        let mut text = format!("{method} {target} HTTP/1.1\r\nhost: probe\r\nconnection: close\r\n");
        for header in headers {
            text.push_str(header);
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        text.push_str(body);
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.expect("the router is being served");
        stream.write_all(text.as_bytes()).await.expect("the router reads the request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("the router writes text and closes");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        let status = head.get(9..12).and_then(|status| status.parse().ok()).expect("a status line has a status");
        Heard { status, head: head.to_lowercase(), body: serde_json::from_str(body).unwrap_or_default() }
    }
}
