//! Runs the demo service `reviews` alone.
fn main() {}
