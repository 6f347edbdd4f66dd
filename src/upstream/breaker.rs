//! A service that fails most calls is left alone for a while.

use std::{
    hash::Hash,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Call, CallError, Kept, Reply, UpstreamSpec,
    clock::{self, Moment},
    instance::Verdict,
    service::{Passage, Service},
    verdict,
};
use crate::{
    config,
    telemetry::{ResilienceMetrics, metrics},
};

/// Calls are counted by the second, for so many seconds.
const WINDOW: usize = 10;

/// No phase has this number, and no second.
const NONE: u64 = u64::MAX;

/// So many calls try whether the service is back: by the same rate as ever they close the breaker, or open it again.
const PROBES: u32 = 3;

/// Stops calls while most of them fail: closed (all pass), open (none), half open (a few try).
///
/// A call whose caller left counts only when it had taken all the time that the caller gave: a service that hangs is
/// always left before its timeout.
/// Errors: `Unavailable` while it is open.
#[derive(Debug)]
pub(super) struct Breaker<S> {
    circuit: Option<Arc<Circuit>>,
    spec: Arc<UpstreamSpec>,
    inner: S,
}

impl<S> Breaker<S> {
    pub(super) fn new(spec: &Arc<UpstreamSpec>, kept: &Kept, inner: S) -> Self {
        let circuit = spec.breaker.as_ref().map(|settings| {
            kept.share(&spec.name, &Key(settings), || Circuit::new(settings.clone(), Arc::clone(&spec.name)))
        });
        Self { circuit, spec: Arc::clone(spec), inner }
    }
}

struct Key<'a>(&'a config::Breaker);

impl Hash for Key<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.0.failure_rate.to_bits(), self.0.calls_min, self.0.open).hash(state);
    }
}

impl<S: Service> Service for Breaker<S> {
    async fn call(&self, call: &Call, passage: Passage) -> Result<Box<Reply>, CallError> {
        let Some(circuit) = &self.circuit else { return self.inner.call(call, passage).await };
        let Some(admitted) = circuit.admit(call.deadline, passage.now) else {
            return Err(CallError::Unavailable { upstream: Arc::clone(&self.spec.name) });
        };
        let result = self.inner.call(call, passage).await;
        admitted.end(verdict::of(&result), verdict::ended(&result));
        result
    }
}

/// What is known of a service as a whole. Kept over reloads.
#[derive(Debug)]
struct Circuit {
    settings: config::Breaker,
    name: Arc<str>,
    born: Moment,
    /// The number of the phase while it is closed, [`NONE`] else: most calls need no more than to read it.
    closed: AtomicU64,
    /// The second that is on, while it is closed and no call of the window was bad: good calls of that second are only counted.
    quiet: AtomicU64,
    /// Those, till the next one that is more than counted.
    good: AtomicU32,
    state: Mutex<State>,
    metrics: ResilienceMetrics,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// By second, with the second that they count.
    counts: [Count; WINDOW],
    /// Their sum, with the second that is on.
    sum: Count,
    /// Which phase this is; what began in an earlier one says nothing about this one.
    number: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    second: u64,
    good: u32,
    bad: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Closed,
    Open { until: Moment },
    HalfOpen { under_way: u32, good: u32, bad: u32 },
}

impl Circuit {
    fn new(settings: config::Breaker, name: Arc<str>) -> Self {
        let metrics = metrics().resilience(&name);
        let (counts, sum) = ([Count::default(); WINDOW], Count::default());
        let state = State { phase: Phase::Closed, counts, sum, number: 0 };
        let closed = AtomicU64::new(state.number);
        Self {
            settings,
            name,
            born: clock::moment(),
            closed,
            quiet: AtomicU64::new(NONE),
            good: AtomicU32::new(0),
            state: Mutex::new(state),
            metrics,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Counts that a panic left are still counts.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a call may be made.
    fn admit(&self, deadline: Option<Instant>, now: Moment) -> Option<Admitted<'_>> {
        let closed = self.closed.load(Ordering::Acquire);
        if closed != NONE {
            return Some(Admitted { circuit: self, number: closed, began: now, deadline, ended: false });
        }
        let mut state = self.state();
        match &mut state.phase {
            Phase::Closed => {}
            Phase::Open { until } if *until > now => return None,
            Phase::Open { .. } => self.enter(&mut state, Phase::HalfOpen { under_way: 1, good: 0, bad: 0 }),
            Phase::HalfOpen { under_way, .. } if *under_way >= PROBES => return None,
            Phase::HalfOpen { under_way, .. } => *under_way += 1,
        }
        Some(Admitted { circuit: self, number: state.number, began: now, deadline, ended: false })
    }

    fn enter(&self, state: &mut State, phase: Phase) {
        let shown = match phase {
            Phase::Closed => 0,
            Phase::HalfOpen { .. } => 1,
            Phase::Open { .. } => 2,
        };
        self.metrics.breaker(shown);
        match phase {
            Phase::Closed => tracing::info!(upstream = %self.name, "breaker closed: the service answers again"),
            Phase::Open { .. } => tracing::warn!(upstream = %self.name, open = ?self.settings.open, "breaker opened"),
            Phase::HalfOpen { .. } => tracing::debug!(upstream = %self.name, "breaker half open"),
        }
        state.phase = phase;
        state.number += 1;
        self.quiet.store(NONE, Ordering::Relaxed);
        self.closed.store(if phase == Phase::Closed { state.number } else { NONE }, Ordering::Release);
        state.forget();
    }

    fn end(&self, number: u64, verdict: Option<Verdict>, now: Moment) {
        let second = now.since(self.born).as_secs();
        if verdict == Some(Verdict::Good)
            && self.quiet.load(Ordering::Relaxed) == second
            && self.closed.load(Ordering::Relaxed) == number
        {
            self.good.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let mut state = self.state();
        state.count_good(self.good.swap(0, Ordering::Relaxed));
        if state.number != number {
            return;
        }
        let open = Phase::Open { until: now + self.settings.open };
        match (&mut state.phase, verdict) {
            (Phase::Open { .. }, _) | (Phase::Closed, None | Some(Verdict::Left)) => {}
            (Phase::Closed, Some(verdict)) => {
                if state.count(second, verdict == Verdict::Bad).is_over(&self.settings) {
                    self.enter(&mut state, open);
                } else {
                    let quiet = if state.sum.bad == 0 { state.sum.second } else { NONE };
                    self.quiet.store(quiet, Ordering::Relaxed);
                }
            }
            (Phase::HalfOpen { under_way, good, bad }, verdict) => {
                *under_way -= 1;
                *good += u32::from(verdict == Some(Verdict::Good));
                *bad += u32::from(verdict == Some(Verdict::Bad));
                let enough = self.settings.bad_probes();
                if *bad >= enough {
                    self.enter(&mut state, open);
                } else if *good > PROBES - enough {
                    self.enter(&mut state, Phase::Closed);
                }
            }
        }
    }
}

impl State {
    /// Counts one outcome; what the window holds now.
    fn count(&mut self, second: u64, is_bad: bool) -> Count {
        // What ended in a second that is over counts for the one that is on.
        let second = second.max(self.sum.second);
        let slot = usize::try_from(second % WINDOW as u64).unwrap_or_default();
        if second != self.sum.second {
            self.counts[slot] = Count { second, ..Count::default() };
            let recent = self.counts.iter().filter(|count| count.second + WINDOW as u64 > second);
            self.sum = recent.fold(Count { second, ..Count::default() }, |sum, count| Count {
                second,
                good: sum.good + count.good,
                bad: sum.bad + count.bad,
            });
        }
        for count in [&mut self.counts[slot], &mut self.sum] {
            count.good += u32::from(!is_bad);
            count.bad += u32::from(is_bad);
        }
        self.sum
    }

    /// Counts good calls of the second that was on. One that came between two of these steps may be counted a second late, or for the
    /// next phase.
    fn count_good(&mut self, good: u32) {
        let slot = usize::try_from(self.sum.second % WINDOW as u64).unwrap_or_default();
        self.counts[slot].good += good;
        self.sum.good += good;
    }

    /// Forgets what was.
    fn forget(&mut self) {
        self.counts = [Count::default(); WINDOW];
        self.sum = Count::default();
    }
}

impl config::Breaker {
    /// So many bad probes are too many. A service that fails some calls, as it did before the breaker opened, is back.
    fn bad_probes(&self) -> u32 {
        (1..PROBES).find(|bad| f64::from(*bad) >= f64::from(PROBES) * self.failure_rate).unwrap_or(PROBES)
    }
}

impl Count {
    fn is_over(self, settings: &config::Breaker) -> bool {
        let calls = self.good + self.bad;
        calls >= settings.calls_min && f64::from(self.bad) >= f64::from(calls) * settings.failure_rate
    }
}

/// A call that was let through. Dropped without an end, its caller has left.
struct Admitted<'a> {
    circuit: &'a Circuit,
    number: u64,
    began: Moment,
    deadline: Option<Instant>,
    ended: bool,
}

/// A caller who waited less than this tells nothing, whatever the deadline was.
const PATIENCE_MIN: Duration = Duration::from_millis(500);

impl Admitted<'_> {
    fn end(mut self, verdict: Option<Verdict>, now: Moment) {
        self.ended = true;
        self.circuit.end(self.number, verdict, now);
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let now = clock::moment();
        let in_vain =
            self.deadline.is_some_and(|deadline| now >= Moment::of(deadline)) && now.since(self.began) >= PATIENCE_MIN;
        self.circuit.end(self.number, Some(if in_vain { Verdict::Bad } else { Verdict::Left }), now);
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::upstream::clock::{advance, paused};
    use crate::upstream::testing::{Script, call, reply, run};

    const SECOND: Duration = Duration::from_secs(1);

    fn circuit() -> Circuit {
        let settings = config::Breaker { failure_rate: 0.5, calls_min: 10, open: 5 * SECOND };
        Circuit::new(settings, "catalog".into())
    }

    fn end(circuit: &Circuit, verdict: Verdict) {
        circuit.admit(None, clock::moment()).expect("closed").end(Some(verdict), clock::moment());
    }

    fn trip(circuit: &Circuit) {
        (0..10).for_each(|_| end(circuit, Verdict::Bad));
        assert!(circuit.admit(None, clock::moment()).is_none());
    }

    #[test]
    fn it_opens_at_the_rate_and_not_before_enough_calls() {
        paused(async {
            let circuit = circuit();
            (0..9).for_each(|_| end(&circuit, Verdict::Bad));
            assert_eq!(circuit.state().phase, Phase::Closed, "nine are no proof");
            end(&circuit, Verdict::Good);
            assert_ne!(circuit.state().phase, Phase::Closed);
            let circuit = self::circuit();
            for _ in 0..100 {
                end(&circuit, Verdict::Good);
                end(&circuit, Verdict::Good);
                end(&circuit, Verdict::Bad);
            }
            assert_eq!(circuit.state().phase, Phase::Closed, "a third is below the rate");
        });
    }

    #[test]
    fn good_calls_count_also_while_nothing_is_wrong() {
        paused(async {
            let circuit = circuit();
            for seconds in [1, 20] {
                (0..20).for_each(|_| end(&circuit, Verdict::Good));
                advance(seconds * SECOND);
            }
            (0..20).for_each(|_| end(&circuit, Verdict::Good));
            advance(SECOND);
            (0..19).for_each(|_| end(&circuit, Verdict::Bad));
            assert_eq!(circuit.state().phase, Phase::Closed, "those of ten seconds");
            end(&circuit, Verdict::Bad);
            assert_ne!(circuit.state().phase, Phase::Closed, "and no others");
        });
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        paused(async {
            let circuit = circuit();
            (0..9).for_each(|_| end(&circuit, Verdict::Bad));
            advance(10 * SECOND);
            (0..9).for_each(|_| end(&circuit, Verdict::Bad));
            assert_eq!(circuit.state().phase, Phase::Closed);
        });
    }

    #[test]
    fn what_came_in_the_second_in_which_it_closed_is_remembered_as_long_as_all_else() {
        paused(async {
            let settings = config::Breaker { failure_rate: 0.5, calls_min: 10, open: SECOND / 10 };
            let circuit = Circuit::new(settings, "catalog".into());
            advance(12 * SECOND);
            trip(&circuit);
            advance(SECOND / 10);
            (0..2).for_each(|_| end(&circuit, Verdict::Good));
            (0..9).for_each(|_| end(&circuit, Verdict::Bad));
            advance(8 * SECOND);
            assert_eq!(circuit.state().phase, Phase::Closed);
            end(&circuit, Verdict::Bad);
            assert_ne!(circuit.state().phase, Phase::Closed);
        });
    }

    #[test]
    fn open_half_open_closed() {
        paused(async {
            let circuit = circuit();
            trip(&circuit);
            advance(Duration::from_millis(4999));
            assert!(circuit.admit(None, clock::moment()).is_none());
            advance(Duration::from_millis(1));
            let probes: Vec<_> = (0..PROBES).map(|_| circuit.admit(None, clock::moment()).expect("a probe")).collect();
            assert!(circuit.admit(None, clock::moment()).is_none(), "no more at once");
            for probe in probes {
                probe.end(Some(Verdict::Good), clock::moment());
            }
            assert_eq!(circuit.state().phase, Phase::Closed);
            (0..20).for_each(|_| end(&circuit, Verdict::Good));
        });
    }

    #[test]
    fn bad_probes_open_it_again_by_the_same_rate() {
        for (failure_rate, bad, good) in [(0.1, 1, 3), (0.34, 2, 2), (0.5, 2, 2), (0.67, 3, 1), (1.0, 3, 1)] {
            let settings = config::Breaker { failure_rate, ..config::Breaker::default() };
            assert_eq!((settings.bad_probes(), PROBES - settings.bad_probes() + 1), (bad, good), "{failure_rate}");
        }
        paused(async {
            let circuit = circuit();
            trip(&circuit);
            advance(5 * SECOND);
            end(&circuit, Verdict::Bad);
            (0..2).for_each(|_| end(&circuit, Verdict::Good));
            assert_eq!(circuit.state().phase, Phase::Closed, "one of three is below the rate");
            trip(&circuit);
            advance(5 * SECOND);
            let late = circuit.admit(None, clock::moment()).expect("a probe");
            (0..2).for_each(|_| end(&circuit, Verdict::Bad));
            assert!(circuit.admit(None, clock::moment()).is_none());
            late.end(Some(Verdict::Good), clock::moment());
            assert!(circuit.admit(None, clock::moment()).is_none(), "what began before says nothing");
            advance(5 * SECOND);
            assert!(circuit.admit(None, clock::moment()).is_some());
        });
    }

    #[test]
    fn callers_who_leave_do_not_trip_it() {
        paused(async {
            let circuit = circuit();
            (0..100).for_each(|_| drop(circuit.admit(Some(clock::now() + SECOND), clock::moment())));
            assert_eq!(circuit.state().phase, Phase::Closed);
            trip(&circuit);
            advance(5 * SECOND);
            drop(circuit.admit(None, clock::moment()));
            assert!(circuit.admit(None, clock::moment()).is_some(), "the place of a probe is given back");
        });
    }

    #[test]
    fn deadlines_that_pass_in_vain_do() {
        paused(async {
            let circuit = circuit();
            let waiting: Vec<_> =
                (0..10).map(|_| circuit.admit(Some(clock::now() + SECOND), clock::moment())).collect();
            advance(SECOND);
            drop(waiting);
            assert!(circuit.admit(None, clock::moment()).is_none());
        });
    }

    #[test]
    fn while_open_nothing_is_sent() {
        paused(async {
            let spec = UpstreamSpec {
                breaker: Some(config::Breaker { calls_min: 2, ..config::Breaker::default() }),
                ..UpstreamSpec::named("catalog")
            };
            let script = Script::of([Ok(reply(500)), Ok(reply(500)), Ok(reply(200))]);
            let layer = Breaker::new(&Arc::new(spec), &Kept::default(), script.clone());
            for _ in 0..2 {
                assert_eq!(run(&layer, &call(Method::GET)).await.unwrap().status, 500);
            }
            let error = run(&layer, &call(Method::GET)).await.unwrap_err();
            assert!(matches!(error, CallError::Unavailable { .. }), "{error}");
            assert_eq!(script.calls(), 2);
        });
    }

    #[test]
    fn a_reload_does_not_close_it() {
        paused(async {
            let spec = Arc::new(UpstreamSpec {
                breaker: Some(config::Breaker { calls_min: 1, ..config::Breaker::default() }),
                ..UpstreamSpec::named("catalog")
            });
            let kept = Kept::default();
            let script = Script::of([Ok(reply(500)), Ok(reply(200))]);
            let before = Breaker::new(&spec, &kept, script.clone());
            run(&before, &call(Method::GET)).await.unwrap();
            let after = Breaker::new(&spec, &kept, script.clone());
            drop(before);
            assert!(run(&after, &call(Method::GET)).await.is_err());
        });
    }
}
