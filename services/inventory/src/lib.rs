//! The demo service `inventory`.
