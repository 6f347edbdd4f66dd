//! Runs the demo service `orders` alone.
fn main() {}
