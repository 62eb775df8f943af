//! Floor 9.
