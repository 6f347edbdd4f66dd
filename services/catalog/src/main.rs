//! Runs the demo service `catalog` alone.
fn main() {}
