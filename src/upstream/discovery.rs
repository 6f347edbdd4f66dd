//! Where a service is now: the addresses of a name, the targets of its SRV records, or the lines of a file, looked at again and again.

mod names;

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};
use url::Url;

use self::names::{Found, Names};
use super::{client::Connections, instance::Place, instances::Instances};
use crate::config::Discovery;

/// Most instances of one source; what names more is a mistake.
const INSTANCES_MAX: usize = 1000;

/// Records that hold for less are still not looked up more often; nor is what was never found.
const HOLDS_MIN: Duration = Duration::from_secs(1);

/// Keeps the instances up to date until nobody uses them any more. What cannot be looked up, or gives nothing, changes
/// nothing: the last known places are better than none.
pub(super) async fn run(
    instances: Weak<Instances>,
    settings: Discovery,
    primary: Place,
    connections: Arc<Connections>,
) {
    let mut known: Option<Vec<Place>> = None;
    let mut last_problem = String::new();
    loop {
        if instances.strong_count() == 0 {
            return;
        }
        let began = Instant::now();
        let found = match &settings {
            Discovery::Dns { nameservers, .. } => addresses(&primary, &connections, nameservers).await,
            Discovery::Srv { name, nameservers, .. } => targets(&primary, name, nameservers).await,
            Discovery::File { path, .. } => lines(path).await.map(for_ever),
        };
        let Some(instances) = instances.upgrade() else { return };
        let mut again = settings.refresh();
        match found {
            Ok(Found { items: places, holds }) => {
                again = again.min(holds.max(HOLDS_MIN));
                last_problem.clear();
                if known.as_ref() != Some(&places) {
                    tracing::info!(upstream = %instances.name, count = places.len(), "instances discovered");
                    instances.replace(places.clone());
                    known = Some(places);
                }
            }
            Err(problem) => {
                // Where it is nobody knows yet: who asks is waiting for the first word.
                if known.is_none() {
                    again = again.min(HOLDS_MIN);
                }
                // Once for each problem.
                if problem != last_problem {
                    tracing::warn!(upstream = %instances.name, problem, "instances cannot be looked up: the last known stay");
                    last_problem = problem;
                }
            }
        }
        drop(instances);
        sleep_until(began + again).await;
    }
}

/// What nobody says an end of.
fn for_ever(items: Vec<Place>) -> Found<Place> {
    Found { items, holds: Duration::MAX }
}

/// One place for each address, in order.
async fn addresses(
    primary: &Place,
    connections: &Connections,
    nameservers: &[SocketAddr],
) -> Result<Found<Place>, String> {
    let url = Url::parse(&primary.base).map_err(|error| error.to_string())?;
    let host = url.host_str().ok_or("the URL has no host")?.to_owned();
    let port = url.port_or_known_default().ok_or("the URL has no port")?;
    let mut holds = Duration::MAX;
    let mut found: Vec<SocketAddr> = connections.fixed(&host);
    if found.is_empty() && !nameservers.is_empty() {
        let answer = Names::new(nameservers)?.addresses(&host).await?;
        found = answer.items.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
        holds = answer.holds;
    } else if found.is_empty() {
        let answers = tokio::net::lookup_host((host.as_str(), port)).await.map_err(|error| error.to_string())?;
        found = answers.collect();
    }
    found.sort_unstable();
    found.dedup();
    found.truncate(INSTANCES_MAX);
    if found.is_empty() {
        return Err("the name has no address".to_owned());
    }
    let items = found.into_iter().map(|address| Place { address: Some(address), ..primary.clone() });
    Ok(Found { items: items.collect(), holds })
}

/// One place for each address of each target, with the record's port, priority and weight.
async fn targets(primary: &Place, name: &str, nameservers: &[SocketAddr]) -> Result<Found<Place>, String> {
    let Found { items, holds } = Names::new(nameservers)?.service(name).await?;
    let place = |target: names::Target| Place {
        address: Some(target.address),
        priority: target.priority,
        weight: target.weight,
        ..primary.clone()
    };
    Ok(Found { items: items.into_iter().take(INSTANCES_MAX).map(place).collect(), holds })
}

async fn lines(path: &Path) -> Result<Vec<Place>, String> {
    let text = tokio::fs::read_to_string(path).await.map_err(|error| error.to_string())?;
    parse(&text)
}

/// One URL a line, with its weight behind it where that is not 1, and its zone behind that.
fn parse(text: &str) -> Result<Vec<Place>, String> {
    let mut places = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let number = number + 1;
        let mut words = line.split_whitespace();
        let (url, weight, zone) = (words.next().unwrap_or_default(), words.next().unwrap_or("1"), words.next());
        let is_place = |url: &Url| ["http", "https"].contains(&url.scheme()) && url.has_host() && url.query().is_none();
        if !Url::parse(url).is_ok_and(|url| is_place(&url)) {
            return Err(format!("line {number} is no absolute URL without a query"));
        }
        let weight: f64 = weight.parse().map_err(|_| format!("line {number} has a weight that is no number"))?;
        if !(0.001..=1000.0).contains(&weight) {
            return Err(format!("line {number} has a weight that is not from 0.001 to 1000"));
        }
        if words.next().is_some() {
            return Err(format!("line {number} has more than a URL, a weight and a zone"));
        }
        places.push(Place { weight, zone: zone.map(Arc::from), ..Place::at(url) });
    }
    if places.is_empty() {
        return Err("the file names no instance".to_owned());
    }
    if places.len() > INSTANCES_MAX {
        return Err(format!("the file names more than {INSTANCES_MAX} instances"));
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::{super::Transport, *};
    use crate::upstream::UpstreamSpec;

    #[test]
    fn a_file_has_urls_weights_and_comments() {
        let places = parse("# ours\nhttp://a:1/\n\n  https://b/v1 2.5 eu-1 # bigger\n").unwrap();
        assert_eq!((places[0].zone.as_deref(), places[1].zone.as_deref()), (None, Some("eu-1")));
        let found: Vec<(&str, f64)> = places.iter().map(|place| (&*place.base, place.weight)).collect();
        assert_eq!(found, [("http://a:1", 1.0), ("https://b/v1", 2.5)]);
        for (text, problem) in [
            ("", "names no instance"),
            ("a:1", "line 1 is no absolute URL"),
            ("http://a\nftp://b", "line 2 is no absolute URL"),
            ("http://a?x", "line 1"),
            ("http://a heavy", "weight"),
            ("http://a -1", "weight"),
            ("http://a NaN", "weight"),
            ("http://a 1 eu-1 x", "line 1 has more than"),
        ] {
            assert!(parse(text).unwrap_err().contains(problem), "{text}");
        }
    }

    fn instances() -> Arc<Instances> {
        let spec = UpstreamSpec { urls: vec!["http://shop.example:80/v1".into()], ..UpstreamSpec::named("shop") };
        Arc::new(Instances::new(&spec))
    }

    async fn eventually(instances: &Instances, wanted: &[&str]) {
        loop {
            let all = instances.all();
            let mut found: Vec<String> = all
                .iter()
                .map(|instance| match instance.place.address {
                    Some(address) => address.to_string(),
                    None => instance.place.base.to_string(),
                })
                .collect();
            found.sort();
            if found == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn every_address_of_a_name_is_an_instance() {
        let address = |text: &str| ("shop.example".to_owned(), text.parse().unwrap());
        let transport =
            Transport { resolve: vec![address("127.0.0.2:81"), address("127.0.0.1:81")], ..Transport::default() };
        let connections = Arc::new(Connections::new(&transport).unwrap());
        let instances = instances();
        let primary = instances.all()[0].place.clone();
        let settings = Discovery::Dns { refresh: Duration::from_millis(5), nameservers: Vec::new() };
        let task = tokio::spawn(run(Arc::downgrade(&instances), settings, primary, connections));
        eventually(&instances, &["127.0.0.1:81", "127.0.0.2:81"]).await;
        drop(instances);
        task.await.unwrap();
    }

    #[tokio::test]
    async fn a_file_is_read_again_and_a_broken_one_changes_nothing() {
        let path = std::env::temp_dir().join(format!("weft-endpoints-{}", std::process::id()));
        std::fs::write(&path, "http://a\nhttp://b\n").unwrap();
        let connections = Arc::new(Connections::new(&Transport::default()).unwrap());
        let instances = instances();
        let primary = instances.all()[0].place.clone();
        let settings = Discovery::File { path: path.clone(), refresh: Duration::from_millis(5) };
        let task = tokio::spawn(run(Arc::downgrade(&instances), settings, primary, connections));
        eventually(&instances, &["http://a", "http://b"]).await;
        let kept = Arc::clone(&instances.all()[1]);
        std::fs::write(&path, "http://b\nnonsense\n").unwrap();
        std::fs::write(&path, "http://b\nhttp://c\n").unwrap();
        eventually(&instances, &["http://b", "http://c"]).await;
        assert!(Arc::ptr_eq(&kept, &instances.all()[0]));
        std::fs::remove_file(&path).unwrap();
        drop(instances);
        task.await.unwrap();
    }
}
