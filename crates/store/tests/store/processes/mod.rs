//! What only several processes show: fairness, death, and what the system refuses.

mod child;
mod death;
mod limits;
mod machine;
mod many;
mod runs;
mod sends;
