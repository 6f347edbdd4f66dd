//! The keys of an issuer: fetched in the background and when a token names one that is not known, kept while they cannot be fetched.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use governor::{
    Quota, RateLimiter,
    clock::DefaultClock,
    state::{InMemoryState, NotKeyed},
};
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::Value;
use tokio::sync::{Semaphore, watch};

use super::{
    json,
    keys::{self, Key},
};
use crate::{
    config::{Fetching, Issuer, KeySource},
    upstream::{Call, Kept, Transport, UpstreamSpec, Upstreams},
};

/// Most bytes of a set of keys or of a configuration: a hundred keys with their certificates.
const BODY_MAX: usize = 1 << 20;
/// How often a file of keys is read again.
const FILE_REFRESH: Duration = Duration::from_secs(10);
/// Longest wait of a request for keys.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// Most requests that wait for keys at once; more are answered at once from what is there.
const WAITING_MAX: usize = 512;
/// Fetches that are made at once when there is a reason, before `cooldown` counts.
const BURST: u32 = 2;

type Bucket = RateLimiter<NotKeyed, InMemoryState, DefaultClock>;

/// The keys that are used now.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// Goes up with every change.
    pub(super) generation: u64,
    pub(super) all: Vec<Arc<Key>>,
}

/// An issuer's keys. Kept over reloads.
#[derive(Debug)]
pub(super) struct Provider {
    issuer: Issuer,
    fetching: Fetching,
    upstreams: Upstreams,
    current: ArcSwap<Keys>,
    /// How often they may be fetched, whatever the reason.
    bucket: Bucket,
    under_way: Mutex<UnderWay>,
    /// Places to wait for keys.
    places: Semaphore,
    is_started: AtomicBool,
}

/// The fetch that is under way, for all who wait for it.
#[derive(Debug, Default)]
struct UnderWay {
    /// Fetches that have ended.
    ended: u64,
    running: Option<watch::Receiver<bool>>,
}

impl Provider {
    /// The one that an earlier snapshot left, or a new one. Errors: the client cannot be set up.
    pub(super) fn shared(
        issuer: &Issuer,
        fetching: Fetching,
        transport: &Transport,
        kept: &Kept,
    ) -> Result<Arc<Self>, String> {
        let name: Arc<str> = format!("auth:{}", issuer.issuer).into();
        let spec = UpstreamSpec {
            timeout: fetching.timeout,
            connect_timeout: fetching.timeout.min(Duration::from_secs(2)),
            body_max: BODY_MAX,
            ..UpstreamSpec::named(&name)
        };
        let upstreams = Upstreams::new(vec![spec], transport, kept)?;
        // A secret is part of what tells one from another; the settings are hashed and go nowhere.
        let secret = match &issuer.keys {
            KeySource::Secret(secret) => secret.0.clone(),
            _ => String::new(),
        };
        let settings = (format!("{:?} {:?}", issuer.keys, issuer.algorithms), secret, fetching, transport);
        Ok(kept.share(&name, &settings, || Self::new(issuer, fetching, upstreams)))
    }

    fn new(issuer: &Issuer, fetching: Fetching, upstreams: Upstreams) -> Self {
        let mut keys = Keys::default();
        if let KeySource::Secret(secret) = &issuer.keys {
            keys.all.extend(issuer.algorithms.iter().map(|algorithm| Arc::new(Key::secret(secret, *algorithm))));
        }
        let quota = Quota::with_period(fetching.cooldown).unwrap_or(Quota::per_second(std::num::NonZero::<u32>::MIN));
        let burst = std::num::NonZero::new(BURST).unwrap_or(std::num::NonZero::<u32>::MIN);
        Self {
            issuer: issuer.clone(),
            fetching,
            upstreams,
            current: ArcSwap::from_pointee(keys),
            bucket: RateLimiter::direct(quota.allow_burst(burst)),
            under_way: Mutex::default(),
            places: Semaphore::new(WAITING_MAX),
            is_started: AtomicBool::new(false),
        }
    }

    /// The keys that are used now.
    pub(super) fn keys(&self) -> arc_swap::Guard<Arc<Keys>> {
        self.current.load()
    }

    /// Starts fetching in the background; it ends when no snapshot uses the issuer any more. A second time does nothing.
    pub(super) fn start(self: &Arc<Self>) {
        let is_fixed = matches!(self.issuer.keys, KeySource::Secret(_));
        if !is_fixed && !self.is_started.swap(true, Ordering::Relaxed) {
            tokio::spawn(refresh(Arc::downgrade(self)));
        }
    }

    /// How many fetches have ended so far: to be asked before the keys are looked at, and given to [`Self::newer`].
    pub(super) fn ended(&self) -> u64 {
        self.under_way().ended
    }

    /// Waits for a fetch that ends after the `seen` ones: the one under way, or a new one where that is allowed.
    pub(super) async fn newer(self: &Arc<Self>, seen: u64) {
        if matches!(self.issuer.keys, KeySource::Secret(_)) {
            return;
        }
        let Some(mut running) = self.join(seen) else { return };
        let Ok(_place) = self.places.try_acquire() else { return };
        // In time or not: what is there then counts.
        let _ = tokio::time::timeout(WAIT_MAX, running.wait_for(|is_done| *is_done)).await;
    }

    /// The fetch under way; a new one when there is none. `None`: one has ended since, or none is allowed now.
    fn join(self: &Arc<Self>, seen: u64) -> Option<watch::Receiver<bool>> {
        let mut under_way = self.under_way();
        if under_way.ended > seen {
            return None;
        }
        if let Some(running) = &under_way.running {
            return Some(running.clone());
        }
        self.bucket.check().ok()?;
        let (done, running) = watch::channel(false);
        under_way.running = Some(running.clone());
        let provider = Arc::clone(self);
        // On its own: whoever asked may leave.
        tokio::spawn(async move {
            provider.fetch().await;
            let mut under_way = provider.under_way();
            under_way.ended += 1;
            under_way.running = None;
            drop(under_way);
            done.send_replace(true);
        });
        Some(running)
    }

    fn under_way(&self) -> std::sync::MutexGuard<'_, UnderWay> {
        // Nothing in there is left half done.
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what the issuer says now. What it does not say, or not so that it can be used, changes nothing.
    async fn fetch(&self) {
        let issuer = self.issuer.issuer.as_str();
        let read = self.download().await.and_then(|text| keys::read(&text, &self.issuer.algorithms));
        let all: Vec<Arc<Key>> = match read {
            Ok(keys) => keys.into_iter().map(Arc::new).collect(),
            Err(reason) => {
                let known = self.keys().all.len();
                tracing::warn!(issuer, reason, known, "the keys of an issuer could not be fetched");
                return;
            }
        };
        let known = self.keys();
        if known.all != all {
            tracing::info!(issuer, keys = all.len(), "the keys of an issuer have changed");
            self.current.store(Arc::new(Keys { generation: known.generation + 1, all }));
        }
    }

    async fn download(&self) -> Result<Vec<u8>, String> {
        match &self.issuer.keys {
            KeySource::Secret(_) => Err("a secret is not fetched".to_owned()),
            KeySource::File(path) => from_file(path).await,
            KeySource::Url(url) => self.get(url).await,
            KeySource::Discovery => {
                let url = format!("{}/.well-known/openid-configuration", self.issuer.issuer.trim_end_matches('/'));
                let document = self.get(&url).await?;
                let document = json::object(&document).ok_or("the OpenID configuration is no JSON object")?;
                // OpenID Connect Discovery 1.0, 4.3: or one issuer could bring the keys of another.
                if document.get("issuer").and_then(Value::as_str) != Some(&self.issuer.issuer) {
                    return Err("the OpenID configuration is that of another issuer".to_owned());
                }
                let url = document.get("jwks_uri").and_then(Value::as_str).unwrap_or_default();
                if !url.starts_with("https://")
                    && (!url.starts_with("http://") || self.issuer.issuer.starts_with("https://"))
                {
                    return Err("the OpenID configuration has no usable `jwks_uri`".to_owned());
                }
                self.get(url).await
            }
        }
    }

    async fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, application/jwk-set+json"));
        let call = Call { headers, ..Call::new(Method::GET, url) };
        let reply = self.upstreams.call(call).await.map_err(|error| error.to_string())?;
        if reply.status != 200 {
            return Err(format!("`{url}` answered {}", reply.status));
        }
        Ok(reply.body.to_vec())
    }
}

async fn from_file(path: &Path) -> Result<Vec<u8>, String> {
    let told = |error: std::io::Error| format!("`{}`: {error}", path.display());
    if tokio::fs::metadata(path).await.map_err(told)?.len() > BODY_MAX as u64 {
        return Err(format!("`{}` is larger than {BODY_MAX} bytes", path.display()));
    }
    tokio::fs::read(path).await.map_err(told)
}

/// Fetches again and again, until nobody uses the provider any more.
async fn refresh(provider: Weak<Provider>) {
    loop {
        let pause = {
            let Some(provider) = provider.upgrade() else { return };
            let seen = provider.ended();
            provider.newer(seen).await;
            let often = match provider.issuer.keys {
                KeySource::File(_) => FILE_REFRESH,
                // Until there are keys nobody gets in.
                _ if provider.keys().all.is_empty() => provider.fetching.cooldown,
                _ => provider.fetching.refresh,
            };
            // Not all gateways of a fleet at once.
            often.min(provider.fetching.refresh).mul_f64(0.9 + 0.2 * fastrand::f64())
        };
        tokio::time::sleep(pause).await;
    }
}
