//! Connections: accepted in one place, and each answered by one thread from its first byte to its last.

mod connection;
pub(super) mod spool;
mod workers;

pub(super) use connection::serve_connection;
pub(super) use workers::Workers;
