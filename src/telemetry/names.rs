//! Names of metrics and labels: one place, so that a dashboard and the code agree.
//!
//! HTTP metrics follow OpenTelemetry's semantic conventions; ours start with `weft.`. Prometheus writes dots as
//! underscores and adds the unit: `http_server_request_duration_seconds`.

/// Time from the last byte of a GraphQL request to its answer, by status class. Its count is the number of requests.
pub const SERVER_REQUEST_DURATION: &str = "http.server.request.duration";
/// Time of one call of an upstream, by upstream and result. Its count is the number of calls.
pub const CLIENT_REQUEST_DURATION: &str = "http.client.request.duration";
/// Entries in `errors` of answers that have data.
pub const FIELD_ERRORS: &str = "weft.field.errors";
/// Requests refused before anything was executed, by code.
pub const REFUSALS: &str = "weft.refusals";
/// Operations that pass a limit on their size, by limit; refused or only reported.
pub const LIMITS_PASSED: &str = "weft.limits.passed";
/// Requests whose document is not trusted, while that is only reported, by outcome.
pub const DOCUMENTS_UNTRUSTED: &str = "weft.documents.untrusted";
/// Requests refused by a limit on rates, by its name.
pub const RATE_LIMITED: &str = "weft.rate.limited";
/// Sum of what operations were estimated to cost.
pub const COST_ESTIMATED: &str = "weft.cost.estimated";
/// Sum of what answers cost, where it is reckoned.
pub const COST_ACTUAL: &str = "weft.cost.actual";
/// Look-ups of the plan cache, by outcome.
pub const PLAN_CACHE_LOOKUPS: &str = "weft.plan.cache.lookups";
/// Operations that were answered by an equal one under way.
pub const SHARED_OPERATIONS: &str = "weft.shared.operations";
/// Answers that were given again, because all replies that they were made of were still fresh.
pub const ANSWERS_REPEATED: &str = "weft.answers.repeated";
/// Calls made once more, by upstream and outcome.
pub const RETRIES: &str = "weft.upstream.retries";
/// Second questions for slow calls, by upstream and outcome.
pub const HEDGES: &str = "weft.upstream.hedges";
/// Calls not made because too many wait, by upstream.
pub const SHEDS: &str = "weft.upstream.sheds";
/// How often a breaker opened, by upstream.
pub const BREAKER_OPENED: &str = "weft.upstream.breaker.opened";
/// What a breaker does: 0 closed, 1 half open, 2 open.
pub const BREAKER_STATE: &str = "weft.upstream.breaker.state";
/// Ejections of instances, by upstream.
pub const EJECTIONS: &str = "weft.upstream.ejections";
/// Instances, by upstream and state.
pub const INSTANCES: &str = "weft.upstream.instances";
/// Calls at once that an adaptive limit allows, by upstream.
pub const CONCURRENCY_LIMIT: &str = "weft.upstream.concurrency.limit";
/// Looks into the HTTP cache, by upstream and outcome.
pub const CACHE_LOOKUPS: &str = "weft.cache.lookups";
/// Bytes of stored replies.
pub const CACHE_SIZE: &str = "weft.cache.size";
/// Calls that were answered by an equal one in flight, by upstream.
pub const SHARED_CALLS: &str = "weft.shared.calls";
/// Tasks of the runtime that are alive: connections, requests under way, what runs beside them.
pub const TASKS: &str = "weft.tasks";
/// Questions to Redis, by outcome.
pub const REDIS_CALLS: &str = "weft.redis.calls";
/// Whether there is a connection to Redis: 1 or 0.
pub const REDIS_UP: &str = "weft.redis.up";

/// `2xx` and so on, or `failed` for a call without a usable reply.
pub const LABEL_STATUS_CLASS: &str = "status_class";
/// Name of the upstream.
pub const LABEL_UPSTREAM: &str = "upstream";
/// `hit` or `miss`, of the HTTP cache also `hit_redis`, `stale` and `revalidated`; of Redis `done`, `failed`, `skipped`; `made`, `won` or `no_budget`;
/// `proposed` or `left_out`.
pub const LABEL_OUTCOME: &str = "outcome";
/// A limit, as `weft.yaml` names it.
pub const LABEL_LIMIT: &str = "limit";
/// What a Redis is for: `cache` or `rates`.
pub const LABEL_PURPOSE: &str = "purpose";
/// `known` or `available`.
pub const LABEL_STATE: &str = "state";
/// An `ErrorCode`.
pub const LABEL_CODE: &str = "code";
