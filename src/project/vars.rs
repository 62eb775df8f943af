//! Variables.
/// Merged variables of every package.
#[derive(Debug, Default)]
pub struct Vars {}
