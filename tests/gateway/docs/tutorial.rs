//! The tutorial, typed as it says: in a shell, in a new folder, with the binary on the path. Ports are those that were free.
//!
//! `sh start` goes on running, `sh run` is waited for, a block with a file's name is that file; while `weft serve --dev` runs, a
//! file is waited for until it is served.

use std::{
    io::{BufRead as _, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use serde_json::Value;

use super::page::{Block, Page};
use crate::support::{compare, root, scratch};

/// Longest wait for a line; generous, machines that run tests are busy.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// Services of the demo and their usual ports, as the page has them.
const SERVICES: [(&str, &str); 2] = [("catalog", "5001"), ("reviews", "5005")];

#[test]
fn the_tutorial_runs_as_it_is_written() {
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("skipped: the tutorial types `curl`, which is not here");
        return;
    }
    let mut page = Page::read(&root().join("docs/tutorial.md"));
    let mut shell = Shell {
        folder: scratch("docs-tutorial"),
        ports: Vec::new(),
        running: Vec::new(),
        serving: false,
        output: String::new(),
    };
    let mut faults = Vec::new();
    for block in page.blocks.clone() {
        let fault = match block.kind().as_str() {
            "sh start" => {
                shell.start(&block.text);
                None
            }
            "sh run" => {
                shell.output = shell.run(&block.text);
                None
            }
            "text output" => page.printed(&block, &shell.output.clone()),
            "json output" => shown(&mut page, &block, &shell.output),
            kind if kind.ends_with("FILE") => {
                shell.write(&block);
                None
            }
            kind => Some(format!("{}:{}: what is `{kind}`?", page.name, block.line)),
        };
        faults.extend(fault);
    }
    page.finish();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

struct Shell {
    folder: PathBuf,
    /// Port on the page, port in truth.
    ports: Vec<(String, String)>,
    running: Vec<(Child, mpsc::Receiver<String>)>,
    serving: bool,
    output: String,
}

impl Drop for Shell {
    fn drop(&mut self) {
        for (child, _) in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Shell {
    fn command(&self, script: &str) -> Command {
        let bin = Path::new(env!("CARGO_BIN_EXE_weft")).parent().expect("a file lies in a folder");
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("bash");
        command
            .args(["-c", script])
            .env("PATH", path)
            .env("NO_COLOR", "1")
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        for name in ["WEFT_CONFIG", "WEFT_LISTEN", "WEFT_LOG"] {
            command.env_remove(name);
        }
        command
    }

    /// Starts what goes on running, and learns its ports.
    fn start(&mut self, script: &str) {
        let script = format!("exec {}", script.trim());
        let mut child =
            self.command(&script).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("bash starts");
        let (sender, lines) = mpsc::channel();
        drain(child.stdout.take().expect("piped"), sender.clone());
        drain(child.stderr.take().expect("piped"), sender);
        self.running.push((child, lines));
        if script.contains("demo") {
            for (name, port) in SERVICES {
                let line = self.wait_for(&[&format!("  {name}")]);
                self.ports.push((port.to_owned(), port_of(&line)));
            }
        } else {
            let line = self.wait_for(&["weft answers at"]);
            self.ports.push(("4000".to_owned(), port_of(&line)));
            self.serving = true;
        }
    }

    /// A line with one of these texts, of what was started last.
    fn wait_for(&self, texts: &[&str]) -> String {
        let (_, lines) = self.running.last().expect("something runs");
        let mut log = String::new();
        loop {
            let line = lines.recv_timeout(WAIT_MAX).unwrap_or_else(|error| panic!("no {texts:?} ({error}) in\n{log}"));
            if texts.iter().any(|text| line.contains(text)) {
                return line;
            }
            log.extend([line.as_str(), "\n"]);
        }
    }

    fn run(&self, script: &str) -> String {
        let output = self.command(&self.real(script)).output().expect("bash starts");
        let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        self.ports.iter().fold(printed, |text, (page, real)| text.replace(&format!(":{real}"), &format!(":{page}")))
    }

    fn write(&self, block: &Block) {
        let path = self.folder.join(&block.words[0]);
        std::fs::create_dir_all(path.parent().expect("in the folder")).expect("a scratch folder");
        // weft takes a free port where the page has its own.
        let text = block.text.replace("127.0.0.1:4000", "127.0.0.1:0").replace("127.0.0.1:9090", "127.0.0.1:0");
        std::fs::write(path, self.real(&text)).expect("a scratch folder");
        if self.serving && block.words[0].starts_with("schema/") {
            let line = self.wait_for(&["reloaded ("]);
            assert!(!line.contains("not reloaded"), "{line}");
        }
    }

    fn real(&self, text: &str) -> String {
        self.ports
            .iter()
            .fold(text.to_owned(), |text, (page, real)| text.replace(&format!(":{page}"), &format!(":{real}")))
    }
}

fn drain(pipe: impl Read + Send + 'static, sender: mpsc::Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
}

fn port_of(line: &str) -> String {
    let rest = line.split("127.0.0.1:").nth(1).unwrap_or_else(|| panic!("no address in `{line}`"));
    rest.chars().take_while(char::is_ascii_digit).collect()
}

fn shown(page: &mut Page, block: &Block, output: &str) -> Option<String> {
    let Ok(given) = serde_json::from_str::<Value>(output) else { return page.printed(block, output) };
    match serde_json::from_str::<Value>(&block.text) {
        Ok(expected) if compare::same(&expected, &given) => None,
        _ => page.printed(block, &format!("{given:#}")),
    }
}
