//! Servers that follow the target's own and take some of its reading: what [`Adapter::replicas`](super::Adapter) gives.

use super::{Connection, DbError, DbResult};

/// The read replicas of a target. They never get a statement before they have what the target's own server had.
pub trait Replicas: Send + Sync {
    /// A session that cannot write, on one of them; in turn.
    fn connect(&self, name: &str) -> DbResult<Box<dyn Connection>>;

    /// How far the changes of the target's own server have come; None if it does not count them.
    fn position(&self, primary: &mut dyn Connection) -> DbResult<Option<String>>;

    /// Waits until the replica has come there too. False when it took too long.
    fn catch_up(&self, replica: &mut dyn Connection, position: &str) -> DbResult<bool>;

    /// Whether a statement failed only because it writes: then it has done nothing.
    fn refused_to_write(&self, error: &DbError) -> bool;
}
