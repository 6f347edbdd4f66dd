//! Runs the demo service `inventory` alone.
fn main() {}
