//! mab
fn main() {}
