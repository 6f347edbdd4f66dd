//! What a connection is doing, and how long it may go on doing it.
//!
//! hyper's own header timer starts after protocol detection, so a caller that connects and says nothing would hold its place
//! for ever. Here one timer a connection looks at what the socket and the service did last; nothing is re-armed per request.

use std::{
    io,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Instant,
};

use crate::{policy::Presented, upstream::Turn};

/// Longest silence of a connection that asks nothing, or of a caller that does not take its answer. Above the 60 s that
/// load balancers keep idle connections, so that they and not we close first.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(75);

/// Shared by the socket, the service and the timer of one connection.
#[derive(Debug)]
pub(super) struct Activity {
    start: Instant,
    header_timeout: Duration,
    peer: IpAddr,
    /// What the other end was verified by, once that is known.
    certificate: OnceLock<Box<Presented>>,
    /// Requests being answered.
    in_flight: AtomicU64,
    /// Milliseconds from `start` to the last byte or finished answer.
    last: AtomicU64,
    /// Milliseconds from `start`, plus one, to the first byte of a request head that is not complete; 0: none.
    head_since: AtomicU64,
    /// Whether any request has arrived.
    started: AtomicBool,
    /// Many requests share the connection; frames that are no request are normal.
    multiplexed: AtomicBool,
}

impl Activity {
    pub(super) fn new(header_timeout: Duration, peer: IpAddr) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            header_timeout,
            peer,
            certificate: OnceLock::new(),
            in_flight: AtomicU64::new(0),
            last: AtomicU64::new(0),
            head_since: AtomicU64::new(0),
            started: AtomicBool::new(false),
            multiplexed: AtomicBool::new(false),
        })
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }

    /// The other end was verified by this certificate; for all requests of the connection.
    pub(super) fn verified(&self, certificate: Presented) {
        // There is one handshake: nothing is there yet.
        let _ = self.certificate.set(Box::new(certificate));
    }

    /// A request head is complete.
    pub(super) fn begin(self: &Arc<Self>, version: http::Version) -> InFlight {
        self.in_flight.fetch_add(1, Relaxed);
        self.head_since.store(0, Relaxed);
        self.started.store(true, Relaxed);
        if version >= http::Version::HTTP_2 {
            self.multiplexed.store(true, Relaxed);
        }
        InFlight(Arc::clone(self))
    }

    /// A request body is complete: its bytes were no head.
    pub(super) fn body_read(&self) {
        self.head_since.store(0, Relaxed);
    }

    pub(super) fn is_multiplexed(&self) -> bool {
        self.multiplexed.load(Relaxed)
    }

    /// When the connection is to be closed if nothing more happens.
    pub(super) fn deadline(&self) -> Instant {
        if !self.started.load(Relaxed) {
            return self.start + self.header_timeout;
        }
        if self.in_flight.load(Relaxed) > 0 {
            return Instant::now() + IDLE_MAX;
        }
        let head_since = self.head_since.load(Relaxed);
        if head_since > 0 && !self.is_multiplexed() {
            return self.start + Duration::from_millis(head_since) + self.header_timeout;
        }
        self.start + Duration::from_millis(self.last.load(Relaxed)) + IDLE_MAX
    }

    fn read(&self) {
        let now = self.elapsed();
        self.last.store(now, Relaxed);
        if self.head_since.load(Relaxed) == 0 {
            self.head_since.store(now + 1, Relaxed);
        }
    }

    fn wrote(&self) {
        self.last.store(self.elapsed(), Relaxed);
    }
}

/// A request being answered; ends when dropped.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Activity>);

impl InFlight {
    pub(super) fn body_read(&self) {
        self.0.body_read();
    }

    /// The other end of the connection.
    pub(super) fn peer(&self) -> IpAddr {
        self.0.peer
    }

    /// What the other end of the connection was verified by.
    pub(super) fn certificate(&self) -> Option<&Presented> {
        self.0.certificate.get().map(Box::as_ref)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let now = self.0.elapsed();
        self.0.last.store(now, Relaxed);
        if self.0.head_since.load(Relaxed) > 0 {
            // The next head was waiting for this answer: its time begins now.
            self.0.head_since.store(now + 1, Relaxed);
        }
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// A socket that notes its traffic, and writes when it is its [`Turn`].
#[derive(Debug)]
pub(super) struct Watched {
    stream: TcpStream,
    activity: Arc<Activity>,
    turn: Turn,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, activity: Arc<Activity>) -> Self {
        Self { stream, activity, turn: Turn::default() }
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.read();
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.turn.poll(cx));
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        if polled.is_ready() {
            self.activity.wrote();
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.turn.poll(cx));
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        if polled.is_ready() {
            self.activity.wrote();
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    /// Lets time pass: everything so far happened that much earlier.
    fn pass(activity: &mut Arc<Activity>, time: Duration) {
        Arc::get_mut(activity).expect("nothing is in flight").start -= time;
    }

    fn left(activity: &Activity) -> Duration {
        activity.deadline().saturating_duration_since(Instant::now())
    }

    fn about(found: Duration, wanted: Duration) -> bool {
        found <= wanted + Duration::from_millis(5) && found + SECOND > wanted
    }

    #[test]
    fn a_byte_now_and_then_buys_no_time() {
        let mut activity = Activity::new(10 * SECOND, PEER);
        assert!(about(left(&activity), 10 * SECOND));
        activity.read();
        pass(&mut activity, 4 * SECOND);
        activity.read();
        assert!(about(left(&activity), 6 * SECOND));
        pass(&mut activity, 6 * SECOND);
        assert_eq!(left(&activity), Duration::ZERO);
    }

    #[test]
    fn an_idle_connection_stays_longer_than_half_a_head() {
        let mut activity = Activity::new(10 * SECOND, PEER);
        drop(activity.begin(http::Version::HTTP_11));
        assert!(about(left(&activity), IDLE_MAX));
        pass(&mut activity, 5 * SECOND);
        assert!(about(left(&activity), IDLE_MAX.saturating_sub(5 * SECOND)));
        activity.read();
        pass(&mut activity, 2 * SECOND);
        activity.read();
        assert!(about(left(&activity), 8 * SECOND));
    }

    #[test]
    fn the_bytes_of_a_body_are_no_head() {
        let activity = Activity::new(SECOND, PEER);
        let request = activity.begin(http::Version::HTTP_11);
        activity.read();
        request.body_read();
        drop(request);
        assert!(about(left(&activity), IDLE_MAX));
    }

    #[test]
    fn a_request_in_flight_is_not_cut_and_the_next_head_begins_after_it() {
        let mut activity = Activity::new(10 * SECOND, PEER);
        activity.read();
        pass(&mut activity, 300 * SECOND);
        let request = activity.begin(http::Version::HTTP_11);
        assert!(about(left(&activity), IDLE_MAX));
        activity.read();
        drop(request);
        assert!(about(left(&activity), 10 * SECOND));
    }

    #[test]
    fn an_answer_is_written_after_the_work_that_was_ready() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (reader, accepted) =
                tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
            let (mut reader, stream) = (reader.unwrap(), accepted.unwrap().0);
            let written = Arc::new(AtomicBool::new(false));
            let told = Arc::clone(&written);
            let answer = tokio::spawn(async move {
                let activity = Activity::new(SECOND, PEER);
                let mut watched = Watched { stream, activity, turn: Turn::unacquainted() };
                watched.write_all(b"answer").await.unwrap();
                drop(watched);
                told.store(true, Relaxed);
            });
            let other = tokio::spawn(async move { written.load(Relaxed) });
            let (answer, was_written) = tokio::join!(answer, other);
            answer.unwrap();
            assert!(!was_written.unwrap(), "the other task was ready before anything was written");
            let mut received = Vec::new();
            reader.read_to_end(&mut received).await.unwrap();
            assert_eq!(received, b"answer");
        });
    }

    #[test]
    fn frames_between_requests_of_one_connection_are_no_heads() {
        let activity = Activity::new(SECOND, PEER);
        drop(activity.begin(http::Version::HTTP_2));
        activity.read();
        assert!(about(left(&activity), IDLE_MAX));
    }
}
