//! The demo service `catalog`.
