//! `weft demo --chaos`: what callers see while a service dies, drags its feet and lies, with the layers around calls and without.
//!
//! The catalog runs three times. Two gateways stand in front of the same services: one has retries, ejection, health checks, hedging and a
//! breaker, the other calls the three in turn and has nothing of it. Both are asked the same at the same time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use http::{HeaderMap, HeaderValue, header};
use tokio::task::JoinSet;

use super::{
    Options,
    gateway::files,
    replica::{Fault, Replica},
    services,
};
use crate::{
    config::{Balance, Breaker, Health, Hedge, HedgeAfter, Outlier, Retry, Settings, Source},
    gateway::{Gateway, Request, Snapshot},
    upstream::{Kept, Transport},
};

/// Requests a second that each gateway is asked.
const RATE: u32 = 50;
/// How long each phase lasts.
const PHASE: Duration = Duration::from_secs(6);
const REPLICAS: usize = 3;
/// The catalog gives products and brands, the inventory their stock, accounts the viewer.
const QUERY: &str = "query Page($n: Int!) { \
    products(first: $n) { items { name brand { name } stock { available } } } \
    viewer { name } }";

/// What is done to the replicas of the catalog, in order.
const PHASES: [(&str, [Fault; REPLICAS]); 7] = {
    const SLOW: Fault = Fault::Slow(Duration::from_millis(1500));
    const LIES: Fault = Fault::Failing(30);
    [
        ("all is well", [Fault::None, Fault::None, Fault::None]),
        ("one of three is killed", [Fault::Killed, Fault::None, Fault::None]),
        ("it is back", [Fault::None, Fault::None, Fault::None]),
        ("one of three takes 1.5 s more", [Fault::None, SLOW, Fault::None]),
        ("a third of the answers is a 503", [LIES, LIES, LIES]),
        ("all three are killed", [Fault::Killed, Fault::Killed, Fault::Killed]),
        ("all are back", [Fault::None, Fault::None, Fault::None]),
    ]
};

/// What became of the requests of one phase.
#[derive(Debug, Default)]
struct Seen {
    complete: usize,
    /// Some of it is there, with errors for the rest.
    partial: usize,
    nothing: usize,
    took: Vec<Duration>,
}

/// Plays all phases and prints what callers saw. Errors: services that cannot be started.
pub(super) async fn run(options: &Options) -> anyhow::Result<()> {
    let services = services::start(options, services::Ports::Free).await?;
    let mut replicas = Vec::with_capacity(REPLICAS);
    for _ in 0..REPLICAS {
        let router = tokio::task::spawn_blocking(|| catalog::router(&kit::Options::default())).await;
        let router = router.context("seeding was interrupted")?.context("cannot start `catalog`")?;
        replicas.push(Replica::start(router).await.context("cannot open a port for `catalog`")?);
    }
    let with = open(&services, &replicas, layered)?;
    let without = open(&services, &replicas, |_| {})?;
    anstream::println!("{}", preface());
    for (name, faults) in PHASES {
        for (replica, fault) in replicas.iter().zip(faults) {
            replica.set(fault);
        }
        let (without, with) = tokio::join!(ask(&without), ask(&with));
        anstream::println!("{name:34}{}   {}", without.row(), with.row());
    }
    anstream::println!(
        "\nFull: all of the page. Part: the page without products, told so in `errors`. p99: of hundred answers one took longer."
    );
    Ok(())
}

fn preface() -> String {
    let seconds = PHASE.as_secs() * PHASES.len() as u64;
    format!(
        "The catalog runs three times, two gateways are asked {RATE} pages a second each, for {seconds} seconds.\n\n\
         {:34}{:^25}   {:^25}\n{:34}{COLUMNS}   {COLUMNS}",
        "", "without the layers", "with the layers", "what happens to the catalog"
    )
}

const COLUMNS: &str = "  full   part      p99 ms";

/// A gateway in front of the services, with the catalog at all of its replicas.
fn open(
    services: &services::Services,
    replicas: &[Replica],
    change: impl FnOnce(&mut Source),
) -> anyhow::Result<Arc<Gateway>> {
    let mut settings = Settings::default();
    let at = |address: &std::net::SocketAddr| format!("http://{address}").as_str().into();
    for (name, address) in &services.started {
        settings.sources.insert((*name).to_owned(), plain(vec![at(address)]));
    }
    let mut catalog = plain(replicas.iter().map(|replica| at(&replica.address)).collect());
    change(&mut catalog);
    settings.sources.insert("catalog".to_owned(), catalog);
    let built = Snapshot::of_files(&settings, &files(), &Transport::default(), &Kept::default());
    let (snapshot, _) = built.map_err(|found| anyhow::anyhow!("the demo's graph is not valid: {found:?}"))?;
    Ok(Arc::new(Gateway::new(snapshot)))
}

/// A source whose calls are made as they come.
fn plain(urls: Vec<crate::config::Url>) -> Source {
    let mut source =
        Source { urls, balance: Balance::RoundRobin, share: crate::config::Share::Off, ..Source::default() };
    source.cache.enabled = false;
    source
}

/// With everything that `docs/upstream/production.md` names.
fn layered(source: &mut Source) {
    source.balance = Balance::P2c;
    source.connect_timeout = Duration::from_millis(250);
    source.retry = Some(Retry { timeout: Some(Duration::from_millis(500)), ..Retry::default() });
    source.outlier = Some(Outlier { consecutive_failures: 3, eject: Duration::from_secs(3), ..Outlier::default() });
    let interval = Duration::from_secs(1);
    source.health = Some(Health { interval, timeout: Duration::from_millis(500), ..Health::default() });
    source.breaker = Some(Breaker { open: Duration::from_secs(1), ..Breaker::default() });
    source.hedge = Some(Hedge { after: HedgeAfter::Quantile(0.95), rate_max: 0.05 });
}

/// Asks at a steady rate for one phase, whether or not answers come, and waits for the last of them.
async fn ask(gateway: &Arc<Gateway>) -> Seen {
    let mut headers = HeaderMap::new();
    if let Ok(token) = HeaderValue::try_from(format!("Bearer {}", kit::token::demo())) {
        headers.insert(header::AUTHORIZATION, token);
    }
    let headers = Arc::new(headers);
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
    let mut asked = JoinSet::new();
    let begun = Instant::now();
    let mut number = 0;
    while begun.elapsed() < PHASE {
        ticks.tick().await;
        number += 1;
        let (gateway, headers) = (Arc::clone(gateway), Arc::clone(&headers));
        asked.spawn(async move {
            let variables = [("n".to_owned(), crate::mapping::Value::from(&serde_json::json!(number % 20 + 1)))];
            let variables = variables.into_iter().collect();
            let request = Request { query: Some(QUERY.to_owned()), variables, headers, ..Request::default() };
            let start = Instant::now();
            let answer = gateway.answer(&request).await;
            (answer.map(|answer| answer.body), start.elapsed())
        });
    }
    let mut seen = Seen::default();
    while let Some(answered) = asked.join_next().await {
        let Ok((answer, took)) = answered else { continue };
        let body = answer.ok().and_then(|body| serde_json::from_slice::<serde_json::Value>(&body).ok());
        let data = body.as_ref().map(|body| &body["data"]);
        match (data, body.as_ref().and_then(|body| body.get("errors"))) {
            (Some(data), None) if data.is_object() => seen.complete += 1,
            (Some(data), Some(_)) if data["viewer"].is_object() => seen.partial += 1,
            _ => seen.nothing += 1,
        }
        seen.took.push(took);
    }
    seen
}

impl Seen {
    fn row(mut self) -> String {
        self.took.sort_unstable();
        let count = self.took.len();
        let p99 = self.took.get(count.saturating_sub(1) * 99 / 100).copied().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "requests are counted in hundreds")]
        let share = |of: usize| of as f64 * 100.0 / count.max(1) as f64;
        format!("{:5.1}% {:5.1}% {:9.0}  ", share(self.complete), share(self.partial), p99.as_secs_f64() * 1000.0)
    }
}
