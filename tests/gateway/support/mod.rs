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

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use weft::{
    config::{self, Overrides},
    gateway::{Gateway, Snapshot},
    upstream::{Kept, Transport},
};

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

/// A gateway in this process, of one schema file and what else its configuration says.
pub fn gateway(schema: &str, yaml: &str) -> Gateway {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let folder = scratch(&format!("gateway-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
    std::fs::write(folder.join("api.graphql"), schema).expect("a writable folder");
    let file = folder.join("weft.yaml");
    std::fs::write(&file, format!("schema: [api.graphql]\n{yaml}\n")).expect("a writable folder");
    let settings = config::load(Some(&file), &Overrides::default());
    let settings = settings.unwrap_or_else(|findings| panic!("{yaml}: {findings:#?}"));
    let built = Snapshot::build(&settings, &Transport::default(), &Kept::default());
    let (snapshot, _) = built.unwrap_or_else(|findings| panic!("{findings:#?}"));
    std::fs::remove_dir_all(&folder).ok();
    Gateway::new(snapshot)
}

/// Headers of a request.
pub fn header_map(headers: &[(&'static str, &str)]) -> HeaderMap {
    let header = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"))
    };
    headers.iter().map(header).collect()
}
