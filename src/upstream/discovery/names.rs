//! Asking name servers: addresses of a name, and SRV records with the addresses of their targets.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::{RData, rdata::SRV},
};

/// Longest wait for one answer of one server; two tries.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Beside records with a weight those without have a very small chance (RFC 2782); so much of the smallest weight that there can be.
const WEIGHTLESS: f64 = 0.01;

/// Asks these servers, or those of the operating system.
///
/// Made for each look-up: nothing is remembered but by the servers, and what `/etc/resolv.conf` says now counts.
pub(super) struct Names {
    resolver: TokioResolver,
}

/// What was found.
#[derive(Debug, PartialEq)]
pub(super) struct Found<T> {
    pub(super) items: Vec<T>,
    /// How long it holds, as its servers say.
    pub(super) holds: Duration,
}

/// One address of a target of an SRV record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    /// The lowest that can be reached is asked.
    pub(super) priority: u16,
    /// Its share among those of its priority.
    pub(super) weight: f64,
}

impl Names {
    /// Errors: the operating system's settings cannot be read.
    pub(super) fn new(nameservers: &[SocketAddr]) -> Result<Self, String> {
        let mut builder = if nameservers.is_empty() {
            TokioResolver::builder_tokio().map_err(|error| error.to_string())?
        } else {
            let servers = nameservers.iter().map(|server| {
                let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
                let connections = connections.map(|mut connection| {
                    connection.port = server.port();
                    connection
                });
                NameServerConfig::new(server.ip(), true, connections.into())
            });
            let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
            let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
            *builder.options_mut() = ResolverOpts::default();
            builder.options_mut().use_hosts_file = ResolveHosts::Never;
            builder
        };
        let options = builder.options_mut();
        options.cache_size = 0;
        options.timeout = ANSWER_MAX;
        options.attempts = 2;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        Ok(Self { resolver: builder.build().map_err(|error| error.to_string())? })
    }

    /// All addresses of a name. Errors: it has none, or nobody knows.
    pub(super) async fn addresses(&self, host: &str) -> Result<Found<IpAddr>, String> {
        let found = self.resolver.lookup_ip(host).await.map_err(|error| said(&error))?;
        Ok(Found { holds: left(found.valid_until()), items: found.iter().collect() })
    }

    /// All addresses of all targets of a service, those of a lower priority first.
    ///
    /// A target that has no address is left out. Errors: there is no record, none with an address, or one whose address nobody knows now.
    /// Source: RFC 2782.
    pub(super) async fn service(&self, name: &str) -> Result<Found<Target>, String> {
        let found = self.resolver.srv_lookup(name).await.map_err(|error| said(&error))?;
        let records: Vec<&SRV> = found
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::SRV(service) => Some(service),
                _ => None,
            })
            .collect();
        if records.iter().any(|record| record.target.is_root()) {
            return Err("the records say that the service is not there".to_owned());
        }
        let has_weights = records.iter().any(|record| record.weight > 0);
        let targets = records.iter().map(async |record| {
            let weight = match record.weight {
                0 if has_weights => WEIGHTLESS,
                0 => 1.0,
                weight => f64::from(weight),
            };
            let found = match self.resolver.lookup_ip(record.target.clone()).await {
                Ok(found) => found,
                Err(error) if error.is_no_records_found() => return Ok((Vec::new(), None)),
                Err(error) => return Err(said(&error)),
            };
            let target = |ip| Target { address: SocketAddr::new(ip, record.port), priority: record.priority, weight };
            Ok((found.iter().map(target).collect(), Some(left(found.valid_until()))))
        });
        let all = try_join_all(targets).await?;
        let holds = all.iter().filter_map(|(_, holds)| *holds).min().unwrap_or(Duration::MAX);
        let mut items: Vec<Target> = all.into_iter().flat_map(|(targets, _)| targets).collect();
        if items.is_empty() {
            return Err("no target of the records has an address".to_owned());
        }
        items.sort_unstable_by_key(|target| (target.priority, target.address));
        items.dedup_by_key(|target| target.address);
        Ok(Found { items, holds: holds.min(left(found.valid_until())) })
    }
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

/// What a server said, without the names that were asked for: the same text as long as the same goes wrong.
fn said(error: &NetError) -> String {
    if error.is_nx_domain() {
        "there is no such name".to_owned()
    } else if error.is_no_records_found() {
        "the name has no such records".to_owned()
    } else {
        error.to_string()
    }
}
