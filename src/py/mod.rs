//! Floor 12.
