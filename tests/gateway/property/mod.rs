//! Planned execution equals a naive interpreter, on generated schemas, data and operations.
//!
//! In process: the gateway as it is, over a real socket to a service that answers from the generated data. `WEFT_PROPERTY_CASES`
//! sets the number of operations, `WEFT_PROPERTY_SEED` the seed.

mod access;
mod choices;
mod naive;
mod operation;
mod plans;
mod world;

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use choices::Choices;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use operation::Operation;
use proptest::{
    collection::vec,
    prelude::any,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};
use serde_json::{Value, json};
use weft::{
    config::{self, Overrides},
    error::{Format, SourceText, render},
    gateway::{Gateway, Snapshot},
    schema::File,
    upstream::{Kept, Transport},
};
use world::World;

use crate::support::{compare::same, runtime, scratch};

/// Operations asked of one schema.
const OPERATIONS: usize = 25;
/// Most items of a list, of a world's data.
const LIST_MAX: usize = 3;
/// Operations in all, unless the environment says otherwise.
const CASES: usize = 10_000;

/// The services of the world that is being tried.
#[derive(Clone, Default)]
struct Services {
    world: Arc<Mutex<Option<Arc<World>>>>,
    calls: Arc<AtomicUsize>,
    /// Calls that write, in order.
    writes: Arc<Mutex<Vec<String>>>,
}

#[test]
fn planned_execution_equals_a_naive_interpreter() {
    let runtime = runtime();
    let services = Services::default();
    let address = runtime.block_on(serve(services.clone()));
    let folder = scratch("property");
    let file = folder.join("weft.yaml");
    let settings = json!({
        "schema": [],
        "sources": { "rest": { "urls": [format!("http://{address}")] } },
        // Nothing is too dear, and no list of these worlds is longer than it is estimated.
        "limits": { "mode": "report" },
        "cost": { "list_size": LIST_MAX, "header": true },
    });
    std::fs::write(&file, settings.to_string()).expect("the scratch folder can be written");
    let settings = config::load(Some(&file), &Overrides::default())
        .unwrap_or_else(|findings| panic!("{}", render(&findings, Format::Human { color: false })));
    let _ = std::fs::remove_dir_all(folder);

    let cases = number("WEFT_PROPERTY_CASES").unwrap_or(CASES).div_ceil(OPERATIONS);
    let streams = (vec(any::<u16>(), 0..400), vec(vec(any::<u16>(), 0..150), OPERATIONS));
    let result = runner(cases).run(&streams, |(world, operations)| {
        let world = Arc::new(World::generate(&mut Choices::new(&world)));
        *services.world.lock().expect("no panic in the services") = Some(world.clone());
        let files = files_of(&world);
        let sdl = world.sdl().join("\n# --- next file\n");
        runtime.block_on(async {
            let snapshot = Snapshot::of_files(&settings, &files, &Transport::default(), &Kept::default()).map_err(|findings| {
                TestCaseError::fail(format!("refused:\n{}\n{sdl}", render(&findings, Format::Human { color: false })))
            })?;
            let gateway = Gateway::new(snapshot.0);
            for stream in operations {
                let operation = Operation::generate(&world, &mut Choices::new(&stream));
                let text = operation.text(&world);
                services.calls.store(0, Ordering::Relaxed);
                services.writes.lock().expect("no panic in the services").clear();
                let (answer, cost) = ask(&gateway, &text, &operation).await;
                let wanted = naive::interpret(&world, &operation);
                let calls = services.calls.load(Ordering::Relaxed);
                let writes = services.writes.lock().expect("no panic in the services").clone();
                let judged = judge(&wanted, &answer, calls).and_then(|()| is_within(&cost, calls)).and_then(|()| {
                    let is_so = writes == wanted.writes;
                    is_so.then_some(()).ok_or_else(|| format!("writes: {writes:?} instead of {:?}", wanted.writes))
                });
                if let Err(reason) = judged {
                    let variables = Value::Object(operation.variables.clone());
                    return Err(TestCaseError::fail(format!(
                        "{reason}\n--- operation\n{text}\n{variables}\n--- schema\n{sdl}\n--- services\n{}\n--- answer\n{answer}\n--- expected\n{wanted:?}",
                        services_as_text(&world)
                    )));
                }
            }
            Ok(())
        })
    });
    match result {
        Ok(()) => {}
        // The streams that it shrank to say nothing; the world they make is in the reason.
        Err(TestError::Fail(reason, _)) => panic!("{reason}"),
        Err(error) => panic!("{error}"),
    }
}

fn number(name: &str) -> Option<usize> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Tries so many cases, the same at every run unless the environment gives another seed.
fn runner(cases: usize) -> TestRunner {
    let config = Config {
        cases: u32::try_from(cases).expect("a sensible number of cases"),
        failure_persistence: None,
        max_shrink_iters: 600,
        ..Config::default()
    };
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&(number("WEFT_PROPERTY_SEED").unwrap_or_default() as u64).to_le_bytes());
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

/// The files of a world's schema.
fn files_of(world: &World) -> Vec<File> {
    let files = world.sdl().into_iter().enumerate().map(|(number, text)| {
        let source = Arc::new(SourceText { name: format!("world{number}.graphql"), text });
        File { subgraph: format!("world{number}"), source }
    });
    files.collect()
}

/// The answer, and what it says of its cost.
async fn ask(gateway: &Gateway, query: &str, operation: &Operation) -> (Value, String) {
    let variables = weft::mapping::Value::from(&Value::Object(operation.variables.clone()));
    let weft::mapping::Value::Object(variables) = variables else { unreachable!("given an object") };
    let request = weft::gateway::Request { query: Some(query.into()), variables, ..Default::default() };
    match gateway.answer(&request).await {
        Ok(answer) => {
            let cost = answer.headers.iter().find(|(name, _)| name == "weft-cost");
            let cost = cost.map(|(_, value)| value.to_str().expect("plain text").to_owned()).unwrap_or_default();
            let body = serde_json::from_slice(&answer.body);
            let broken = |error| json!({ "broken": format!("{error}: {}", String::from_utf8_lossy(&answer.body)) });
            (body.unwrap_or_else(broken), cost)
        }
        Err(refusal) => (json!({ "refused": format!("{refusal:?}") }), String::new()),
    }
}

/// Whether an answer cost no more than was estimated, and made no more calls.
fn is_within(cost: &str, calls: usize) -> Result<(), String> {
    let number = |name: &str| -> Result<u64, String> {
        let found = cost.split(", ").find_map(|item| item.strip_prefix(name)?.strip_prefix('='));
        found.and_then(|number| number.parse().ok()).ok_or_else(|| format!("no {name} in `{cost}`"))
    };
    let (estimated, actual, estimated_calls) = (number("estimated")?, number("actual")?, number("calls")?);
    if actual > estimated {
        return Err(format!("it cost {actual}, and {estimated} was estimated"));
    }
    if calls as u64 > estimated_calls {
        return Err(format!("{calls} calls, and {estimated_calls} were estimated"));
    }
    Ok(())
}

/// Whether an answer is one that the interpreter allows.
fn judge(wanted: &naive::Expected, answer: &Value, calls: usize) -> Result<(), String> {
    if !same(&wanted.data, answer.get("data").ok_or("no data")?) {
        return Err(format!("data: expected {}", wanted.data));
    }
    if !in_order(&wanted.data, &answer["data"]) {
        return Err("the keys are not in the order of the operation".into());
    }
    let mut errors = answer["errors"].as_array().cloned().unwrap_or_default();
    // Past a hundred, one entry without a path counts the rest.
    let is_cut = errors.len() == 101 && errors[100]["path"].is_null();
    if is_cut {
        errors.pop();
    }
    let paths: Vec<&Vec<Value>> = errors
        .iter()
        .map(|error| error["path"].as_array().ok_or_else(|| format!("an error without a path: {error}")))
        .collect::<Result<_, _>>()?;
    if let Some(path) = paths.iter().find(|path| !wanted.allowed.contains(path)) {
        return Err(format!("errors: unexpected at {}", json!(path)));
    }
    if !is_cut {
        for required in &wanted.required {
            if !paths.contains(&required) {
                return Err(format!("errors: none at {}", json!(required)));
            }
        }
        for place in &wanted.explained {
            // The error of a batch stands at the list whose objects it was for (reference 6.6): above the null that it explains.
            if !paths.iter().any(|path| path.starts_with(place) || place.starts_with(path)) {
                return Err(format!("errors: nothing explains the null at {}", json!(place)));
            }
        }
    }
    if calls > wanted.calls {
        return Err(format!("{calls} calls, {} would do without any plan", wanted.calls));
    }
    Ok(())
}

/// Whether equal values have their keys in equal order.
fn in_order(wanted: &Value, given: &Value) -> bool {
    match (wanted, given) {
        (Value::Object(a), Value::Object(b)) => {
            a.iter().zip(b).all(|((left, a), (right, b))| left == right && in_order(a, b))
        }
        (Value::Array(a), Value::Array(b)) => a.iter().zip(b).all(|(a, b)| in_order(a, b)),
        _ => true,
    }
}

fn services_as_text(world: &World) -> String {
    let mut lines: Vec<String> = world.replies.iter().map(|(path, reply)| format!("{path} {reply:?}")).collect();
    for (number, entity) in world.entities.iter().enumerate() {
        lines.push(format!("T{number} {:?}", entity.resolver));
        lines.extend(entity.rows.iter().map(|row| format!("    down: {} {}", row.is_down, row.json)));
    }
    lines.join("\n")
}

/// Starts the services on a free port.
async fn serve(services: Services) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    tokio::spawn(async move {
        loop {
            let Ok((socket, _)) = listener.accept().await else { continue };
            let _ = socket.set_nodelay(true);
            let services = services.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request: Request<Incoming>| {
                    let services = services.clone();
                    async move { Ok::<_, Infallible>(reply(&services, request).await) }
                });
                let _ =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    address
}

async fn reply(services: &Services, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    services.calls.fetch_add(1, Ordering::Relaxed);
    let world = services.world.lock().expect("no panic in the services").clone().expect("a world is being tried");
    let target = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    if target.starts_with("/do/") {
        services.writes.lock().expect("no panic in the services").push(target.to_owned());
    }
    let (status, body) = world.post(target, &body);
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .expect("a valid answer")
}
