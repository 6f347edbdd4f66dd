//! Runs the demo service `inventory` alone.

#[tokio::main]
async fn main() -> std::process::ExitCode {
    kit::run("inventory", inventory::PORT, inventory::router).await
}
