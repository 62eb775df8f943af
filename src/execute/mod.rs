//! Floor 8. Runs a plan: one coordinator thread owns the ready set, `threads` workers compile and materialize nodes,
//! each with a connection of its own; messages go over a channel.

pub mod cancel;
pub mod events;
pub mod result;

pub use cancel::CancelToken;
pub use events::{Event, EventSink, NoEvents};
pub use result::{FreshnessResult, FreshnessResults, NodeRef, NodeResult, RunResults, Status, Timing};
