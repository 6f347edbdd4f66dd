//! What the demo services share: command line, database, call counter, request log.
