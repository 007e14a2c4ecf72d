//! Whatever is done to a database, its anchor or its keys is found by `mab audit verify`, and named: against copies of a
//! data folder that real agents have filled.

#[expect(dead_code, reason = "the tests of the command line use the rest")]
#[path = "../cli/home.rs"]
mod home;

mod anchor;
mod attacker;
mod chain;
mod lowered;
mod reading;
mod scene;
mod tables;
