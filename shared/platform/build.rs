//! Tells cargo to build anew when a migration is added: the compiler only notices changes in those it knows.

#![allow(clippy::print_stdout, reason = "the way to speak to cargo")]

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
