//! What weft does, seen from outside: one binary, a module per feature.

#[path = "../architecture.rs"]
mod architecture;
mod attacks;
mod audit;
mod authentication;
mod authorization;
mod cache;
mod commands;
mod connectors;
mod discovery;
mod docs;
mod documents;
mod hostile;
mod https;
mod joint;
mod limits;
mod priorities;
mod property;
mod rates;
mod redaction;
mod reload;
mod resilience;
mod shared;
mod signatures;
mod support;
mod traces;
