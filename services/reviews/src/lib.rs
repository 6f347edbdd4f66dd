//! The demo service `reviews`.
