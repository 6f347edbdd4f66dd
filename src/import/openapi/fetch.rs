//! Gets a document and the files that it refers to: from a file, a URL or stdin.

use std::{
    collections::{HashMap, VecDeque},
    io::Read as _,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use serde_json::Value;
use url::Url;

use super::{
    document::{Document, addresses},
    read::{DOCUMENT_MAX, parse},
};
use crate::upstream::{Call, Kept, Transport, UpstreamSpec, Upstreams};

/// Files of one document.
const FILES_MAX: usize = 500;

/// Redirects that are followed, each on the same host.
const REDIRECTS_MAX: usize = 5;

/// A document with the files that it refers to.
#[derive(Debug)]
pub struct Fetched {
    /// What was read.
    pub document: Document,
    /// References to files that were not read, and why.
    pub problems: Vec<(String, String)>,
    /// Where it came from, when that is a URL.
    pub address: Option<Url>,
    /// The file's name without its extension.
    pub stem: String,
}

impl Fetched {
    /// A document that is at hand, as text. Errors: it can be read as neither JSON nor YAML.
    pub fn of_text(text: &str) -> Result<Self, String> {
        let value = parse(text)?;
        let problems = not_read(&value, "the document came without a place that it could be relative to");
        let document = Document::new(vec![value], HashMap::new());
        Ok(Self { document, problems, address: None, stem: String::new() })
    }
}

fn not_read(value: &Value, why: &str) -> Vec<(String, String)> {
    addresses(value).into_iter().map(|address| (format!("the file `{address}`"), why.to_owned())).collect()
}

/// Where files are.
enum Place {
    File(PathBuf),
    Url(Url),
}

/// Fetches the document at a path, a URL, or on stdin (`-`), and the files beside it that it refers to.
///
/// Files are read only from the document's folder and below it, or from its host. Errors: the document itself cannot be had.
pub async fn fetch(spec: &str, transport: &Transport) -> Result<Fetched, String> {
    if spec == "-" {
        let mut bytes = Vec::new();
        let limit = u64::try_from(DOCUMENT_MAX).unwrap_or(u64::MAX) + 1;
        std::io::stdin()
            .lock()
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(|error| format!("cannot read stdin: {error}"))?;
        return Fetched::of_text(&text(bytes)?).map_err(|why| format!("cannot read the document on stdin: {why}"));
    }
    let is_url = ["http://", "https://"].iter().any(|scheme| spec.to_ascii_lowercase().starts_with(scheme));
    let mut reader = Reader { transport, read: 0 };
    let (value, first) = if is_url {
        let url = Url::parse(spec).map_err(|error| format!("`{spec}` is no URL: {error}"))?;
        let (text, url) = reader.download(&url).await.map_err(|why| format!("cannot read `{spec}`: {why}"))?;
        (parse(&text).map_err(|why| format!("cannot read `{spec}`: {why}"))?, Place::Url(url))
    } else {
        let path = PathBuf::from(spec);
        let text = reader.file(&path).map_err(|why| format!("cannot read `{spec}`: {why}"))?;
        (parse(&text).map_err(|why| format!("cannot read `{spec}`: {why}"))?, Place::File(path))
    };
    let (address, stem) = match &first {
        Place::Url(url) => {
            (Some(url.clone()), url.path_segments().and_then(|mut parts| parts.next_back()).map(stem_of))
        }
        Place::File(path) => (None, path.file_name().and_then(|name| name.to_str()).map(stem_of)),
    };
    let (document, problems) = beside(value, first, &mut reader).await;
    Ok(Fetched { document, problems, address, stem: stem.unwrap_or_default() })
}

fn stem_of(name: &str) -> String {
    name.split('.').next().unwrap_or_default().to_owned()
}

/// Reads the files that are referred to, and those that they refer to.
async fn beside(value: Value, first: Place, reader: &mut Reader<'_>) -> (Document, Vec<(String, String)>) {
    let folder = match &first {
        Place::File(path) => path.parent().unwrap_or(Path::new("")).to_owned(),
        Place::Url(_) => PathBuf::new(),
    };
    let name = |place: &Place| match place {
        Place::File(path) => path.display().to_string(),
        Place::Url(url) => url.to_string(),
    };
    let mut known = HashMap::from([(name(&first), 0)]);
    let mut files = vec![value];
    let mut places = vec![first];
    let mut links = HashMap::new();
    let mut problems = Vec::new();
    let mut open = VecDeque::from([0_usize]);
    while let Some(at) = open.pop_front() {
        for address in addresses(&files[at]) {
            let found = match relative(&places[at], &address, &folder) {
                Ok(place) => match known.get(&name(&place)) {
                    Some(index) => Ok(*index),
                    None if files.len() >= FILES_MAX => Err(format!("the document has more than {FILES_MAX} files")),
                    None => match reader.value(&place).await {
                        Ok(value) => {
                            known.insert(name(&place), files.len());
                            open.push_back(files.len());
                            files.push(value);
                            places.push(place);
                            Ok(files.len() - 1)
                        }
                        Err(why) => Err(why),
                    },
                },
                Err(why) => Err(why),
            };
            match found {
                Ok(index) => {
                    links.insert((at, address), index);
                }
                Err(why) => problems.push((format!("the file `{address}`"), why)),
            }
        }
    }
    (Document::new(files, links), problems)
}

/// Where a reference leads. Errors: not beside the document.
fn relative(from: &Place, address: &str, folder: &Path) -> Result<Place, String> {
    match from {
        Place::Url(url) => {
            let target = url.join(address).map_err(|error| format!("it is no URL: {error}"))?;
            if target.origin() != url.origin() {
                return Err("it is on another host; fetch it and put it beside the document".to_owned());
            }
            Ok(Place::Url(target))
        }
        Place::File(path) => {
            if address.contains("://") {
                return Err(
                    "it is a URL and the document is a file; fetch it and put it beside the document".to_owned()
                );
            }
            let decoded = percent_encoding::percent_decode_str(address).decode_utf8_lossy().into_owned();
            let target = plain(&path.parent().unwrap_or(Path::new("")).join(&decoded));
            let is_beside =
                target.starts_with(plain(folder)) && !target.components().any(|part| part == Component::ParentDir);
            if Path::new(&decoded).is_absolute() || !is_beside {
                return Err("it is not in the folder of the document".to_owned());
            }
            Ok(Place::File(target))
        }
    }
}

/// The path without `.` and, where that is possible, without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if out.file_name().is_some() => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

/// Reads files and makes calls, all within one bound.
struct Reader<'a> {
    transport: &'a Transport,
    read: usize,
}

impl Reader<'_> {
    async fn value(&mut self, place: &Place) -> Result<Value, String> {
        let text = match place {
            Place::File(path) => self.file(path)?,
            Place::Url(url) => self.download(url).await?.0,
        };
        parse(&text)
    }

    fn file(&mut self, path: &Path) -> Result<String, String> {
        let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
        if about.is_dir() {
            return Err("it is a folder; name the document in it".to_owned());
        }
        self.count(usize::try_from(about.len()).unwrap_or(usize::MAX))?;
        let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        let limit = u64::try_from(DOCUMENT_MAX).unwrap_or(u64::MAX) + 1;
        file.take(limit).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        text(bytes)
    }

    /// Errors: all files together are too large.
    fn count(&mut self, bytes: usize) -> Result<(), String> {
        self.read = self.read.saturating_add(bytes);
        if self.read > DOCUMENT_MAX {
            return Err(format!("the document has more than {} MiB", DOCUMENT_MAX >> 20));
        }
        Ok(())
    }

    /// The text, and where it was in the end.
    async fn download(&mut self, url: &Url) -> Result<(String, Url), String> {
        let mut url = url.clone();
        url.set_fragment(None);
        for _ in 0..=REDIRECTS_MAX {
            let spec = UpstreamSpec {
                timeout: Duration::from_mins(1),
                body_max: DOCUMENT_MAX,
                ..UpstreamSpec::named(url.host_str().unwrap_or_default())
            };
            let upstreams = Upstreams::new(vec![spec], self.transport, &Kept::default())?;
            let mut headers = http::HeaderMap::new();
            headers.insert(
                http::header::ACCEPT,
                http::HeaderValue::from_static("application/json, application/yaml, */*;q=0.5"),
            );
            let call = Call { headers, ..Call::new(http::Method::GET, url.to_string()) };
            let reply = upstreams.call(call).await.map_err(|error| error.to_string())?;
            let location = reply.headers.get(http::header::LOCATION).and_then(|value| value.to_str().ok());
            match (reply.status, location) {
                (200..=299, _) => {
                    self.count(reply.body.len())?;
                    return Ok((text(reply.body.to_vec())?, url));
                }
                (301 | 302 | 303 | 307 | 308, Some(location)) => {
                    let target =
                        url.join(location).map_err(|error| format!("it redirects to what is no URL: {error}"))?;
                    if target.host_str() != url.host_str() {
                        return Err(format!("it redirects to another host; if that is right, import `{target}`"));
                    }
                    url = target;
                }
                (status, _) => return Err(format!("the server answers {status}")),
            }
        }
        Err("it redirects too often".to_owned())
    }
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|_| "it is no text in UTF-8".to_owned())
}
