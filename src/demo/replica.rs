//! One of several copies of a service, with faults that can be switched on while it runs (`weft demo --chaos`).

use std::{net::SocketAddr, time::Duration};

use axum::{Router, extract::Request, http::StatusCode, middleware, response::IntoResponse as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// What is wrong with a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Fault {
    /// Nothing.
    #[default]
    None,
    /// It is gone: connections are closed.
    Killed,
    /// Each answer takes so much longer.
    Slow(Duration),
    /// This share of the answers, in percent, is a 503.
    Failing(u32),
}

/// A replica of a service, behind a door that closes, drags its feet or lies.
#[derive(Debug)]
pub(super) struct Replica {
    /// Where callers find it.
    pub(super) address: SocketAddr,
    fault: watch::Sender<Fault>,
    /// Dropping a set aborts its tasks.
    _tasks: JoinSet<()>,
}

impl Replica {
    /// Starts one. Errors: no free port.
    pub(super) async fn start(service: Router) -> std::io::Result<Self> {
        let (fault, seen) = watch::channel(Fault::None);
        let inner = TcpListener::bind(("127.0.0.1", 0)).await?;
        let door = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (to, address) = (inner.local_addr()?, door.local_addr()?);
        let fails = seen.clone();
        let service = service.layer(middleware::from_fn(move |request: Request, next: middleware::Next| {
            let fault = *fails.borrow();
            async move {
                match fault {
                    Fault::Failing(percent) if fastrand::u32(..100) < percent => {
                        StatusCode::SERVICE_UNAVAILABLE.into_response()
                    }
                    _ => next.run(request).await,
                }
            }
        }));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            // It ends with the demo.
            let _ = axum::serve(inner, service).await;
        });
        tasks.spawn(admit(door, to, seen));
        Ok(Self { address, fault, _tasks: tasks })
    }

    /// Makes it so from now on, also for connections that are open.
    pub(super) fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

/// Lets connections through to the service for as long as there is one.
async fn admit(door: TcpListener, to: SocketAddr, fault: watch::Receiver<Fault>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((caller, _)) = door.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        if *fault.borrow() != Fault::Killed {
            connections.spawn(pass(caller, to, fault.clone()));
        }
    }
}

/// Passes bytes on in both directions until one side ends or the replica is killed.
async fn pass(caller: TcpStream, to: SocketAddr, mut fault: watch::Receiver<Fault>) {
    let Ok(service) = TcpStream::connect(to).await else { return };
    let _ = (caller.set_nodelay(true), service.set_nodelay(true));
    let ((mut from_caller, mut to_caller), (mut from_service, mut to_service)) =
        (caller.into_split(), service.into_split());
    let drags = fault.clone();
    let there = async move {
        let _ = tokio::io::copy(&mut from_caller, &mut to_service).await;
    };
    let back = async move {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from_service.read(&mut bytes).await {
            let fault = *drags.borrow();
            if let Fault::Slow(time) = fault {
                tokio::time::sleep(time).await;
            }
            if to_caller.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = there => {}
        () = back => {}
        _ = fault.wait_for(|fault| *fault == Fault::Killed) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use axum::routing::get;

    use super::*;

    /// Asks on a connection of its own; the first line of the answer, empty where there is none.
    async fn ask(replica: &Replica) -> String {
        let Ok(mut stream) = TcpStream::connect(replica.address).await else { return String::new() };
        let request = b"GET / HTTP/1.1\r\nhost: replica\r\nconnection: close\r\n\r\n";
        if stream.write_all(request).await.is_err() {
            return String::new();
        }
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        answer.lines().next().unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn its_faults_come_and_go() {
        let replica = Replica::start(Router::new().route("/", get(|| async { "well" }))).await.unwrap();
        assert_eq!(ask(&replica).await, "HTTP/1.1 200 OK");
        replica.set(Fault::Failing(100));
        assert_eq!(ask(&replica).await, "HTTP/1.1 503 Service Unavailable");
        replica.set(Fault::Slow(Duration::from_millis(50)));
        let begun = Instant::now();
        assert_eq!(ask(&replica).await, "HTTP/1.1 200 OK");
        assert!(begun.elapsed() >= Duration::from_millis(50));
        // Also for who is connected already.
        let mut open = TcpStream::connect(replica.address).await.unwrap();
        open.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        replica.set(Fault::Killed);
        let mut rest = Vec::new();
        let _ = open.read_to_end(&mut rest).await;
        assert_eq!(rest, b"");
        assert_eq!(ask(&replica).await, "");
        replica.set(Fault::None);
        assert_eq!(ask(&replica).await, "HTTP/1.1 200 OK");
    }
}
