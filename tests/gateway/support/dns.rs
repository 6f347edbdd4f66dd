//! A name server on a UDP socket that says what a test wants.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hickory_proto::{
    op::{Message, OpCode, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, SRV},
    },
};
use tokio::{net::UdpSocket, sync::Notify};

/// A running name server; ends with the runtime.
#[derive(Clone)]
pub struct Dns {
    /// Where it listens.
    pub address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    asked: Arc<Notify>,
}

#[derive(Default)]
struct Zone {
    /// By name in lower case, with a dot at the end.
    services: BTreeMap<String, Vec<SRV>>,
    addresses: BTreeMap<String, Vec<Ipv4Addr>>,
    /// Said instead of everything.
    refusal: Option<ResponseCode>,
    /// How long everything holds, in seconds.
    ttl: u32,
    count: usize,
}

/// One record: priority, weight, port, target.
pub type Service<'a> = (u16, u16, u16, &'a str);

impl Dns {
    /// Starts to listen; knows nothing.
    pub async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("a bound socket");
        let zone = Arc::new(Mutex::new(Zone { ttl: 300, ..Zone::default() }));
        let dns = Self { address, zone, asked: Arc::default() };
        let own = dns.clone();
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                if let Ok(question) = Message::from_vec(&buffer[..length]) {
                    let bytes = own.zone().answer(&question).to_vec().expect("an answer");
                    let _ = socket.send_to(&bytes, from).await;
                    own.asked.notify_waiters();
                }
            }
        });
        dns
    }

    fn zone(&self) -> std::sync::MutexGuard<'_, Zone> {
        self.zone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The service has these records from now on, and the server answers again.
    pub fn service(&self, name: &str, records: &[Service]) {
        let record = |&(priority, weight, port, target): &Service| {
            SRV::new(priority, weight, port, Name::from_ascii(target).expect("a name"))
        };
        let mut zone = self.zone();
        zone.services.insert(name.to_ascii_lowercase(), records.iter().map(record).collect());
        zone.refusal = None;
    }

    /// The host has these addresses from now on.
    pub fn host(&self, name: &str, addresses: &[Ipv4Addr]) {
        self.zone().addresses.insert(name.to_ascii_lowercase(), addresses.to_vec());
    }

    /// Everything is answered with this.
    pub fn refuse(&self, with: ResponseCode) {
        self.zone().refusal = Some(with);
    }

    /// Records hold for so many seconds.
    pub fn ttl(&self, seconds: u32) {
        self.zone().ttl = seconds;
    }

    /// Questions so far.
    pub fn count(&self) -> usize {
        self.zone().count
    }

    /// Waits for so many more questions.
    pub async fn asked(&self, more: usize) {
        let wanted = self.count() + more;
        let wait = async {
            loop {
                let news = self.asked.notified();
                tokio::pin!(news);
                news.as_mut().enable();
                if self.count() >= wanted {
                    return;
                }
                news.await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(20), wait).await.is_ok(), "nobody asks any more");
    }
}

impl Zone {
    fn answer(&mut self, question: &Message) -> Message {
        self.count += 1;
        let mut answer = Message::response(question.metadata.id, OpCode::Query);
        let query = question.queries.first().expect("a question").clone();
        let name = query.name().to_ascii().to_ascii_lowercase();
        let (services, addresses) = (self.services.get(&name), self.addresses.get(&name));
        let found: Vec<RData> = match query.query_type() {
            RecordType::SRV => services.into_iter().flatten().cloned().map(RData::SRV).collect(),
            RecordType::A => addresses.into_iter().flatten().map(|address| RData::A(A(*address))).collect(),
            _ => Vec::new(),
        };
        answer.metadata.authoritative = true;
        answer.metadata.recursion_available = true;
        answer.metadata.response_code = match self.refusal {
            Some(code) => code,
            None if services.is_none() && addresses.is_none() => ResponseCode::NXDomain,
            None => ResponseCode::NoError,
        };
        if self.refusal.is_none() {
            let record = |data| Record::from_rdata(query.name().clone(), self.ttl, data);
            answer.add_answers(found.into_iter().map(record));
        }
        answer.add_query(query);
        answer
    }
}
