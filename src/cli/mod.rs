//! Floor 11.
