//! One question to a running gateway: are you ready? For `weft healthcheck`, where an image has no `curl`.

use std::{
    io::{self, Read as _, Write as _},
    net::{TcpStream, ToSocketAddrs as _},
    time::Duration,
};

/// Where a gateway with default settings answers.
pub const DEFAULT: &str = "http://127.0.0.1:9090/readyz";

/// Longest wait for each part of the answer.
const WAIT: Duration = Duration::from_secs(3);

/// Asks and returns the HTTP status. Errors: the URL is not plain http, nobody answers, or not in HTTP.
pub fn probe(url: &str) -> io::Result<u16> {
    let wrong = |message: &str| io::Error::new(io::ErrorKind::InvalidInput, message.to_owned());
    let parsed = url::Url::parse(url).map_err(|error| wrong(&error.to_string()))?;
    if parsed.scheme() != "http" {
        return Err(wrong("only http URLs can be asked"));
    }
    let host = parsed.host_str().ok_or_else(|| wrong("the URL has no host"))?;
    let port = parsed.port_or_known_default().unwrap_or(80);
    let address = (host.trim_matches(['[', ']']), port)
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| wrong("the host has no address"))?;
    let mut stream = TcpStream::connect_timeout(&address, WAIT)?;
    stream.set_read_timeout(Some(WAIT))?;
    stream.set_write_timeout(Some(WAIT))?;
    let target = &parsed[url::Position::BeforePath..url::Position::AfterQuery];
    write!(stream, "GET {target} HTTP/1.1\r\nhost: {host}:{port}\r\nconnection: close\r\n\r\n")?;
    let mut head = Vec::new();
    stream.take(64).read_to_end(&mut head)?;
    let status = head
        .strip_prefix(b"HTTP/1.")
        .and_then(|rest| rest.get(2..5))
        .and_then(|digits| std::str::from_utf8(digits).ok());
    status
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
}
