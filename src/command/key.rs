//! `weft key`: API keys.

use std::process::ExitCode;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::{Failure, Outcome, output};

/// Bytes of a key that nobody can guess.
const KEY_BYTES: usize = 32;
/// Most letters of a name.
const NAME_MAX: usize = 64;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a key: the line for the file of keys goes to stdout, the key itself to stderr, once.
    New(New),
}

#[derive(Debug, clap::Args)]
pub(super) struct New {
    /// Whose key it is: letters, digits, `.`, `-` and `_`.
    name: String,
    /// What it may be used for; may be given several times.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Until when it is taken, such as `2027-01-31`. Default: for ever.
    #[arg(long, value_name = "DAY")]
    expires: Option<String>,
}

pub(super) fn run(command: &Command) -> Outcome {
    let Command::New(New { name, scopes, expires }) = command;
    let is_plain = |char: char| char.is_ascii_alphanumeric() || ".-_".contains(char);
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(is_plain) {
        let message = format!("`{name}` cannot name a key: use up to {NAME_MAX} letters, digits, `.`, `-` and `_`");
        return Err(Failure::Message(message));
    }
    if let Some(scope) = scopes.iter().find(|scope| scope.is_empty() || scope.contains(['\'', '\n', ' '])) {
        return Err(Failure::Message(format!("`{scope}` cannot be a scope: scopes have no spaces and no `'`")));
    }
    let mut bytes = [0; KEY_BYTES];
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    if provider.secure_random.fill(&mut bytes).is_err() {
        return Err(Failure::Message("the machine gives no random numbers".to_owned()));
    }
    let key = format!("weft_{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
    let hash = HEXLOWER.encode(&Sha256::digest(key.as_bytes()));
    let scopes = scopes.iter().map(|scope| format!("'{scope}'")).collect::<Vec<_>>().join(", ");
    let expires = expires.as_ref().map(|day| format!(", expires: '{day}'")).unwrap_or_default();
    let line = format!("- {{ id: {name}, sha256: {hash}, scopes: [{scopes}]{expires} }}");
    // A day that is none would make the whole file unusable.
    weft::config::api_keys_of(&line).map_err(Failure::Message)?;
    eprintln!("the key of `{name}`, shown only now: {key}");
    output::print(&line);
    Ok(ExitCode::SUCCESS)
}
