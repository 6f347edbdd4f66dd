//! A slow answer is asked for a second time, elsewhere; who is first counts.

use std::{
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use futures_util::future::{Either, select};
use http::Method;

use super::{
    Call, CallError, Kept, Reply, Safety, UpstreamSpec,
    budget::Budget,
    clock,
    instance::Verdict,
    latency::Latencies,
    service::{Passage, Sendings, Service},
    verdict,
};
use crate::{
    aside::aside,
    config::{self, HedgeAfter},
    telemetry::{ResilienceMetrics, metrics},
};

/// Below this a second question costs more than it saves: timers are as coarse.
const AFTER_MIN: Duration = Duration::from_millis(2);

/// Sends a read a second time when its answer is later than most. The first good answer wins, the other call is cancelled.
///
/// Source: Dean and Barroso, "The Tail at Scale" (2013). The budget keeps it from doubling the load when everything is
/// slow. Only idempotent methods of reads.
/// Errors: those of the call that ended last.
#[derive(Debug)]
pub(super) struct Hedge<S> {
    state: Option<State>,
    inner: S,
}

#[derive(Debug)]
struct State {
    settings: config::Hedge,
    learned: Arc<Learned>,
    metrics: ResilienceMetrics,
}

/// Kept over reloads.
#[derive(Debug)]
struct Learned {
    latencies: Latencies,
    budget: Budget,
}

impl<S> Hedge<S> {
    pub(super) fn new(spec: &Arc<UpstreamSpec>, kept: &Kept, inner: S) -> Self {
        let state = spec.hedge.as_ref().map(|settings| {
            let quantile = match settings.after {
                HedgeAfter::Quantile(quantile) => quantile,
                HedgeAfter::Fixed(_) => 0.95,
            };
            let make = || Learned { latencies: Latencies::new(quantile), budget: Budget::new(settings.rate_max) };
            let learned = kept.share(&spec.name, &(quantile.to_bits(), settings.rate_max.to_bits()), make);
            State { settings: settings.clone(), learned, metrics: metrics().resilience(&spec.name) }
        });
        Self { state, inner }
    }
}

impl<S: Service> Service for Hedge<S> {
    async fn call(&self, call: &Call, mut passage: Passage) -> Result<Box<Reply>, CallError> {
        let state = self.state.as_ref().filter(|_| may_repeat(call));
        let began = passage.now;
        let late = state.and_then(|state| {
            state.learned.budget.deposit();
            Some((state, began + state.after()?, passage.sendings()))
        });
        passage.watched_until = late.as_ref().map(|(_, late, _)| *late);
        let first = pin!(self.inner.call(call, passage));
        let result = match late {
            None => first.await,
            Some((state, late, sendings)) => match select(first, pin!(clock::sleep_until(late.instant()))).await {
                Either::Left((result, _)) => result,
                Either::Right(((), first)) => aside(|| self.again(state, call, &sendings, first)).await,
            },
        };
        if let Some(state) = state.filter(|_| verdict::of(&result) == Some(Verdict::Good)) {
            state.learned.latencies.record(verdict::ended(&result).since(began));
        }
        result
    }
}

impl<S: Service> Hedge<S> {
    /// Asks a second time while the first, which is late, is still being asked.
    async fn again<F: Future<Output = Result<Box<Reply>, CallError>> + Send>(
        &self,
        state: &State,
        call: &Call,
        sendings: &Arc<Sendings>,
        first: Pin<&mut F>,
    ) -> F::Output {
        sendings.leave();
        if !state.learned.budget.withdraw() {
            return first.await;
        }
        state.metrics.hedged();
        let second = pin!(self.inner.call(call, sendings.passage()));
        match select(first, second).await {
            Either::Left((result, second)) => {
                if is_answer(&result) {
                    result
                } else {
                    second.await
                }
            }
            Either::Right((result, _)) if is_answer(&result) => {
                state.metrics.hedge_won();
                result
            }
            Either::Right((_, first)) => first.await,
        }
    }
}

impl State {
    /// When an answer is slow; `None`: it is not known yet.
    fn after(&self) -> Option<Duration> {
        match self.settings.after {
            HedgeAfter::Fixed(after) => Some(after),
            HedgeAfter::Quantile(_) => self.learned.latencies.quantile().map(|usual| usual.max(AFTER_MIN)),
        }
    }
}

fn is_answer(result: &Result<Box<Reply>, CallError>) -> bool {
    result.is_ok() && verdict::of(result) == Some(Verdict::Good)
}

/// Source of the methods: RFC 9110, 9.2.2.
fn may_repeat(call: &Call) -> bool {
    call.safety == Safety::Safe && matches!(call.method, Method::GET | Method::HEAD | Method::OPTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::clock::paused;
    use crate::upstream::deadline::Deadline;
    use crate::upstream::testing::{Script, call, reply, run};

    fn layer(script: &Script, after: HedgeAfter, rate_max: f64) -> Hedge<Script> {
        let hedge = config::Hedge { after, rate_max };
        let spec = Arc::new(UpstreamSpec { hedge: Some(hedge), ..UpstreamSpec::named("catalog") });
        Hedge::new(&spec, &Kept::default(), script.clone())
    }

    fn after(milliseconds: u64, status: u16) -> (Duration, Result<Box<Reply>, CallError>) {
        (Duration::from_millis(milliseconds), Ok(reply(status)))
    }

    const FIXED: HedgeAfter = HedgeAfter::Fixed(Duration::from_millis(100));

    #[test]
    fn the_second_answer_counts_when_it_is_first() {
        paused(async {
            let script = Script::timed([after(5000, 200), after(10, 204)]);
            let begin = clock::now();
            let answer = run(&layer(&script, FIXED, 1.0), &call(Method::GET)).await.unwrap();
            assert_eq!((answer.status, clock::since(begin).as_millis()), (204, 110));
            assert_eq!((script.calls(), script.finished()), (2, 1), "the loser is cancelled");
        });
    }

    #[test]
    fn a_fast_answer_is_asked_once() {
        paused(async {
            let script = Script::timed([after(50, 200)]);
            run(&layer(&script, FIXED, 1.0), &call(Method::GET)).await.unwrap();
            assert_eq!(script.calls(), 1);
        });
    }

    #[test]
    fn a_failure_waits_for_the_other() {
        paused(async {
            for (first, second) in [(after(200, 503), after(300, 200)), (after(500, 200), after(20, 503))] {
                let script = Script::timed([first, second]);
                let answer = run(&layer(&script, FIXED, 1.0), &call(Method::GET)).await.unwrap();
                assert_eq!((answer.status, script.calls()), (200, 2));
            }
        });
    }

    #[test]
    fn writes_and_posts_are_asked_once() {
        paused(async {
            for asked in [call(Method::POST), Call { safety: Safety::Unsafe, ..call(Method::GET) }] {
                let script = Script::timed([after(1000, 200)]);
                run(&layer(&script, FIXED, 1.0), &asked).await.unwrap();
                assert_eq!(script.calls(), 1);
            }
        });
    }

    #[test]
    fn slow_is_what_is_slower_than_usual() {
        paused(async {
            let script = Script::timed((0..200).map(|_| after(20, 200)).chain([after(5000, 200), after(20, 200)]));
            let layer = layer(&script, HedgeAfter::Quantile(0.95), 0.05);
            for _ in 0..200 {
                run(&layer, &call(Method::GET)).await.unwrap();
            }
            assert_eq!(script.calls(), 200);
            let begin = clock::now();
            run(&layer, &call(Method::GET)).await.unwrap();
            assert!(clock::since(begin) < Duration::from_millis(50), "{:?}", clock::since(begin));
            assert_eq!(script.calls(), 202);
        });
    }

    #[test]
    fn a_call_ends_at_its_deadline_whoever_looks_after_it() {
        paused(async {
            let spec = Arc::new(UpstreamSpec::named("catalog"));
            // Asked twice while there are tokens, then once; and with a deadline before anybody would ask twice.
            for (hedge, calls) in [(FIXED, 12 + 10), (HedgeAfter::Fixed(Duration::from_secs(20)), 12)] {
                let script = Script::timed((0..100).map(|_| after(60_000, 200)));
                let layer =
                    Hedge { state: layer(&script, hedge, 0.0).state, inner: Deadline::new(&spec, script.clone()) };
                let begin = clock::now();
                let read = call(Method::GET);
                let ends = (0..12).map(|_| async {
                    let result = run(&layer, &read).await;
                    (matches!(result, Err(CallError::TimedOut { .. })), clock::since(begin).as_millis())
                });
                assert_eq!(futures_util::future::join_all(ends).await, [(true, 10_000); 12]);
                assert_eq!((script.calls(), script.finished()), (calls, 0));
            }
        });
    }

    #[test]
    fn when_all_is_slow_the_load_is_not_doubled() {
        paused(async {
            let script = Script::timed((0..2000).map(|_| after(1000, 200)));
            let layer = layer(&script, FIXED, 0.05);
            let calls = (0..1000).map(|_| async {
                let read = call(Method::GET);
                run(&layer, &read).await
            });
            futures_util::future::join_all(calls).await;
            assert!(script.calls() <= 1000 + 50 + 11, "{}", script.calls());
        });
    }
}
