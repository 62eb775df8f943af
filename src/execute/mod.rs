//! Floor 8. Runs a plan: one coordinator thread owns the ready set, `threads` workers compile and materialize nodes,
//! each with a connection of its own; messages go over a channel.

mod audit;
mod batches;
pub mod cancel;
mod clone;
mod coordinator;
mod describe;
pub mod events;
mod freshness;
mod hooks;
mod materialize;
mod operation;
mod prepare;
mod preview;
mod recover;
pub mod result;
mod run;
mod test;
mod unit_test;
mod worker;

pub use cancel::CancelToken;
pub use describe::describe;
pub use events::{Event, EventSink, NoEvents, Phase};
pub use freshness::freshness;
pub use operation::{operation, statement};
pub use preview::{compiled, preview};
pub use result::{
    BatchResults, FreshnessResult, FreshnessResults, Member, NodeRef, NodeResult, RunResults, Status, Timing,
};
pub use run::{BatchSettings, Job, Populate, Settings, run};
