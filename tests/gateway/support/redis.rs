//! A real `redis-server` as a process.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::scratch;

/// Longest wait for it to answer; generous, machines that run tests are busy.
const START_MAX: Duration = Duration::from_mins(1);

/// A running `redis-server`, with its data in a folder of its own; killed when dropped.
pub struct Redis {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Redis {
    /// Starts one. `None`: it is not installed; `tests/run` does that, and counts what is left out.
    pub fn start() -> Option<Self> {
        let probe = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
        if probe.is_err() {
            println!("skipped: no redis-server");
            return None;
        }
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("a bound socket").port();
        drop(free);
        let folder = scratch(&format!("redis-{port}"));
        Some(Self { child: run(port, &folder), port, folder })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// `kill -9`
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again, with the data that was saved.
    pub fn restart(&mut self) {
        self.kill();
        self.child = run(self.port, &self.folder);
    }

    /// Sends it a signal such as `-STOP`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(name).arg(self.child.id().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "a signal can be sent");
    }

    /// What it answers to a command, as it is written on the wire.
    pub fn ask(&self, command: &[&[u8]]) -> String {
        ask(self.port, command).expect("an answer of Redis")
    }

    /// Its keys that begin like this.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        let text = self.ask(&[b"KEYS", format!("{prefix}*").as_bytes()]);
        text.split("\r\n").filter(|line| line.starts_with(prefix)).map(str::to_owned).collect()
    }
}

fn run(port: u16, folder: &std::path::Path) -> Child {
    let port_text = port.to_string();
    let folder_text = folder.display().to_string();
    // Nothing is saved unless a test says so.
    let arguments = ["--port", &port_text, "--bind", "127.0.0.1", "--save", "", "--dir", &folder_text];
    let child = Command::new("redis-server").args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let child = child.expect("redis-server starts");
    let started = Instant::now();
    while !ask(port, &[b"PING"]).is_ok_and(|answer| answer.starts_with("+PONG")) {
        assert!(started.elapsed() < START_MAX, "redis-server does not answer");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

fn ask(port: u16, command: &[&[u8]]) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut bytes = format!("*{}\r\n", command.len()).into_bytes();
    for part in command {
        bytes.extend(format!("${}\r\n", part.len()).into_bytes());
        bytes.extend_from_slice(part);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"*1\r\n$4\r\nQUIT\r\n");
    socket.write_all(&bytes)?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
