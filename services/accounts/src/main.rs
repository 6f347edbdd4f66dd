//! Runs the demo service `accounts` alone.

#[tokio::main]
async fn main() -> std::process::ExitCode {
    kit::run("accounts", accounts::PORT, accounts::router).await
}
