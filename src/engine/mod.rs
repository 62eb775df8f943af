//! Floor 10.
