//! Runs the demo service `catalog` alone.

#[tokio::main]
async fn main() -> std::process::ExitCode {
    kit::run("catalog", catalog::PORT, catalog::router).await
}
