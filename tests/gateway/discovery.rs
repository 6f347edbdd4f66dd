//! Instances that a name server tells of: they appear, change and vanish, and what it does not say changes nothing.

use std::{collections::BTreeMap, net::Ipv4Addr, path::PathBuf, time::Duration};

use hickory_proto::op::ResponseCode;
use serde_json::{Value, json};

use crate::support::{
    dns::Dns,
    process::Weft,
    raw::{Behaviour, Upstream, answer},
    runtime, scratch,
};

const SCHEMA: &str = r#"
extend schema
  @link(url: "https://specs.apollo.dev/connect/v0.3", import: ["@source", "@connect"])
  @source(name: "items", http: { baseURL: "http://items.example" })

type Query {
  item(id: ID!): Item @connect(source: "items", http: { GET: "/items/{$args.id}" }, selection: "by")
}

type Item {
  by: String
}
"#;

const SERVICE: &str = "_http._tcp.items.example.";
const HERE: [Ipv4Addr; 1] = [Ipv4Addr::LOCALHOST];

struct World {
    weft: Weft,
    folder: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl World {
    fn start(name: &str, source: &Value) -> Self {
        let folder = scratch(name);
        std::fs::write(folder.join("api.graphql"), SCHEMA).expect("the scratch folder can be written");
        let config = json!({
            "schema": [folder.join("api.graphql")],
            "server": { "listen": "127.0.0.1:0" },
            "admin": { "listen": "off" },
            "sources": { "items": source },
        });
        let path = folder.join("weft.yaml");
        std::fs::write(&path, config.to_string()).expect("the scratch folder can be written");
        let weft = Weft::start(&path, &[]).expect("weft starts");
        Self { weft, folder }
    }

    /// Who answers; a dash for nobody.
    async fn read(&self) -> String {
        let query = json!({ "query": "{ item(id: 1) { by } }" });
        let (_, answer) = self.weft.ask(&query, &[]).await.expect("an answer");
        answer["data"]["item"]["by"].as_str().unwrap_or("-").to_owned()
    }

    async fn until(&self, by: &str) {
        let wait = async {
            while self.read().await != by {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(20), wait).await.is_ok(), "waited in vain for {by}");
    }

    async fn shares(&self, calls: usize) -> BTreeMap<String, usize> {
        let mut shares = BTreeMap::new();
        for _ in 0..calls {
            *shares.entry(self.read().await).or_default() += 1;
        }
        shares
    }
}

async fn well(by: &'static str) -> Upstream {
    Upstream::start(move |_| {
        Behaviour::Bytes(answer(200, "application/json", json!({ "by": by }).to_string().as_bytes()))
    })
    .await
}

fn found(shares: &[(&str, usize)]) -> BTreeMap<String, usize> {
    shares.iter().map(|(name, share)| ((*name).to_owned(), *share)).collect()
}

fn source(url: &str, discovery: Value, dns: &Dns) -> Value {
    let mut discovery = discovery;
    discovery["nameservers"] = json!([dns.address.to_string()]);
    json!({ "urls": [url], "balance": "round_robin", "slow_start": "1ms", "discovery": discovery })
}

#[test]
fn srv_records_say_where_with_what_port_and_what_share() {
    runtime().block_on(async {
        let dns = Dns::start().await;
        let (one, two, spare) = (well("one").await, well("two").await, well("spare").await);
        let port = |upstream: &Upstream| upstream.address.port();
        for host in ["one.example.", "two.example.", "spare.example."] {
            dns.host(host, &HERE);
        }
        dns.host("nowhere.example.", &[]);
        dns.service(
            SERVICE,
            &[
                (10, 30, port(&one), "one.example."),
                (10, 10, port(&two), "two.example."),
                (20, 100, port(&spare), "spare.example."),
                (0, 1, 1, "nowhere.example."),
            ],
        );
        let discovery = json!({ "srv": "_http._tcp.items.example", "refresh": "10ms" });
        let world = World::start("discovery-srv", &source("http://items.example/v1", discovery, &dns));
        world.until("one").await;
        // Whatever turn it is, a round of the rotation is four calls.
        assert_eq!(world.shares(40).await, found(&[("one", 30), ("two", 10)]));
        let seen = &one.seen()[0];
        assert_eq!((seen.line.as_str(), seen.header("host")), ("GET /v1/items/1", Some("items.example")));
        // One vanishes, one moves to another port.
        let three = well("three").await;
        dns.service(
            SERVICE,
            &[
                (10, 0, port(&two), "two.example."),
                (10, 0, port(&three), "two.example."),
                (20, 0, port(&spare), "spare.example."),
            ],
        );
        world.until("three").await;
        assert_eq!(world.shares(20).await, found(&[("two", 10), ("three", 10)]), "without weights all are equal");
        // What is not said changes nothing.
        for refusal in [ResponseCode::NXDomain, ResponseCode::ServFail, ResponseCode::Refused] {
            dns.refuse(refusal);
            // More than one whole look-up asks.
            dns.asked(20).await;
            assert_eq!(world.shares(10).await, found(&[("two", 5), ("three", 5)]), "{refusal}");
        }
        for none in [&[][..], &[(0, 0, 0, ".")], &[(0, 0, 1, "nowhere.example.")], &[(0, 0, 1, "unknown.example.")]] {
            dns.service(SERVICE, none);
            dns.asked(20).await;
            assert_eq!(world.shares(10).await, found(&[("two", 5), ("three", 5)]), "{none:?}");
        }
        // The first priority cannot be reached: the next is asked.
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let dead = free.local_addr().expect("a bound socket").port();
        drop(free);
        dns.service(SERVICE, &[(1, 0, dead, "one.example."), (2, 0, port(&spare), "spare.example.")]);
        world.until("spare").await;
        assert_eq!(world.shares(10).await, found(&[("spare", 10)]));
    });
}

#[test]
fn addresses_of_a_name_come_from_the_name_server_that_is_set() {
    runtime().block_on(async {
        let dns = Dns::start().await;
        let one = well("one").await;
        dns.host("items.example.", &HERE);
        let url = format!("http://items.example:{}", one.address.port());
        let world = World::start("discovery-dns", &source(&url, json!({ "dns": true, "refresh": "1h" }), &dns));
        world.until("one").await;
        let host = format!("items.example:{}", one.address.port());
        assert_eq!(one.seen()[0].header("host"), Some(host.as_str()));
    });
}

#[test]
fn records_that_hold_for_less_are_looked_up_sooner() {
    runtime().block_on(async {
        let dns = Dns::start().await;
        let (one, two) = (well("one").await, well("two").await);
        dns.host("one.example.", &HERE);
        dns.ttl(1);
        dns.service(SERVICE, &[(0, 0, one.address.port(), "one.example.")]);
        let discovery = json!({ "srv": SERVICE, "refresh": "1h" });
        let world = World::start("discovery-ttl", &source("http://items.example", discovery, &dns));
        world.until("one").await;
        dns.service(SERVICE, &[(0, 0, two.address.port(), "one.example.")]);
        world.until("two").await;
    });
}
