//! Floor 8.
