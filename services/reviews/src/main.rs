//! Runs the demo service `reviews` alone.

#[tokio::main]
async fn main() -> std::process::ExitCode {
    kit::run("reviews", reviews::PORT, reviews::router).await
}
