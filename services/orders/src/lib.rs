//! The demo service `orders`.
