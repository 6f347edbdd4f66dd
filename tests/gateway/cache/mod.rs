//! The HTTP cache, sentence by sentence of RFC 9111 and RFC 5861, over real sockets.

mod hints;
mod isolation;
#[cfg(feature = "redis")]
mod redis;
mod repeated;
mod script;
pub mod world;

use std::fmt::Write as _;

use futures_util::{StreamExt, stream};

use self::{
    script::{Action, Case, Expected, Given, How, Line, cases},
    world::{Answer, World},
};
use crate::support::{root, runtime};

/// So many cases the cache is held to at least.
const CASES_MIN: usize = 150;

#[test]
fn keeps_to_every_sentence() {
    let cases = cases();
    assert!(cases.len() >= CASES_MIN, "{} cases", cases.len());
    let failures: Vec<String> = runtime().block_on(async {
        let played = stream::iter(&cases)
            .map(|case| async move { play(case).await.err().map(|reason| format!("{}: {reason}", case.name)) });
        played.buffer_unordered(8).filter_map(std::future::ready).collect().await
    });
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

/// The table sentence → case is what the cases say; `WEFT_UPDATE=1` writes it.
#[test]
fn the_table_names_every_case() {
    let path = root().join("tests/cases/cache/README.md");
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let (head, _) = written.split_once("| Where |").unwrap_or((&written, ""));
    let mut text = format!("{head}| Where | Level | What | Case |\n|---|---|---|---|\n");
    for case in cases() {
        writeln!(text, "| {} | {} | {} | {} |", case.source, case.level, case.sentence, case.name).expect("memory");
    }
    if std::env::var("WEFT_UPDATE").is_ok() {
        std::fs::write(&path, &text).expect("a writable file");
    }
    assert!(written == text, "tests/cases/cache/README.md is not what the cases say: run this test with WEFT_UPDATE=1");
}

/// Plays a script. Errors: the line that did not hold.
async fn play(case: &Case) -> Result<(), String> {
    let mut cache = String::new();
    let mut beside = String::new();
    for Line { action, .. } in &case.lines {
        if let Action::Config(text) = action {
            let place = if text.starts_with("share") { &mut beside } else { &mut cache };
            writeln!(place, "{}{text}", if text.starts_with("share") { "    " } else { "      " }).expect("memory");
        }
    }
    let cache = if cache.is_empty() { String::new() } else { format!("    cache:\n{cache}") };
    let source =
        if cache.is_empty() && beside.is_empty() { String::new() } else { format!("sources:\n  s:\n{beside}{cache}") };
    let world = World::start(&source).await;
    for line in &case.lines {
        step(&world, &line.action).await.map_err(|reason| format!("`{}`: {reason}", line.text))?;
    }
    Ok(())
}

async fn step(world: &World, action: &Action) -> Result<(), String> {
    let service = || world.service.lock().expect("no panic in the stub");
    match action {
        Action::Config(_) => {}
        Action::Reply(status, headers) => service().reply = (*status, headers.clone()),
        Action::Revalidation(status, headers) => service().revalidation = Some((*status, headers.clone())),
        Action::Written(status, headers) => service().written = (*status, headers.clone()),
        Action::Down(is_down) => service().is_down = *is_down,
        Action::Wait(time) => world.clock.advance(*time),
        Action::Wrong(milliseconds) => world.clock.set_wrong(*milliseconds),
        Action::Ask { how, id, headers, expected } => holds(&world.ask(*how, id, headers).await, expected)?,
        Action::Soon(number) => {
            let started = std::time::Instant::now();
            loop {
                let answer = world.ask(How::Plain, "1", &[]).await;
                if answer.body["data"]["it"]["n"] == *number {
                    break;
                }
                if started.elapsed() > std::time::Duration::from_secs(20) {
                    return Err(format!("still {}", answer.body));
                }
                tokio::task::yield_now().await;
            }
        }
        Action::Write { method, id, is_refused } => {
            let answer = world.write(method, id).await;
            if answer.body["errors"].is_array() != *is_refused {
                return Err(format!("got {}", answer.body));
            }
        }
        Action::Purge(tags) => {
            let tags: Vec<&str> = tags.split(' ').collect();
            let (status, body) = world.purge(&serde_json::json!({ "tags": tags })).await;
            if status != 200 {
                return Err(format!("got {status} {body}"));
            }
        }
        Action::Calls(count) => {
            if world.reads() != *count {
                return Err(format!("{} reads reached the service", world.reads()));
            }
        }
        Action::Sent(name, value) => {
            let seen = world.upstream.seen();
            let given = seen.last().and_then(|seen| seen.header(name)).map(str::to_owned);
            if given.as_deref() != value.as_deref().map(|value| service().expand(value)).as_deref() {
                return Err(format!("got {given:?}"));
            }
        }
    }
    Ok(())
}

fn holds(answer: &Answer, expected: &Expected) -> Result<(), String> {
    let it = &answer.body["data"]["it"];
    let error = &answer.body["errors"][0];
    let told = || format!("got {} {} {:?}", answer.status, answer.body, answer.headers);
    let is_well = answer.body.get("errors").is_none();
    let is_right = match expected.data {
        Given::NoBody => answer.body.is_null(),
        Given::Null => it.is_null() && answer.body.is_object() && is_well,
        Given::Number(number) => it["n"] == number && is_well,
        Given::Error => {
            error.is_object() && expected.status.is_none_or(|status| error["extensions"]["http"]["status"] == status)
        }
    };
    if !is_right {
        return Err(told());
    }
    for (name, value) in &expected.headers {
        if answer.header(name) != value.as_deref() {
            return Err(format!("`{name}` should be {value:?}; {}", told()));
        }
    }
    if expected.answered.is_some_and(|status| status != answer.status) {
        return Err(told());
    }
    if expected.stale.is_some_and(|stale| answer.body["extensions"]["stale"].is_array() != stale) {
        return Err(told());
    }
    Ok(())
}
