//! Runs the demo service `orders` alone.

#[tokio::main]
async fn main() -> std::process::ExitCode {
    kit::run("orders", orders::PORT, orders::router).await
}
