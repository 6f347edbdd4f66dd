//! What the features share: an https stub, the real binary as a process, fixture files, comparison of answers.

pub mod compare;
pub mod dns;
pub mod fixture;
pub mod process;
pub mod raw;
#[cfg(feature = "redis")]
pub mod redis;
pub mod stub;
pub mod tls;

use std::path::{Path, PathBuf};

/// The folder of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder for files that a test writes; each name is its own.
pub fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

/// A runtime for tests over sockets: real time, two threads.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime starts")
}
