//! Diagnostics for people ([`text`]) and for programs ([`json`]).

mod json;
mod snippet;
mod text;

pub use json::json;
pub use text::{Style, text, text_with_summary};

#[cfg(test)]
mod tests;
