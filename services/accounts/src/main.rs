//! Runs the demo service `accounts` alone.
fn main() {}
