//! A connection to Redis.

use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, ServerErrorKind, aio::MultiplexedConnection};
use tokio::time::timeout;

use super::{Fault, Value};
use crate::config::Redis;

/// Calls under way over one connection; more wait for their turn within their own time.
const PIPELINE_MAX: usize = 1024;

/// A Lua script, sent whole once and by its hash afterwards.
#[derive(Debug)]
pub struct Script(redis::Script);

impl Script {
    /// With this text.
    pub fn new(text: &str) -> Self {
        Self(redis::Script::new(text))
    }
}

/// One connection, shared by all who ask: their commands follow each other in the order in which they were given.
#[derive(Clone)]
pub(super) struct Link(MultiplexedConnection);

impl std::fmt::Debug for Link {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Link").finish_non_exhaustive()
    }
}

impl Link {
    /// Connects, and waits until Redis has answered: one that is frozen or still loads its data is not there.
    pub(super) async fn open(settings: &Redis) -> Result<Self, Fault> {
        let opening = async {
            let client = Client::open(settings.url.as_str())?;
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(None)
                .set_response_timeout(None)
                .set_pipeline_buffer_size(PIPELINE_MAX);
            let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
            redis::cmd("PING").exec_async(&mut connection).await?;
            Ok(Self(connection))
        };
        // One limit around all of it, names and greetings included.
        timeout(settings.connect_timeout, opening).await.map_err(|_| Fault::Late)?.map_err(|error| fault(&error))
    }

    pub(super) async fn run<'a>(
        &self,
        Script(script): &Script,
        keys: impl IntoIterator<Item = &'a [u8]>,
        arguments: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Value, Fault> {
        let mut connection = self.0.clone();
        let mut invocation = script.prepare_invoke();
        for key in keys {
            invocation.key(key);
        }
        for argument in arguments {
            invocation.arg(argument);
        }
        let value: redis::Value = invocation.invoke_async(&mut connection).await.map_err(|error| fault(&error))?;
        Ok(read(value))
    }
}

fn read(value: redis::Value) -> Value {
    match value {
        redis::Value::Int(number) => Value::Number(number),
        redis::Value::BulkString(bytes) => Value::Bytes(bytes.into()),
        redis::Value::SimpleString(text) => Value::Bytes(text.into()),
        redis::Value::Array(values) => Value::List(values.into_iter().map(read).collect()),
        // What scripts of ours do not give.
        _ => Value::Null,
    }
}

/// What an error means for the connection. Its text has no address and no credentials in it.
fn fault(error: &RedisError) -> Fault {
    let reason = match (error.kind(), error.code()) {
        (ErrorKind::Io, _) => "the connection failed".to_owned(),
        (_, Some(code)) => format!("{code} {}", error.detail().unwrap_or_default()),
        (kind, None) => format!("{kind:?}").to_lowercase(),
    };
    match error.kind() {
        // A server that is no longer, or not yet, the one to ask: the next connection finds the right one.
        ErrorKind::Server(
            ServerErrorKind::BusyLoading
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ReadOnly
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::Moved,
        ) => Fault::Lost(reason),
        ErrorKind::Server(_) | ErrorKind::Extension => Fault::Refused(reason),
        _ => Fault::Lost(reason),
    }
}
