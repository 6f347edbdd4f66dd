//! The real binary as a process.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Mutex, mpsc},
    time::Duration,
};

use serde_json::Value;

/// Longest time from start to the line with the URL; generous, machines that run tests are busy.
const START_MAX: Duration = Duration::from_mins(1);

/// A running `weft serve`; killed when dropped.
pub struct Weft {
    child: Child,
    /// `http://127.0.0.1:PORT`
    pub origin: String,
    client: reqwest::Client,
    /// What it prints, as far as nobody has read it.
    lines: Mutex<mpsc::Receiver<String>>,
}

impl Drop for Weft {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Weft {
    /// Starts it with a configuration file and further environment, and waits for the URL that it prints when ready.
    pub fn start(config: &Path, env: &[(String, String)]) -> Result<Self, String> {
        Self::start_with(config, &[], env)
    }

    /// As [`Self::start`], with further arguments.
    pub fn start_with(config: &Path, arguments: &[&str], env: &[(String, String)]) -> Result<Self, String> {
        let mut all = vec!["serve".as_ref(), "-c".as_ref(), config.as_os_str()];
        all.extend(arguments.iter().map(OsStr::new));
        Self::run(&all, env)
    }

    /// The demo, on free ports.
    #[cfg(feature = "demo")]
    pub fn demo(env: &[(String, String)]) -> Result<Self, String> {
        Self::run(&["demo", "--port", "0", "--admin-port", "0"].map(OsStr::new), env)
    }

    fn run(arguments: &[&OsStr], env: &[(String, String)]) -> Result<Self, String> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_weft"))
            .args(arguments)
            .envs(env.iter().map(|(name, value)| (name, value)))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the binary does not start: {error}"))?;
        let (sender, lines) = mpsc::channel();
        drain(child.stdout.take().expect("piped"), sender.clone());
        drain(child.stderr.take().expect("piped"), sender);
        let mut log = String::new();
        let started = std::time::Instant::now();
        loop {
            let left = START_MAX.saturating_sub(started.elapsed());
            let Ok(line) = lines.recv_timeout(left) else {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("weft did not become ready:\n{log}"));
            };
            if let Some(origin) = origin(&line) {
                let client = reqwest::Client::builder().no_proxy().build().expect("a client");
                return Ok(Self { child, origin, client, lines: Mutex::new(lines) });
            }
            log.push_str(&line);
            log.push('\n');
        }
    }

    /// Asks it to end, as an operator does, waits until it has, and gives back what it printed since it was ready.
    pub fn stop(&mut self) -> String {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status().expect("`kill` runs");
        assert!(asked.success(), "nobody there to be asked");
        let status = self.child.wait().expect("a child");
        assert!(status.success(), "{status}");
        // Both pipes end with the process.
        let lines = self.lines.get_mut().expect("no panic");
        lines.iter().map(|line| line + "\n").collect()
    }

    /// Waits until it prints a line with this text; gives back all that it printed since the last time, this line included.
    pub fn wait_for(&self, text: &str) -> String {
        let lines = self.lines.lock().expect("nobody panicked with it");
        let mut log = String::new();
        loop {
            match lines.recv_timeout(START_MAX) {
                Ok(line) => {
                    log.extend([line.as_str(), "\n"]);
                    if line.contains(text) {
                        return log;
                    }
                }
                Err(error) => panic!("weft did not print `{text}` ({error}):\n{log}"),
            }
        }
    }

    /// Sends SIGHUP: it loads its configuration again.
    pub fn hang_up(&self) {
        let sent = Command::new("kill").arg("-HUP").arg(self.child.id().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "a signal can be sent");
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process still lives.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks one operation by POST; gives back status and JSON body.
    pub async fn ask(&self, body: &Value, headers: &[(String, String)]) -> Result<(u16, Value), String> {
        let mut request = self
            .client
            .post(format!("{}/graphql", self.origin))
            .header("content-type", "application/json")
            .timeout(Duration::from_mins(1))
            .body(body.to_string());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let response = request.send().await.map_err(|error| format!("no answer: {error:?}"))?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await.map_err(|error| format!("no whole answer: {error}"))?;
        let json = serde_json::from_slice(&bytes)
            .map_err(|error| format!("not JSON ({error}): {}", String::from_utf8_lossy(&bytes)))?;
        Ok((status, json))
    }
}

/// Reads a pipe to its end, so that the process never blocks on it.
fn drain(pipe: impl Read + Send + 'static, sender: mpsc::Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            let Ok(line) = line else { return };
            let _ = sender.send(line);
        }
    });
}

/// `http://host:port` of a line that holds a URL.
fn origin(line: &str) -> Option<String> {
    ["http://127.0.0.1:", "https://127.0.0.1:"].into_iter().find_map(|start| {
        let (_, rest) = line.split_once(start)?;
        let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
        (!port.is_empty() && port != "0").then(|| format!("{start}{port}"))
    })
}
