//! A call that failed is made again, where that is safe, affordable and in time.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::{HeaderName, HeaderValue, header};

use super::{
    Call, CallError, Kept, Reply, Safety, Sent, UpstreamSpec,
    budget::Budget,
    clock,
    instances::Instances,
    service::{Passage, Sendings, Service},
};
use crate::{
    aside::aside,
    config,
    telemetry::{ResilienceMetrics, metrics},
};

/// The first wait is at most this, each further one at most twice as long.
const WAIT: Duration = Duration::from_millis(25);

/// No wait of our own is longer.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Makes failed calls again: reads (and whatever else the settings name) after a lost connection, a cut body, a try that took
/// too long, 502, 503, 504 and 429; everything where nothing was sent. Writes otherwise only with an idempotency key.
///
/// The waits have full jitter, so that callers who failed together do not come back together (M. Brooker, "Exponential
/// Backoff And Jitter", 2015). The number of tries is bounded for each call, and by a budget for all calls of the source.
/// Errors: those of the last try.
#[derive(Debug)]
pub(super) struct Retry<S> {
    state: Option<State>,
    inner: S,
}

#[derive(Debug)]
struct State {
    settings: config::Retry,
    budget: Arc<Budget>,
    instances: Option<Arc<Instances>>,
    metrics: ResilienceMetrics,
}

impl<S> Retry<S> {
    pub(super) fn new(spec: &Arc<UpstreamSpec>, kept: &Kept, instances: Option<&Arc<Instances>>, inner: S) -> Self {
        let state = spec.retry.as_ref().map(|settings| State {
            settings: settings.clone(),
            budget: kept.share(&spec.name, &("retry", settings.budget.to_bits()), || Budget::new(settings.budget)),
            instances: instances.cloned(),
            metrics: metrics().resilience(&spec.name),
        });
        Self { state, inner }
    }
}

impl<S: Service> Service for Retry<S> {
    async fn call(&self, call: &Call, mut passage: Passage) -> Result<Box<Reply>, CallError> {
        let Some(state) = &self.state else { return self.inner.call(call, passage).await };
        state.budget.deposit();
        state.identify(call, &mut passage);
        passage.longest = state.settings.timeout;
        let sendings = passage.sendings();
        let result = self.inner.call(call, passage).await;
        match state.wait(call, &sendings, &result, 0) {
            None => result,
            Some(wait) => aside(|| self.repeat(state, call, sendings, result, wait)).await,
        }
    }
}

impl<S: Service> Retry<S> {
    /// Makes a call that failed again, first after `wait`.
    async fn repeat(
        &self,
        state: &State,
        call: &Call,
        sendings: Arc<Sendings>,
        mut result: Result<Box<Reply>, CallError>,
        mut wait: Duration,
    ) -> Result<Box<Reply>, CallError> {
        for repeats in 1.. {
            if !state.budget.withdraw() {
                state.metrics.retry_refused();
                break;
            }
            // Its body is not needed while waiting.
            drop(result);
            clock::sleep(wait).await;
            state.metrics.retried();
            let mut passage = sendings.passage();
            passage.longest = state.settings.timeout;
            result = self.inner.call(call, passage).await;
            match state.wait(call, &sendings, &result, repeats) {
                Some(longer) => wait = longer,
                None => break,
            }
        }
        result
    }
}

impl State {
    /// Gives a write its idempotency key, the same for all its tries.
    fn identify(&self, call: &Call, passage: &mut Passage) {
        let Some(name) = &self.settings.idempotency_key else { return };
        if call.safety == Safety::Unsafe && !call.headers.contains_key(name) {
            let key = uuid::Uuid::now_v7().to_string();
            let key = HeaderValue::try_from(key).expect("hexadecimal digits and hyphens");
            passage.headers.insert(HeaderName::clone(name), key);
        }
    }

    /// How long to wait before the call is made again; `None`: it is not, as mostly.
    #[inline]
    fn wait(
        &self,
        call: &Call,
        sendings: &Sendings,
        result: &Result<Box<Reply>, CallError>,
        repeats: u32,
    ) -> Option<Duration> {
        let is_repeated = repeats < self.settings.attempts && self.may_repeat(call, result);
        if is_repeated { self.pause(call, sendings, result, repeats) } else { None }
    }

    /// How long to wait before a call that may be made again is; `None`: there is no time for that.
    fn pause(
        &self,
        call: &Call,
        sendings: &Sendings,
        result: &Result<Box<Reply>, CallError>,
        repeats: u32,
    ) -> Option<Duration> {
        let most = WAIT.saturating_mul(1 << repeats.min(10)).min(WAIT_MAX);
        let mut wait = most.mul_f64(fastrand::f64());
        if let Ok(reply) = result
            && let Some(asked) = retry_after(reply)
        {
            // A 503 speaks for one instance; another one need not wait.
            let elsewhere = reply.status == 503 && self.has_other(sendings);
            if !elsewhere {
                wait = wait.max(asked);
            }
        }
        // What would begin at the end has no time to be answered.
        (clock::moment() + wait < call.end_by(sendings.deadline())).then_some(wait)
    }

    /// Whether there is an instance that was not asked.
    fn has_other(&self, sendings: &Sendings) -> bool {
        self.instances.as_ref().is_some_and(|instances| instances.has_other(&sendings.tried))
    }

    #[inline]
    fn may_repeat(&self, call: &Call, result: &Result<Box<Reply>, CallError>) -> bool {
        match result {
            Ok(reply) => matches!(reply.status, 429 | 502 | 503 | 504) && self.is_repeatable(call),
            Err(CallError::Connection { sent: Sent::Nothing, .. }) => true,
            Err(
                CallError::Connection { sent: Sent::Maybe, .. }
                | CallError::TimedOut { .. }
                | CallError::Unreadable { .. },
            ) => self.is_repeatable(call),
            Err(
                CallError::TooLarge { .. }
                | CallError::Overloaded { .. }
                | CallError::Unavailable { .. }
                | CallError::Invalid { .. },
            ) => false,
        }
    }

    /// Whether it does no harm when the service sees it twice.
    fn is_repeatable(&self, call: &Call) -> bool {
        match call.safety {
            Safety::Safe => self.settings.methods.contains(&call.method),
            Safety::Unsafe => self.settings.idempotency_key.is_some(),
        }
    }
}

/// What a reply asks to wait. Source: RFC 9110, 10.2.3: seconds or a date.
fn retry_after(reply: &Reply) -> Option<Duration> {
    let text = reply.headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::upstream::clock::paused;
    use crate::upstream::testing::{Script, call, reply, run, unreachable};

    const SECOND: Duration = Duration::from_secs(1);

    fn layer(settings: config::Retry, script: &Script) -> Retry<Script> {
        let spec = Arc::new(UpstreamSpec { retry: Some(settings), ..UpstreamSpec::named("catalog") });
        Retry::new(&spec, &Kept::default(), None, script.clone())
    }

    fn once() -> config::Retry {
        config::Retry { attempts: 1, ..config::Retry::default() }
    }

    #[test]
    fn what_may_have_been_an_accident_is_tried_again() {
        paused(async {
            for status in [429, 502, 503, 504] {
                let script = Script::of([Ok(reply(status)), Ok(reply(200))]);
                let answer = run(&layer(once(), &script), &call(Method::GET)).await.unwrap();
                assert_eq!((answer.status, script.calls()), (200, 2), "{status}");
            }
            for status in [200, 304, 400, 404, 500, 501] {
                let script = Script::of([Ok(reply(status)), Ok(reply(200))]);
                let answer = run(&layer(once(), &script), &call(Method::GET)).await.unwrap();
                assert_eq!((answer.status, script.calls()), (status, 1), "{status}");
            }
        });
    }

    #[test]
    fn tries_are_counted() {
        paused(async {
            let settings = config::Retry { attempts: 2, ..config::Retry::default() };
            let script = Script::of([Ok(reply(503)), Ok(reply(503)), Ok(reply(502)), Ok(reply(200))]);
            let answer = run(&layer(settings, &script), &call(Method::GET)).await.unwrap();
            assert_eq!((answer.status, script.calls()), (502, 3));
        });
    }

    #[test]
    fn a_write_is_never_made_twice() {
        paused(async {
            let maybe = || Err(unreachable(Sent::Maybe));
            for first in [Ok(reply(503)), maybe()] {
                let script = Script::of([first, Ok(reply(200))]);
                let write = Call { safety: Safety::Unsafe, ..call(Method::PUT) };
                let _ = run(&layer(once(), &script), &write).await;
                assert_eq!(script.calls(), 1);
            }
            // Nobody got it.
            let script = Script::of([Err(unreachable(Sent::Nothing)), Ok(reply(200))]);
            let write = Call { safety: Safety::Unsafe, ..call(Method::POST) };
            assert_eq!(run(&layer(once(), &script), &write).await.unwrap().status, 200);
            assert_eq!(script.calls(), 2);
        });
    }

    #[test]
    fn a_write_with_a_key_is_made_again_with_the_same_key() {
        paused(async {
            let name = HeaderName::from_static("idempotency-key");
            let settings = config::Retry { idempotency_key: Some(name.clone()), ..once() };
            let script = Script::of([Err(unreachable(Sent::Maybe)), Ok(reply(200))]);
            let write = Call { safety: Safety::Unsafe, ..call(Method::POST) };
            assert_eq!(run(&layer(settings, &script), &write).await.unwrap().status, 200);
            let sent = script.headers();
            assert!(sent[0].contains_key(&name));
            assert_eq!(sent[0].get(&name), sent[1].get(&name));
        });
    }

    #[test]
    fn a_read_by_post_is_made_again_only_where_the_settings_say_so() {
        paused(async {
            let script = Script::of([Ok(reply(503)), Ok(reply(200))]);
            run(&layer(once(), &script), &call(Method::POST)).await.unwrap();
            assert_eq!(script.calls(), 1);
            let settings = config::Retry { methods: vec![Method::GET, Method::POST], ..once() };
            let script = Script::of([Ok(reply(503)), Ok(reply(200))]);
            run(&layer(settings, &script), &call(Method::POST)).await.unwrap();
            assert_eq!(script.calls(), 2);
        });
    }

    #[test]
    fn waits_are_jittered_and_short() {
        paused(async {
            let script = Script::of((0..3).map(|_| Ok(reply(503))));
            let begin = clock::now();
            run(&layer(config::Retry::default(), &script), &call(Method::GET)).await.unwrap();
            assert!(clock::since(begin) <= 3 * WAIT + Duration::from_millis(3), "{:?}", clock::since(begin));
        });
    }

    fn later(status: u16, after: &str) -> Box<Reply> {
        let mut reply = reply(status);
        Arc::make_mut(&mut reply.headers).insert(header::RETRY_AFTER, after.parse().unwrap());
        reply
    }

    #[test]
    fn a_service_that_names_a_time_gets_it() {
        paused(async {
            let script = Script::of([Ok(later(429, "2")), Ok(reply(200))]);
            let begin = clock::now();
            assert_eq!(run(&layer(once(), &script), &call(Method::GET)).await.unwrap().status, 200);
            assert!(clock::since(begin) >= 2 * SECOND);
            // Later than the caller waits: told at once.
            let script = Script::of([Ok(later(503, "60")), Ok(reply(200))]);
            let begin = clock::now();
            assert_eq!(run(&layer(once(), &script), &call(Method::GET)).await.unwrap().status, 503);
            assert_eq!((clock::since(begin), script.calls()), (Duration::ZERO, 1));
            let date = httpdate::fmt_http_date(SystemTime::now() + 3600 * SECOND);
            assert!(retry_after(&later(503, &date)).is_some_and(|wait| wait > 3590 * SECOND));
            assert_eq!(retry_after(&later(503, "Sat, 01 Jan 2000 00:00:00 GMT")), Some(Duration::ZERO));
            assert_eq!(retry_after(&later(503, "soon")), None);
        });
    }

    #[test]
    fn nothing_begins_after_the_callers_deadline() {
        paused(async {
            let script = Script::of([Ok(later(503, "1")), Ok(reply(200))]);
            let read = Call { deadline: Some(clock::now() + SECOND / 2), ..call(Method::GET) };
            assert_eq!(run(&layer(once(), &script), &read).await.unwrap().status, 503);
            assert_eq!(script.calls(), 1);
        });
    }

    #[test]
    fn a_storm_is_not_amplified() {
        paused(async {
            let script = Script::of((0..4000).map(|_| Ok(reply(503))));
            let layer = layer(config::Retry::default(), &script);
            let calls = futures_util::future::join_all((0..1000).map(|_| async {
                let read = call(Method::GET);
                run(&layer, &read).await
            }));
            calls.await;
            assert!(script.calls() <= 1000 + 200 + 10 + 1, "{}", script.calls());
        });
    }
}
