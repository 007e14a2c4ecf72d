//! `mab setup` as people run it: the built program, in homes and projects of their own, with clients that are scripts.

mod backups;
mod doctor;
mod home;
mod refusals;
mod round_trip;
mod said;
