//! The demo service `accounts`.
