//! Tells the binary which commit it was built from, for `weft --version`, and the linker in which order the functions of a release lie.

use std::{
    env,
    path::PathBuf,
    process::{Command, Stdio},
};

fn main() {
    commit();
    layout();
}

/// Without git, or outside a checkout: the version alone.
fn commit() {
    println!("cargo::rerun-if-changed=.git/HEAD");
    println!("cargo::rerun-if-changed=.git/refs/heads");
    let version = env!("CARGO_PKG_VERSION");
    let commit = Command::new("git").args(["rev-parse", "--short=10", "HEAD"]).output();
    let commit =
        commit.ok().filter(|output| output.status.success()).and_then(|output| String::from_utf8(output.stdout).ok());
    if let Some(commit) = commit {
        println!("cargo::rustc-env=WEFT_VERSION_FULL={version} ({})", commit.trim());
    }
}

/// Functions that requests run lie side by side: some 5 % less time for each. `benches/layout/record` made the list. Linkers that cannot
/// read it link in the compiler's order.
fn layout() {
    println!("cargo::rerun-if-changed=benches/layout/functions.txt");
    let list = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("benches/layout/functions.txt");
    if variable("PROFILE") != "release" || !list.exists() {
        return;
    }
    // Names that are not there say nothing: they are of another compiler, or of features that are off.
    let options =
        [format!("-Wl,--symbol-ordering-file={}", list.display()), "-Wl,--no-warn-symbol-ordering".to_owned()];
    if can_link_with(&options) {
        for option in options {
            println!("cargo::rustc-link-arg-bins={option}");
        }
    }
}

/// Whether the linker that will be used takes these options.
fn can_link_with(options: &[String]) -> bool {
    let folder = PathBuf::from(variable("OUT_DIR"));
    let source = folder.join("probe.rs");
    if std::fs::write(&source, "fn main() {}\n").is_err() {
        return false;
    }
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.arg(&source).arg("-o").arg(folder.join("probe")).args(["--target", &variable("TARGET")]);
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    rustc.args(variable("CARGO_ENCODED_RUSTFLAGS").split('\u{1f}').filter(|flag| !flag.is_empty()));
    rustc.args(options.iter().map(|option| format!("-Clink-arg={option}")));
    rustc.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
