//! `weir`: the command line.
fn main() {}
