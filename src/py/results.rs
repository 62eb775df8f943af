//! Results and events as frozen objects over the core's own, shared values.

mod event;
mod html;
mod node;
mod run;

pub use event::{Event, EventData, EventInfo, Timestamp, Told};
pub use html::escape;
pub use node::NodeResult;
pub use run::RunResults;
